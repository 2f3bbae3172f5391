/**
 * Trivial tasks: what does a task cost beside its own work?
 *
 * All inputs are numbers from a generator, all threads are started and warmed up with 5000 tasks before the
 * clock runs, and every sum of values is checked. Rivals are used in two ways: with a few tasks outstanding,
 * where they are at their best, and with all queued at once, as `Promise.all(inputs.map(...))` does it. With
 * a few outstanding the rate does not depend on the number of tasks, so those cases run 1e5 or fewer. Cases
 * that queue everything have a time limit: some rivals search their queue for every task.
 */

import { BarePool } from '../bare-pool.js';
import { createRuntime, type Run, task } from '../heddle.js';
import {
  missingRival,
  type PiscinaSettings,
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
  power,
  type Suite,
  sized,
  THREADS,
  taskModule,
  timed,
} from '../suite.js';
import type increment from '../tasks/increment.js';

const WARM_UP = sized(5000);
/** The size of heddle's own chunks with such tasks, and of lists that are made by hand. */
const LIST = 1000;
/** Lists that each thread holds when lists are sent by hand. */
const AHEAD = 2;
/** Ten times what the slowest rival takes for 1e5 tasks. */
const LIMIT_MS = 60_000;
/** Rounds of what takes up to a minute. */
const FEW_ROUNDS = 2;

function* counting(count: number): Generator<number> {
  for (let input = 0; input < count; input++) yield input;
}

async function rateOf(count: number, work: (count: number) => Promise<number>): Promise<Figures> {
  await work(WARM_UP);
  let sum = 0;
  const ms = await timed(async () => {
    sum = await work(count);
  });
  if (sum !== (count * (count + 1)) / 2) throw new Error(`The values of ${count} tasks add up to ${sum}`);
  return { 'tasks/s': (count / ms) * 1000 };
}

async function sumOfValues(run: Run<number>): Promise<number> {
  let sum = 0;
  for (const value of await run.values()) sum += value;
  return sum;
}

async function sumOfOutcomes(run: Run<number>): Promise<number> {
  let sum = 0;
  for await (const outcome of run) {
    if (outcome.status === 'succeeded') sum += outcome.value;
  }
  return sum;
}

function heddle(
  name: string,
  count: number,
  sumUp: typeof sumOfValues,
  chunk: number | 'auto' = 'auto',
): Case {
  const measure = () => {
    const runtime = createRuntime({ threads: THREADS });
    const reference = task<typeof increment>(taskModule('increment'));
    return rateOf(count, (size) => sumUp(runtime.run(reference, counting(size), { chunk })));
  };
  return { name, measure };
}

/** What a rival is called, how it starts, and why it cannot. */
interface Rival {
  readonly name: string;
  readonly start: () => Promise<TaskPool>;
  readonly missing?: () => string | undefined;
}

/** One task at a time, `lanes` of them outstanding. */
function perTask({ name, start, missing }: Rival, count: number, lanes: number): Case {
  const measure = async () => {
    const pool = await start();
    return rateOf(count, async (size) => {
      let sum = 0;
      await inLanes(size, lanes, async (input) => {
        const value = (await pool.run(input)) as number;
        sum += value;
      });
      return sum;
    });
  };
  return { name, measure, limitMs: LIMIT_MS, ...(missing && { missing }) };
}

/** All at once. */
function queued({ name, start, missing }: Rival, count: number, rounds: number): Case {
  const measure = async () => {
    const pool = await start();
    return rateOf(count, async (size) => {
      const values = await Promise.all(Array.from(counting(size), (input) => pool.run(input)));
      return values.reduce((sum: number, value) => sum + (value as number), 0);
    });
  };
  return { name, measure, rounds, limitMs: LIMIT_MS, ...(missing && { missing }) };
}

/** Lists of a fixed size, a few on their way to each thread. */
function inLists(
  name: string,
  count: number,
  size: number,
  start: () => Promise<(list: number, inputs: readonly number[]) => Promise<readonly number[]>>,
): Case {
  const measure = async () => {
    const send = await start();
    return rateOf(count, async (total) => {
      const inputs = counting(total);
      let sum = 0;
      await inLanes(Math.ceil(total / size), THREADS * AHEAD, async (number) => {
        const list: number[] = [];
        for (let next = inputs.next(); next.done !== true; next = inputs.next()) {
          list.push(next.value);
          if (list.length === size) break;
        }
        for (const value of await send(number, list)) sum += value;
      });
      return sum;
    });
  };
  return { name, measure };
}

