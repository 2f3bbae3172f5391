/**
 * Trivial tasks: what does a task cost beside its own work?
 *
 * All inputs are numbers from a generator, all threads are started and warmed up with 5000 tasks before the clock runs, and
 * every sum of values is checked. Cases that are given one task at a time are too slow for 1e6 tasks in every round;
 * they show the same rate at any number, so they run fewer.
 */

import { BarePool } from '../bare-pool.js';
import { createRuntime, type Run, task } from '../heddle.js';
import { missingRival, type PiscinaSettings, piscina, tinypool, workerpool } from '../rivals.js';
import { type Case, type Figures, inLanes, type Suite, THREADS, taskModule, timed } from '../suite.js';
import type increment from '../tasks/increment.js';

const WARM_UP = 5000;
/** What heddle's own chunks grow to with such tasks; lists that are made by hand have the same size. */
const LIST = 1000;
/** Lists that each thread holds when lists are sent by hand. */
const AHEAD = 2;

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

function perTask(
  name: string,
  count: number,
  lanes: number,
  start: () => Promise<{ run(input: unknown): Promise<unknown> }>,
  missing?: () => string | undefined,
): Case {
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
  return { name, measure, ...(missing && { missing }) };
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

const onePiscina = (settings: PiscinaSettings) => async () => piscina(taskModule('increment'), settings);

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

async function loop(): Promise<Figures> {
  const { default: call } = (await import(taskModule('increment').href)) as { default: typeof increment };
  return rateOf(1e6, async (count) => {
    const values: number[] = [];
    for (const input of counting(count)) values.push(call(input));
    return values.reduce((sum, value) => sum + value, 0);
  });
}

const RATE = 'tasks/s';

/** How many times as fast one case is as another. */
const times =
  (one: string, other: string) =>
  (figure: (name: string, figure: string) => number): number =>
    figure(one, RATE) / figure(other, RATE);

export const pools: Suite = {
  name: 'pools',
  question: 'Trivial tasks (x => x + 1) on two threads: how many a second, and what do chunks save?',
  rounds: 5,
  cases: [
    { name: 'loop in this thread, 1e6', measure: loop },
    inLists('bare postMessage, lists of 1000 by hand, 1e6', 1e6, LIST, bareInLists),
    inLists('Piscina, lists of 1000 by hand, 1e6', 1e6, LIST, piscinaInLists),
    heddle('heddle values(), 1e6', 1e6, sumOfValues),
    heddle('heddle for await, 1e6', 1e6, sumOfOutcomes),
    inLists('bare postMessage, lists of 1000 by hand, 1e5', 1e5, LIST, bareInLists),
    inLists('Piscina, lists of 1000 by hand, 1e5', 1e5, LIST, piscinaInLists),
    heddle('heddle values(), 1e5', 1e5, sumOfValues),
    heddle('heddle for await, 1e5', 1e5, sumOfOutcomes),
    perTask('Piscina run(), best settings', 1e5, 32, onePiscina({ tuning: 'best', perWorker: 64 })),
    perTask('Piscina run(), default', 5e4, 64, onePiscina({ tuning: 'default' })),
    perTask('Piscina run(), one ahead', 5e4, 4, onePiscina({ tuning: 'best', perWorker: 2 })),
    heddle('heddle values(), chunk: 1', 5e4, sumOfValues, 1),
    perTask(
      'tinypool run()',
      5e4,
      64,
      () => tinypool(taskModule('increment'), 16),
      () => missingRival('tinypool'),
    ),
    perTask('workerpool exec()', 5e4, 64, workerpool, () => missingRival('workerpool')),
  ],
  goals: [
    {
      what: '1e6: heddle values() / Piscina run() at its best',
      atLeast: 40,
      of: times('heddle values(), 1e6', 'Piscina run(), best settings'),
    },
    {
      what: '1e6: heddle values() / Piscina run() as it comes',
      atLeast: 90,
      of: times('heddle values(), 1e6', 'Piscina run(), default'),
    },
    {
      what: '1e6: heddle values() / Piscina, lists by hand',
      atLeast: 0.9,
      of: times('heddle values(), 1e6', 'Piscina, lists of 1000 by hand, 1e6'),
    },
    {
      what: '1e6: heddle values() / bare postMessage',
      atLeast: 0.7,
      of: times('heddle values(), 1e6', 'bare postMessage, lists of 1000 by hand, 1e6'),
    },
    {
      what: '1e6: heddle for await / Piscina run() at its best',
      atLeast: 30,
      of: times('heddle for await, 1e6', 'Piscina run(), best settings'),
    },
    {
      what: '1e5: heddle values() / Piscina run() at its best',
      atLeast: 25,
      of: times('heddle values(), 1e5', 'Piscina run(), best settings'),
    },
    {
      what: '1e5: heddle values() / Piscina, lists by hand',
      atLeast: 0.6,
      of: times('heddle values(), 1e5', 'Piscina, lists of 1000 by hand, 1e5'),
    },
    {
      what: 'heddle with chunk: 1 / Piscina run() with one ahead',
      atLeast: 0.95,
      of: times('heddle values(), chunk: 1', 'Piscina run(), one ahead'),
    },
  ],
};
