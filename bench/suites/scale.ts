/**
 * Scale: what happens to memory and to the cost of a task when there are more of them?
 *
 * Inputs come from a generator and the task is `x => x + 1`, so nothing but the runtime itself grows. Time
 * counts from the call to the last outcome, with the start of the threads in it: a first run, as a command
 * has it. `values()` and p-map give back an array of all values, 8 bytes each at best; `for await` drops each
 * outcome. Memory is the highest resident size of the whole process, threads included. Cases that queue
 * everything have a time limit.
 */

import { join } from 'node:path';
import { createRuntime, task } from '../heddle.js';
import { peakMb } from '../peak.js';
import type { LinePlot } from '../plot.js';
import { missingRival, piscina, pMap } from '../rivals.js';
import { type Case, type Goal, power, type Suite, sized, THREADS, taskModule, timed } from '../suite.js';
import type increment from '../tasks/increment.js';
import { inFolder } from './durability-records.js';

const QUEUED_LIMIT_MS = 90_000;
const P_MAP_AT_ONCE = 16;

const PEAK = 'peak MB';
const SECONDS = 's';
const COST = 'us per task';

function* counting(count: number): Generator<number> {
  for (let input = 0; input < count; input++) yield input;
}

/** Runs that many tasks, and returns how many outcomes there were. */
type Runner = (count: number) => Promise<number>;

const reference = () => task<typeof increment>(taskModule('increment'));

const forAwait =
  (session?: string): Runner =>
  async (count) => {
    const runtime = createRuntime({ threads: THREADS });
    let seen = 0;
    const options = session === undefined ? {} : { session };
    for await (const outcome of runtime.run(reference(), counting(count), options)) seen += outcome.attempts;
    return seen;
  };

const withSession: Runner = (count) => inFolder((folder) => forAwait(join(folder, 'session'))(count));

const allValues: Runner = async (count) => {
  const runtime = createRuntime({ threads: THREADS });
  return (await runtime.run(reference(), counting(count)).values()).length;
};

const queuedInPiscina: Runner = async (count) => {
  const pool = piscina(taskModule('increment'), { tuning: 'best' });
  return (await Promise.all(Array.from(counting(count), (input) => pool.run(input)))).length;
};

const inlineWithPMap: Runner = async (count) => {
  const map = await pMap();
  const values = await map(counting(count), async (input) => input + 1, { concurrency: P_MAP_AT_ONCE });
  return values.length;
};

/** A way to do the work, and how much of it. */
interface Way {
  readonly name: string;
  readonly run: Runner;
  readonly counts: readonly number[];
  readonly extra?: Partial<Case>;
}

const FOR_AWAIT = 'heddle for await';
const WAYS: readonly Way[] = [
  { name: FOR_AWAIT, run: forAwait(), counts: [1e5, 1e6, 1e7] },
  { name: 'heddle values()', run: allValues, counts: [1e5, 1e6, 1e7] },
  { name: 'heddle with a session', run: withSession, counts: [1e5, 1e6] },
  {
    name: 'Piscina, all queued',
    run: queuedInPiscina,
    counts: [1e5, 1e6],
    extra: { limitMs: QUEUED_LIMIT_MS },
  },
  {
    name: 'p-map in this thread',
    run: inlineWithPMap,
    counts: [1e5, 1e6, 1e7],
    extra: { missing: () => missingRival('p-map'), limitMs: QUEUED_LIMIT_MS },
  },
];

const nameOf = (way: string, count: number) => `${way}, ${power(sized(count))}`;

function casesOf({ name, run, counts, extra }: Way): Case[] {
  return counts.map((full) => {
    const count = sized(full);
    const measure = async () => {
      let seen = 0;
      const ms = await timed(async () => {
        seen = await run(count);
      });
      if (seen !== count) throw new Error(`${seen} outcomes of ${count}`);
      return { [PEAK]: peakMb(), [SECONDS]: ms / 1000, [COST]: (ms / count) * 1000 };
    };
    return { ...extra, name: nameOf(name, full), measure };
  });
}

const peakAt = (count: number) => (figure: (name: string, figure: string) => number) =>
  figure(nameOf(FOR_AWAIT, count), PEAK);

const bounded = (count: number, atMost: number): Goal => ({
  what: `${power(sized(count))} streamed inputs, peak MB`,
  atMost,
  of: peakAt(count),
});

const growth = (from: number, to: number, atMost: number): Goal => ({
  what: `${power(sized(to))} - ${power(sized(from))}, peak MB`,
  atMost,
  of: (figure) => peakAt(to)(figure) - peakAt(from)(figure),
});

const against = (file: string, question: string, figure: string, axis: string): LinePlot => ({
  shape: 'lines',
  file,
  question,
  x: { name: 'inputs', logBase: 10 },
  y: { name: axis, logBase: 2 },
  lines: WAYS.map(({ name, counts }) => ({
    name,
    points: counts.map((count) => ({ x: sized(count), case: nameOf(name, count), figure })),
  })),
});

export const scale: Suite = {
  name: 'scale',
  question: 'More inputs: does memory grow with them, and does a task cost more?',
  rounds: 3,
  warmUp: 'none, threads start within the time',
  cases: WAYS.flatMap(casesOf),
  goals: [
    bounded(1e6, 130),
    bounded(1e7, 250),
    growth(1e5, 1e6, 10),
    growth(1e6, 1e7, 10),
    {
      what: `${power(sized(1e7))} / ${power(sized(1e6))} streamed inputs, us per task`,
      atMost: 1,
      of: (figure) => figure(nameOf(FOR_AWAIT, 1e7), COST) / figure(nameOf(FOR_AWAIT, 1e6), COST),
    },
    {
      what: `${power(sized(1e6))}: Piscina with everything queued / heddle for await, peak MB`,
      atLeast: 10,
      of: (figure) => figure(nameOf('Piscina, all queued', 1e6), PEAK) / peakAt(1e6)(figure),
    },
  ],
  plots: [
    against('scale', 'Does memory grow with the number of inputs?', PEAK, 'highest resident size (MB)'),
    against('scale-time', 'Does a task cost more when there are more of them?', COST, 'time per task (us)'),
  ],
};
