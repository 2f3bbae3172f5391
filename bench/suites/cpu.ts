/**
 * CPU-bound tasks: how much of two cores becomes work?
 *
 * Work is counted in steps of a loop, never in time. How many steps a millisecond has is measured once, in a process of
 * its own, as the fastest of many tries, and then given to every case: all cases do exactly the same work. The baseline is two
 * bare threads that get half of the work each in one message. For uneven tasks the halves are balanced by
 * steps beforehand, which nobody could do who does not know them.
 */

import { BarePool } from '../bare-pool.js';
import { createRuntime, task } from '../heddle.js';
import { missingRival, piscina, tinypool } from '../rivals.js';
import {
  type Case,
  type Figures,
  type Goal,
  inLanes,
  type Suite,
  THREADS,
  taskModule,
  timed,
} from '../suite.js';
import burn from '../tasks/burn.js';

/** A batch of tasks, by their length in milliseconds. */
interface Batch {
  readonly name: string;
  readonly lengths: readonly number[];
}

const BATCHES: readonly Batch[] = [
  { name: '2000 x 1 ms', lengths: Array.from({ length: 2000 }, () => 1) },
  { name: '20000 x 100 us', lengths: Array.from({ length: 20_000 }, () => 0.1) },
  { name: 'heavy tail', lengths: heavyTail() },
];

/** 98 % take half a millisecond, 2 % take 25 ms, in an order that is mixed and always the same. */
function heavyTail(): number[] {
  let state = 20;
  return Array.from({ length: 2000 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 < 0.02 ? 25 : 0.5;
  });
}

const STEPS = 'steps per ms';
const WARM_UP = Array.from({ length: 100 }, () => 0.5);

/** How many steps one undisturbed core makes in a millisecond. */
async function calibrate(): Promise<Figures> {
  const steps = 1e6;
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 400; i++) {
    const startedAt = performance.now();
    burn(steps);
    best = Math.min(best, performance.now() - startedAt);
  }
  return { [STEPS]: Math.round(steps / best) };
}

/** Runs a list of tasks, given as their steps. */
type Runner = (steps: readonly number[]) => Promise<unknown>;

function measured(
  name: string,
  { lengths }: Batch,
  start: () => Promise<Runner>,
  missing?: () => string | undefined,
): Case {
  const measure = async (shared: Figures) => {
    const toSteps = (ms: number) => Math.round(ms * (shared[STEPS] ?? Number.NaN));
    const run = await start();
    await run(WARM_UP.map(toSteps));
    const steps = lengths.map(toSteps);
    return { ms: await timed(() => run(steps)) };
  };
  return { name, measure, ...(missing && { missing }) };
}

async function inOneThread(): Promise<Runner> {
  return async (list) => {
    for (const steps of list) burn(steps);
  };
}

async function inTwoBareThreads(): Promise<Runner> {
  const pool = await BarePool.start(taskModule('burn'));
  return (list) => Promise.all(balanced(list).map((half, thread) => pool.send(thread, half)));
}

/** Deals out the longest first, each to whoever has less. */
function balanced(list: readonly number[]): number[][] {
  const halves = Array.from({ length: THREADS }, () => ({ sum: 0, list: [] as number[] }));
  for (const steps of list.toSorted((a, b) => b - a)) {
    const half = halves.reduce((least, each) => (each.sum < least.sum ? each : least));
    half.sum += steps;
    half.list.push(steps);
  }
  return halves.map((half) => half.list);
}

async function inHeddle(): Promise<Runner> {
  const runtime = createRuntime({ threads: THREADS });
  const reference = task<typeof burn>(taskModule('burn'));
  return (list) => runtime.run(reference, list).values();
}

async function inPiscinaQueue(): Promise<Runner> {
  const pool = piscina(taskModule('burn'), { tuning: 'default' });
  return (list) => Promise.all(list.map((steps) => pool.run(steps)));
}

async function inPiscinaAhead(): Promise<Runner> {
  const pool = piscina(taskModule('burn'), { tuning: 'best', perWorker: 2 });
  return (list) => inLanes(list.length, THREADS * 2, (index) => pool.run(list[index]));
}

async function inTinypool(): Promise<Runner> {
  const pool = await tinypool(taskModule('burn'), 1);
  return (list) => inLanes(list.length, THREADS * 2, (index) => pool.run(list[index]));
}

const bare = ({ name }: Batch) => `two bare threads, ${name}`;
const heddle = ({ name }: Batch) => `heddle, ${name}`;

function casesOf(batch: Batch): Case[] {
  const { name } = batch;
  return [
    measured(`one thread, ${name}`, batch, inOneThread),
    measured(bare(batch), batch, inTwoBareThreads),
    measured(heddle(batch), batch, inHeddle),
    measured(`Piscina, all queued, ${name}`, batch, inPiscinaQueue),
    measured(`Piscina, one ahead, ${name}`, batch, inPiscinaAhead),
    measured(`tinypool, ${name}`, batch, inTinypool, () => missingRival('tinypool')),
  ];
}

const efficiency = (batch: Batch, atLeast: number): Goal => ({
  what: `${batch.name}: two bare threads / heddle`,
  atLeast,
  of: (figure) => figure(bare(batch), 'ms') / figure(heddle(batch), 'ms'),
});

const BOUNDS = [0.97, 0.93, 0.95];

export const cpu: Suite = {
  name: 'cpu',
  question:
    'CPU-bound tasks on two threads: how close to two bare threads that were given everything at once?',
  rounds: 5,
  prepare: calibrate,
  cases: BATCHES.flatMap(casesOf),
  goals: BATCHES.map((batch, i) => efficiency(batch, BOUNDS[i] ?? 1)),
};
