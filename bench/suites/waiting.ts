/**
 * Tasks that wait: does a declared concurrency hold, and is every place taken at once when it is free?
 *
 * `Promise.all` over groups is what people write by hand: each group waits for its slowest.
 */

import { createRuntime, task } from '../heddle.js';
import { missingRival, pMap } from '../rivals.js';
import { type Case, type Suite, THREADS, taskModule, timed } from '../suite.js';
import wait from '../tasks/wait.js';

/** Tasks by the time they wait, and how many may wait at once. */
interface Batch {
  readonly name: string;
  readonly waits: readonly number[];
  readonly concurrency: number;
}

/** 10 … 90 ms, in an order that is mixed and always the same. */
const UNEVEN = Array.from({ length: 200 }, (_, i) => 10 + ((i * 37) % 81));

const EVEN: Batch = {
  name: '66 x 50 ms at 10',
  waits: Array.from({ length: 66 }, () => 50),
  concurrency: 10,
};
const SHORT: Batch = {
  name: '2000 x 5 ms at 50',
  waits: Array.from({ length: 2000 }, () => 5),
  concurrency: 50,
};
const MIXED: Batch = { name: '200 x 10-90 ms at 20', waits: UNEVEN, concurrency: 20 };

type Runner = (waits: readonly number[], concurrency: number) => Promise<unknown>;

function measured(
  name: string,
  batch: Batch,
  start: () => Promise<Runner>,
  missing?: () => string | undefined,
): Case {
  const measure = async () => {
    const run = await start();
    await run([1, 1, 1, 1], batch.concurrency);
    await wait(50);
    return { ms: await timed(() => run(batch.waits, batch.concurrency)) };
  };
  return { name: `${name}, ${batch.name}`, measure, ...(missing && { missing }) };
}

async function onThreads(): Promise<Runner> {
  const runtime = createRuntime({ threads: THREADS });
  const reference = task<typeof wait>(taskModule('wait'));
  return (waits, concurrency) => runtime.run(reference, waits, { concurrency }).values();
}

async function inline(): Promise<Runner> {
  const runtime = createRuntime({ threads: THREADS });
  return (waits, concurrency) => runtime.run(wait, waits, { concurrency }).values();
}

async function withPMap(): Promise<Runner> {
  const map = await pMap();
  return (waits, concurrency) => map(waits, wait, { concurrency });
}

async function inGroups(): Promise<Runner> {
  return async (waits, concurrency) => {
    for (let from = 0; from < waits.length; from += concurrency)
      await Promise.all(waits.slice(from, from + concurrency).map((ms) => wait(ms)));
  };
}

const casesOf = (batch: Batch): Case[] => [
  measured('heddle on threads', batch, onThreads),
  measured('heddle inline', batch, inline),
  measured('p-map', batch, withPMap, () => missingRival('p-map')),
  measured('Promise.all in groups', batch, inGroups),
];

const IDEAL_MS = 350;

export const waiting: Suite = {
  name: 'waiting',
  question: 'Tasks that only wait: how close to the ideal is a batch with limited concurrency?',
  rounds: 3,
  cases: [EVEN, SHORT, MIXED].flatMap(casesOf),
  goals: [
    {
      what: `${EVEN.name}: ideal 350 ms / heddle on threads`,
      atLeast: 0.97,
      of: (figure) => IDEAL_MS / figure(`heddle on threads, ${EVEN.name}`, 'ms'),
    },
    {
      what: `${EVEN.name}: ideal 350 ms / heddle inline`,
      atLeast: 0.97,
      of: (figure) => IDEAL_MS / figure(`heddle inline, ${EVEN.name}`, 'ms'),
    },
    {
      what: `${SHORT.name}: p-map / heddle inline`,
      atLeast: 0.95,
      of: (figure) => figure(`p-map, ${SHORT.name}`, 'ms') / figure(`heddle inline, ${SHORT.name}`, 'ms'),
    },
    {
      what: `${MIXED.name}: p-map / heddle on threads`,
      atLeast: 0.95,
      of: (figure) => figure(`p-map, ${MIXED.name}`, 'ms') / figure(`heddle on threads, ${MIXED.name}`, 'ms'),
    },
  ],
};
