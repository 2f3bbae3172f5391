/**
 * Lanes: what does a limit cost that never limits, and does a limit that does keep its word without giving
 * time away?
 *
 * The cost is measured on asynchronous tasks that do nothing, on this thread, each in a chunk of its own with
 * and without a lane.
 *
 * The rates are those of a provider that counts calls in a sliding window. The floor is what such a provider
 * allows: a whole window's worth at once, as often as windows have passed. A burst of the whole limit comes
 * near to it; the default, an even pace, is for providers that do not like bursts, and gives away the first
 * window. `fullest window` counts starts; more than the limit is a violation.
 */

import { createRuntime } from '../heddle.js';
import { bottleneck, limitedQueue, missingRival } from '../rivals.js';
import { type Case, type Figures, type Lookup, type Suite, sized, timed } from '../suite.js';
import wait from '../tasks/wait.js';

const COUNT = sized(1e5);
const WARM_UP = sized(1e4);
const AT_ONCE = 10;

type Call = (index: number) => Promise<unknown>;
type Runner = (count: number, call: Call) => Promise<unknown>;
type Lane = NonNullable<NonNullable<Parameters<ReturnType<typeof createRuntime>['run']>[2]>['lane']>;

/** Every kind of limit, none of which is reached. */
const NEVER: Lane = {
  concurrency: 1000,
  rate: { limit: 200_000, perMs: 100, burst: 200_000 },
  budgets: [{ unit: 'tokens', limit: 1e12, perMs: 100, burst: 1e12, estimate: () => 1 }],
};

function heddle(lane?: Lane, concurrency: number = AT_ONCE): () => Promise<Runner> {
  return async () => {
    const runtime = createRuntime({ threads: 1 });
    return async (count, call) => {
      const run = runtime.run(call, Array(count).keys(), { concurrency, chunk: 1, lane });
      const report = await run.report();
      if (report.succeeded !== count) throw new Error(`${report.succeeded} of ${count} succeeded`);
    };
  };
}

const EMPTY = 'heddle, a lane without limits';
const NONE = 'heddle, no lane';
const ALL = 'heddle, four limits that are never reached';

function cost(name: string, count: number, start: () => Promise<Runner>, missing?: Case['missing']): Case {
  const measure = async (): Promise<Figures> => {
    const run = await start();
    const call = async (index: number) => index;
    await run(Math.min(WARM_UP, count), call);
    return { 'ns/task': ((await timed(() => run(count, call))) / count) * 1e6 };
  };
  return { name, measure, ...(missing && { missing }) };
}

/** A provider that allows so many calls in any window. */
interface Limit {
  readonly name: string;
  readonly tasks: number;
  readonly limit: number;
  readonly perMs: number;
  readonly concurrency: number;
}

const SLOW: Limit = { name: '66 tasks, 20 in 3 s', tasks: 66, limit: 20, perMs: 3000, concurrency: 10 };
const FAST: Limit = { name: '1000 tasks, 100 in 1 s', tasks: 1000, limit: 100, perMs: 1000, concurrency: 50 };
const CALL_MS = 5;

function kept(name: string, limit: Limit, start: () => Promise<Runner>, missing?: Case['missing']): Case {
  const measure = async (): Promise<Figures> => {
    const run = await start();
    const starts: number[] = [];
    const call = async (index: number) => {
      starts.push(performance.now());
      await wait(CALL_MS);
      return index;
    };
    const ms = await timed(() => run(limit.tasks, call));
    return { ms, 'fullest window': fullest(starts, limit.perMs), 'of the limit': limit.limit };
  };
  return { name: `${name}, ${limit.name}`, measure, ...(missing && { missing }) };
}

function fullest(starts: readonly number[], perMs: number): number {
  let first = 0;
  let most = 0;
  for (const [last, at] of starts.entries()) {
    while ((starts[first] as number) <= at - perMs) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

function rated(limit: Limit): Case[] {
  const { limit: calls, perMs, concurrency } = limit;
  return [
    kept(
      'heddle, burst of the limit',
      limit,
      heddle({ rate: { limit: calls, perMs, burst: calls } }, concurrency),
    ),
    kept('heddle, even pace', limit, heddle({ rate: { limit: calls, perMs } }, concurrency)),
    kept(
      'p-queue, strict',
      limit,
      () => limitedQueue({ concurrency, intervalCap: calls, interval: perMs, strict: true }),
      () => missingRival('p-queue'),
    ),
    kept(
      'bottleneck, reservoir',
      limit,
      () => bottleneck({ maxConcurrent: concurrency, ...reservoir(calls, perMs) }),
      () => missingRival('bottleneck'),
    ),
  ];
}

function reservoir(calls: number, perMs: number): object {
  return {
    reservoir: calls,
    reservoirRefreshAmount: calls,
    // It refreshes in steps of 250 ms only.
    reservoirRefreshInterval: Math.ceil(perMs / 250) * 250,
  };
}

const floorMs = ({ tasks, limit, perMs }: Limit) => Math.floor((tasks - 1) / limit) * perMs + CALL_MS;

function goalsOf(limit: Limit): Suite['goals'] {
  const burst = `heddle, burst of the limit, ${limit.name}`;
  const pace = `heddle, even pace, ${limit.name}`;
  return [
    {
      what: `${limit.name}, burst: time / floor`,
      atMost: 1.1,
      of: (figure: Lookup) => figure(burst, 'ms') / floorMs(limit),
    },
    {
      what: `${limit.name}, even pace: time / floor`,
      atMost: 1.1,
      of: (figure: Lookup) => figure(pace, 'ms') / floorMs(limit),
    },
    ...[burst, pace].map((name) => ({
      what: `${name}: fullest window`,
      atMost: limit.limit,
      of: (figure: Lookup) => figure(name, 'fullest window'),
    })),
  ];
}

export const lanes: Suite = {
  name: 'lanes',
  question: 'What does a limit cost that never limits, and does one that does keep its word?',
  rounds: 3,
  warmUp: `costs: ${WARM_UP} tasks; rates: none`,
  cases: [
    cost(NONE, COUNT, heddle()),
    cost(EMPTY, COUNT, heddle({})),
    cost(ALL, COUNT, heddle(NEVER)),
    cost(
      'p-queue, a limit that is never reached',
      COUNT,
      () => limitedQueue({ concurrency: AT_ONCE, intervalCap: 200_000, interval: 100 }),
      () => missingRival('p-queue'),
    ),
    cost(
      'bottleneck, a limit that is never reached',
      COUNT / 50,
      () => bottleneck({ maxConcurrent: AT_ONCE, reservoir: 1e9 }),
      () => missingRival('bottleneck'),
    ),
    ...rated(SLOW),
    ...rated(FAST).map((each) => ({ ...each, rounds: 1 })),
  ],
  goals: [
    {
      what: 'four limits / no lane, ns/task',
      atMost: 1.5,
      of: (figure) => figure(ALL, 'ns/task') / figure(NONE, 'ns/task'),
    },
    {
      what: 'four limits / p-queue, ns/task',
      atMost: 2,
      of: (figure) => figure(ALL, 'ns/task') / figure('p-queue, a limit that is never reached', 'ns/task'),
    },
    {
      what: 'four limits / bottleneck, ns/task',
      atMost: 0.1,
      of: (figure) => figure(ALL, 'ns/task') / figure('bottleneck, a limit that is never reached', 'ns/task'),
    },
    ...goalsOf(SLOW),
    ...goalsOf(FAST),
  ],
};
