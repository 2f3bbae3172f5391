/**
 * Tasks that wait: does a declared concurrency hold, and is every free place taken at once?
 *
 * `Promise.all` over groups is what people write by hand: each group waits for its slowest. The ideal is the
 * time if nothing cost anything and no place were ever free: as many rounds as the places need if all waits
 * are equal, otherwise the sum of the waits divided by the places.
 */

import { createRuntime, task } from '../heddle.js';
import { missingRival, pMap, pQueue } from '../rivals.js';
import { type Case, type Lookup, type Suite, THREADS, taskModule, timed } from '../suite.js';
import wait from '../tasks/wait.js';

/** Tasks by the time they wait, and how many may wait at once. */
interface Batch {
  readonly name: string;
  readonly waits: readonly number[];
  readonly concurrency: number;
  readonly idealMs: number;
}

/** 10 … 90 ms, in an order that is mixed and always the same. */
const UNEVEN = Array.from({ length: 200 }, (_, i) => 10 + ((i * 37) % 81));

const EVEN: Batch = {
  name: '66 x 50 ms at 10',
  waits: Array.from({ length: 66 }, () => 50),
  concurrency: 10,
  idealMs: 350,
};
const SHORT: Batch = {
  name: '2000 x 5 ms at 50',
  waits: Array.from({ length: 2000 }, () => 5),
  concurrency: 50,
  idealMs: 200,
};
const MIXED: Batch = {
  name: '200 x 10-90 ms at 20',
  waits: UNEVEN,
  concurrency: 20,
  idealMs: UNEVEN.reduce((sum, ms) => sum + ms, 0) / 20,
};
const BATCHES = [EVEN, SHORT, MIXED];

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

/** A queue of its own for each run: its concurrency is an option of the queue. */
async function withPQueue(): Promise<Runner> {
  return async (waits, concurrency) => {
    const queue = await pQueue(concurrency);
    return Promise.all(waits.map((ms) => queue.add(() => wait(ms))));
  };
}

async function inGroups(): Promise<Runner> {
  return async (waits, concurrency) => {
    for (let from = 0; from < waits.length; from += concurrency)
      await Promise.all(waits.slice(from, from + concurrency).map((ms) => wait(ms)));
  };
}

interface Way {
  readonly name: string;
  readonly start: () => Promise<Runner>;
  readonly missing?: () => string | undefined;
}

const WAYS: readonly Way[] = [
  { name: 'heddle on threads', start: onThreads },
  { name: 'heddle inline', start: inline },
  { name: 'p-map', start: withPMap, missing: () => missingRival('p-map') },
  { name: 'p-queue, add', start: withPQueue, missing: () => missingRival('p-queue') },
  { name: 'Promise.all in groups', start: inGroups },
];

const casesOf = (batch: Batch): Case[] =>
  WAYS.map(({ name, start, missing }) => measured(name, batch, start, missing));

const TIMES = 'times the ideal';

function timesTheIdeal(caseName: string, figure: Lookup): number {
  const batch = BATCHES.find(({ name }) => caseName.endsWith(name));
  return figure(caseName, 'ms') / (batch?.idealMs ?? Number.NaN);
}

export const waiting: Suite = {
  name: 'waiting',
  question: 'Tasks that only wait: how close to the ideal is a batch with limited concurrency?',
  rounds: 5,
  warmUp: 'threads started, four waits of 1 ms, 50 ms of rest',
  cases: BATCHES.flatMap(casesOf),
  compared: { heading: TIMES, of: timesTheIdeal },
  goals: [
    {
      what: `${EVEN.name}: ideal 350 ms / heddle on threads`,
      atLeast: 0.97,
      of: (figure) => EVEN.idealMs / figure(`heddle on threads, ${EVEN.name}`, 'ms'),
    },
    {
      what: `${EVEN.name}: ideal 350 ms / heddle inline`,
      atLeast: 0.97,
      of: (figure) => EVEN.idealMs / figure(`heddle inline, ${EVEN.name}`, 'ms'),
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
    {
      what: `${SHORT.name}: p-queue / heddle inline`,
      atLeast: 0.95,
      of: (figure) =>
        figure(`p-queue, add, ${SHORT.name}`, 'ms') / figure(`heddle inline, ${SHORT.name}`, 'ms'),
    },
    {
      what: `${MIXED.name}: Promise.all in groups / heddle on threads`,
      atLeast: 1.2,
      of: (figure) =>
        figure(`Promise.all in groups, ${MIXED.name}`, 'ms') /
        figure(`heddle on threads, ${MIXED.name}`, 'ms'),
    },
  ],
  plots: [
    {
      shape: 'bars',
      file: 'waiting',
      question: 'Tasks that only wait: how many times the ideal does a batch take?',
      value: { name: 'time, as a multiple of the ideal (median; 1 is best)' },
      groups: BATCHES.map(({ name }) => name),
      bars: WAYS.map(({ name }) => ({
        name,
        places: BATCHES.map((batch) => ({ case: `${name}, ${batch.name}`, figure: TIMES })),
      })),
    },
  ],
};