async function piscinaInLists(): Promise<
  (list: number, inputs: readonly number[]) => Promise<readonly number[]>
> {
  const pool = piscina(taskModule('increment-chunk'), { tuning: 'best', perWorker: AHEAD });
  return (_, inputs) => pool.run(inputs);
}

async function bareInLists(): Promise<
  (list: number, inputs: readonly number[]) => Promise<readonly number[]>
> {
  const pool = await BarePool.start(taskModule('increment'));
  return (list, inputs) => pool.send(list, inputs) as Promise<readonly number[]>;
}

const onePiscina = (settings: PiscinaSettings) => () => piscinaPool(taskModule('increment'), settings);

/** One message for each task, to the threads in turn. */
async function bareMessages(): Promise<TaskPool> {
  const pool = await BarePool.start(taskModule('increment'));
  let next = 0;
  return { run: async (input) => (await pool.send(next++, [input]))[0] };
}

const loop = (count: number): Case => ({
  name: nameOf(LOOP, count),
  measure: async () => {
    const { default: call } = (await import(taskModule('increment').href)) as { default: typeof increment };
    return rateOf(count, async (size) => {
      const values: number[] = [];
      for (const input of counting(size)) values.push(call(input));
      return values.reduce((sum, value) => sum + value, 0);
    });
  },
});

const RATE = 'tasks/s';
const LOOP = 'loop in this thread';
const BARE_LISTS = 'bare postMessage, lists of 1000 by hand';
const PISCINA_LISTS = 'Piscina, lists of 1000 by hand';
const VALUES = 'heddle values()';
const OUTCOMES = 'heddle for await';
const SINGLE = 'heddle values(), chunk: 1';
const PISCINA_BEST = 'Piscina run(), best settings';
const PISCINA_DEFAULT = 'Piscina run(), default';
const PISCINA_AHEAD = 'Piscina run(), one ahead';
const PISCINA_QUEUED = 'Piscina run(), all queued';

const [ALL, FEW, FEWER] = [sized(1e6), sized(1e5), sized(5e4)];
const nameOf = (way: string, count: number) => `${way}, ${power(count)}`;

const absent = (name: 'tinypool' | 'workerpool' | 'poolifier') => () => missingRival(name);

const ONE_AT_A_TIME: readonly Case[] = [
  perTask({ name: nameOf('bare postMessage, 64 outstanding', FEW), start: bareMessages }, FEW, 64),
  perTask({ name: nameOf(PISCINA_BEST, FEW), start: onePiscina({ tuning: 'best', perWorker: 64 }) }, FEW, 32),
  perTask({ name: nameOf(PISCINA_DEFAULT, FEWER), start: onePiscina({ tuning: 'default' }) }, FEWER, 64),
  perTask(
    { name: nameOf(PISCINA_AHEAD, FEWER), start: onePiscina({ tuning: 'best', perWorker: 2 }) },
    FEWER,
    4,
  ),
  heddle(nameOf(SINGLE, FEWER), FEWER, sumOfValues, 1),
  perTask(
    {
      name: nameOf('tinypool run(), 64 outstanding', FEW),
      start: () => tinypool(taskModule('increment'), 16),
      missing: absent('tinypool'),
    },
    FEW,
    64,
  ),
  perTask(
    {
      name: nameOf('workerpool exec(), 64 outstanding', FEW),
      start: () => workerpool('increment'),
      missing: absent('workerpool'),
    },
    FEW,
    64,
  ),
  perTask(
    {
      name: nameOf('poolifier execute(), 64 outstanding', FEW),
      start: () => poolifier('increment'),
      missing: absent('poolifier'),
    },
    FEW,
    64,
  ),
];

const QUEUED: readonly Rival[] = [
  { name: PISCINA_QUEUED, start: onePiscina({ tuning: 'best', perWorker: 64 }) },
  {
    name: 'tinypool run(), all queued',
    start: () => tinypool(taskModule('increment'), 16),
    missing: absent('tinypool'),
  },
  {
    name: 'workerpool exec(), all queued',
    start: () => workerpool('increment'),
    missing: absent('workerpool'),
  },
  {
    name: 'poolifier execute(), all queued',
    start: () => poolifier('increment'),
    missing: absent('poolifier'),
  },
];

