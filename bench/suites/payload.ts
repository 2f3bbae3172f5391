/**
 * Payloads: what do large inputs and values cost, copied or moved?
 *
 * Bytes go to a thread and come back. Every input is made for its task, in all cases, so that a moved one never has to be the
 * one that came back. Two tasks are on their way at a time with Piscina and bare threads; heddle decides for itself.
 */

import { BarePool } from '../bare-pool.js';
import { createRuntime, task, transfer } from '../heddle.js';
import { piscina } from '../rivals.js';
import { type Case, type Figures, inLanes, type Suite, THREADS, taskModule, timed } from '../suite.js';
import type echo from '../tasks/echo.js';
import type echoMoved from '../tasks/echo-moved.js';

type Bytes = Uint8Array<ArrayBuffer>;

const SIZES = [
  { label: '1 KB', bytes: 1e3, count: 20_000 },
  { label: '100 KB', bytes: 1e5, count: 3000 },
  { label: '1 MB', bytes: 1e6, count: 500 },
] as const;

/** Records of some 100 bytes each, `bytes` in all: what structured clone is slow at. */
function records(bytes: number): object[] {
  return Array.from({ length: bytes / 100 }, (_, id) => ({
    id,
    name: `record-${id}`,
    score: id * 1.5,
    isOpen: id % 2 === 0,
    tags: ['warp', 'weft'],
  }));
}

function* made<T>(count: number, make: () => T): Generator<T> {
  for (let i = 0; i < count; i++) yield make();
}

/** Does the work for a count of tasks. */
type Runner = (count: number) => Promise<unknown>;

function measured(name: string, count: number, start: () => Promise<Runner>): Case {
  const measure = async (): Promise<Figures> => {
    const run = await start();
    await run(Math.ceil(count / 10));
    return { 'us per task': ((await timed(() => run(count))) / count) * 1000 };
  };
  return { name, measure };
}

async function copiedByHeddle(make: () => unknown): Promise<Runner> {
  const runtime = createRuntime({ threads: THREADS });
  const reference = task<typeof echo>(taskModule('echo'));
  return async (count) => {
    for await (const outcome of runtime.run(reference, made(count, make))) void outcome;
  };
}

async function movedByHeddle(make: () => Bytes): Promise<Runner> {
  const runtime = createRuntime({ threads: THREADS });
  const reference = task<typeof echoMoved>(taskModule('echo-moved'));
  const moved = () => {
    const bytes = make();
    return transfer(bytes, [bytes.buffer]);
  };
  return async (count) => {
    for await (const outcome of runtime.run(reference, made(count, moved))) void outcome;
  };
}

async function copiedByPiscina(make: () => unknown): Promise<Runner> {
  const pool = piscina(taskModule('echo'), { tuning: 'best' });
  return (count) => inLanes(count, THREADS, () => pool.run(make()));
}

async function movedByPiscina(make: () => Bytes): Promise<Runner> {
  const pool = piscina(taskModule('echo-moved-piscina'), { tuning: 'best' });
  return (count) =>
    inLanes(count, THREADS, () => {
      const bytes = make();
      return pool.run(bytes, { transferList: [bytes.buffer] });
    });
}

async function copiedBare(make: () => unknown): Promise<Runner> {
  const pool = await BarePool.start(taskModule('echo'));
  return (count) => inLanes(count, THREADS, (index) => pool.send(index, [make()]));
}

async function movedBare(make: () => Bytes): Promise<Runner> {
  const pool = await BarePool.start(taskModule('echo'));
  return (count) =>
    inLanes(count, THREADS, (index) => {
      const bytes = make();
      return pool.send(index, [bytes], [bytes.buffer]);
    });
}

function casesOf({ label, bytes, count }: (typeof SIZES)[number]): Case[] {
  const make = () => new Uint8Array(bytes).fill(7);
  const list = records(bytes);
  const fewer = Math.ceil(count / 5);
  return [
    measured(`heddle, bytes copied, ${label}`, count, () => copiedByHeddle(make)),
    measured(`Piscina, bytes copied, ${label}`, count, () => copiedByPiscina(make)),
    measured(`bare threads, bytes copied, ${label}`, count, () => copiedBare(make)),
    measured(`heddle, bytes moved, ${label}`, count, () => movedByHeddle(make)),
    measured(`Piscina, bytes moved, ${label}`, count, () => movedByPiscina(make)),
    measured(`bare threads, bytes moved, ${label}`, count, () => movedBare(make)),
    measured(`heddle, records copied, ${label}`, fewer, () => copiedByHeddle(() => list)),
    measured(`Piscina, records copied, ${label}`, fewer, () => copiedByPiscina(() => list)),
  ];
}

const COST = 'us per task';

export const payload: Suite = {
  name: 'payload',
  question: 'What does a task with a large input and value cost, copied or moved?',
  rounds: 3,
  cases: SIZES.flatMap(casesOf),
  goals: SIZES.flatMap(({ label }) =>
    ['bytes copied', 'bytes moved', 'records copied'].map((way) => ({
      what: `${way}, ${label}: heddle / Piscina`,
      atMost: 1.05,
      of: (figure: (name: string, figure: string) => number) =>
        figure(`heddle, ${way}, ${label}`, COST) / figure(`Piscina, ${way}, ${label}`, COST),
    })),
  ),
};
