/**
 * CPU-bound tasks: how much of two cores becomes work?
 *
 * Work is counted in steps of a loop, never in time. How many steps a millisecond has is measured once, in a
 * process of its own, as the fastest of many tries, and then given to every case: all cases do exactly the
 * same work. The baseline is two bare threads that get half of the work each in one message. For uneven tasks
 * the halves are balanced by steps beforehand, which needs to know the steps in advance.
 */

import { BarePool } from '../bare-pool.js';
import { createRuntime, task } from '../heddle.js';
import {
  missingRival,
  piscina,
  piscinaPool,
  poolifier,
  type TaskPool,
  tinypool,
  workerpool,
} from '../rivals.js';
import {
  type Case,
  type Figures,
  type Goal,
  inLanes,
  type Lookup,
  type Suite,
  sized,
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

const equal = (count: number, ms: number) => Array.from({ length: sized(count) }, () => ms);

const BATCHES: readonly Batch[] = [
  { name: `${sized(2000)} x 1 ms`, lengths: equal(2000, 1) },
  { name: `${sized(20_000)} x 100 us`, lengths: equal(20_000, 0.1) },
  { name: 'heavy tail', lengths: heavyTail() },
  { name: `${sized(100)} x 20 ms`, lengths: equal(100, 20) },
];

/** 98 % take half a millisecond, 2 % take 25 ms, in an order that is mixed and always the same. */
function heavyTail(): number[] {
  let state = 20;
  return Array.from({ length: sized(2000) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 < 0.02 ? 25 : 0.5;
  });
}

/** Twenty times what the slowest case should take; poolifier sometimes loses a task. */
const LIMIT_MS = 60_000;
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
  missing: (() => string | undefined) | undefined,
): Case {
  const measure = async (shared: Figures) => {
    const toSteps = (ms: number) => Math.round(ms * (shared[STEPS] ?? Number.NaN));
    const run = await start();
    await run(WARM_UP.map(toSteps));
    const steps = lengths.map(toSteps);
    return { ms: await timed(() => run(steps)) };
  };
  return { name, measure, limitMs: LIMIT_MS, ...(missing && { missing }) };
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

/** Assigns the longest first, each to the thread that has less. */
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

/** One message for each task, to the threads in turn, which is fair to tasks of one length only. */
async function inBareMessages(): Promise<Runner> {
  const pool = await BarePool.start(taskModule('burn'));
  return (list) => inLanes(list.length, THREADS * 2, (index) => pool.send(index, [list[index]]));
}

/** Two tasks for each thread at a time: one runs, one is at hand. */
const aheadIn = (start: () => Promise<TaskPool>) => async (): Promise<Runner> => {
  const pool = await start();
  return (list) => inLanes(list.length, THREADS * 2, (index) => pool.run(list[index]));
};

interface Way {
  readonly name: string;
  readonly start: () => Promise<Runner>;
  readonly missing?: () => string | undefined;
}

const BARE = 'two bare threads';
const HEDDLE = 'heddle';
const WAYS: readonly Way[] = [
  { name: 'loop in this thread', start: inOneThread },
  { name: BARE, start: inTwoBareThreads },
  { name: HEDDLE, start: inHeddle },
  { name: 'bare postMessage, one ahead', start: inBareMessages },
  { name: 'Piscina, all queued', start: inPiscinaQueue },
  {
    name: 'Piscina, one ahead',
    start: aheadIn(() => piscinaPool(taskModule('burn'), { tuning: 'best', perWorker: 2 })),
  },
  {
    name: 'tinypool, one ahead',
    start: aheadIn(() => tinypool(taskModule('burn'), 2)),
    missing: () => missingRival('tinypool'),
  },
  {
    name: 'workerpool, one ahead',
    start: aheadIn(() => workerpool('burn')),
    missing: () => missingRival('workerpool'),
  },
  {
    name: 'poolifier, one ahead',
    start: aheadIn(() => poolifier('burn')),
    missing: () => missingRival('poolifier'),
  },
];

const nameOf = (way: string, batch: Batch) => `${way}, ${batch.name}`;

const casesOf = (batch: Batch): Case[] =>
  WAYS.map(({ name, start, missing }) => measured(nameOf(name, batch), batch, start, missing));

const EFFICIENCY = 'efficiency';

/** What part of the time of two bare threads. */
function efficiencyOf(caseName: string, figure: Lookup): number {
  const batch = BATCHES.find(({ name }) => caseName.endsWith(`, ${name}`));
  return batch === undefined ? Number.NaN : figure(nameOf(BARE, batch), 'ms') / figure(caseName, 'ms');
}

const efficiency = (batch: Batch, atLeast: number): Goal => ({
  what: `${batch.name}: two bare threads / heddle`,
  atLeast,
  of: (figure) => efficiencyOf(nameOf(HEDDLE, batch), figure),
});

const BOUNDS = [0.97, 0.93, 0.95, 0.97];

export const cpu: Suite = {
  name: 'cpu',
  question:
    'CPU-bound tasks on two threads: how close to two bare threads that were given everything at once?',
  rounds: 5,
  warmUp: 'threads started, 100 tasks of half a millisecond',
  prepare: calibrate,
  cases: BATCHES.flatMap(casesOf),
  compared: { heading: EFFICIENCY, of: efficiencyOf },
  goals: BATCHES.map((batch, i) => efficiency(batch, BOUNDS[i] ?? 1)),
  plots: [
    {
      shape: 'bars',
      file: 'cpu',
      question: 'CPU-bound tasks on two threads: how much of the time becomes work?',
      value: { name: 'efficiency: time of two bare threads that got everything at once / time (median)' },
      groups: BATCHES.map(({ name }) => name),
      bars: WAYS.map(({ name }) => ({
        name,
        places: BATCHES.map((batch) => ({ case: nameOf(name, batch), figure: EFFICIENCY })),
      })),
    },
  ],
};