const casesOf = (count: number): Case[] => [
  loop(count),
  inLists(nameOf(BARE_LISTS, count), count, LIST, bareInLists),
  inLists(nameOf(PISCINA_LISTS, count), count, LIST, piscinaInLists),
  heddle(nameOf(VALUES, count), count, sumOfValues),
  heddle(nameOf(OUTCOMES, count), count, sumOfOutcomes),
  ...QUEUED.map((rival) => queued({ ...rival, name: nameOf(rival.name, count) }, count, FEW_ROUNDS)),
];

/** How many times as fast one case is as another. */
const times =
  (one: string, other: string) =>
  (figure: Lookup): number =>
    figure(one, RATE) / figure(other, RATE);

/** Beside `values()` over the same inputs; what runs fewer tasks is beside `values()` over 1e5. */
function heddleTimes(caseName: string, figure: Lookup): number {
  const count = caseName.endsWith(`, ${power(ALL)}`) ? ALL : FEW;
  return figure(nameOf(VALUES, count), RATE) / figure(caseName, RATE);
}

const goal = (what: string, atLeast: number, one: string, other: string): Goal => ({
  what,
  atLeast,
  of: times(one, other),
});

const [BEST, AS_IT_COMES] = [nameOf(PISCINA_BEST, FEW), nameOf(PISCINA_DEFAULT, FEWER)];

const WAYS = [LOOP, BARE_LISTS, PISCINA_LISTS, VALUES, OUTCOMES, ...QUEUED.map(({ name }) => name)];
/** In the plot: without the number of tasks, which is a colour there. */
const wayOf = (caseName: string) => caseName.slice(0, caseName.lastIndexOf(', '));

export const pools: Suite = {
  name: 'pools',
  question: 'Trivial tasks (x => x + 1) on two threads: how many a second, and what do chunks save?',
  rounds: 5,
  warmUp: `threads started, where there are any, and ${WARM_UP} tasks`,
  cases: [...casesOf(ALL), ...casesOf(FEW), ...ONE_AT_A_TIME],
  compared: { heading: 'heddle values() / this', of: heddleTimes },
  goals: [
    goal(`${power(ALL)}: heddle values() / Piscina run() at its best`, 40, nameOf(VALUES, ALL), BEST),
    goal(`${power(ALL)}: heddle values() / Piscina run() as it comes`, 90, nameOf(VALUES, ALL), AS_IT_COMES),
    goal(
      `${power(ALL)}: heddle values() / Piscina, lists by hand`,
      0.9,
      nameOf(VALUES, ALL),
      nameOf(PISCINA_LISTS, ALL),
    ),
    goal(
      `${power(ALL)}: heddle values() / bare postMessage`,
      0.7,
      nameOf(VALUES, ALL),
      nameOf(BARE_LISTS, ALL),
    ),
    goal(`${power(ALL)}: heddle for await / Piscina run() at its best`, 30, nameOf(OUTCOMES, ALL), BEST),
    goal(`${power(FEW)}: heddle values() / Piscina run() at its best`, 25, nameOf(VALUES, FEW), BEST),
    goal(
      `${power(FEW)}: heddle values() / Piscina, lists by hand`,
      0.6,
      nameOf(VALUES, FEW),
      nameOf(PISCINA_LISTS, FEW),
    ),
    goal(
      'heddle with chunk: 1 / Piscina run() with one ahead',
      0.95,
      nameOf(SINGLE, FEWER),
      nameOf(PISCINA_AHEAD, FEWER),
    ),
  ],
  plots: [
    {
      shape: 'bars',
      file: 'pools',
      question: 'Trivial tasks on two threads: how many a second?',
      value: { name: 'tasks per second (median)', logBase: 10 },
      groups: [...WAYS, ...ONE_AT_A_TIME.map(({ name }) => wayOf(name))],
      bars: [ALL, FEW].map((count) => ({
        name: count === FEW ? `${power(count)} tasks or fewer` : `${power(count)} tasks`,
        places: [
          ...WAYS.map((way) => ({ case: nameOf(way, count), figure: RATE })),
          ...ONE_AT_A_TIME.map(({ name }) => (count === FEW ? { case: name, figure: RATE } : undefined)),
        ],
      })),
    },
  ],
};
