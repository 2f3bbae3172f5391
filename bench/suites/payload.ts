/**
 * Payloads: what do large inputs and values cost, copied or moved?
 *
 * Bytes go to a thread and come back. Every input is made for its task, in all cases, so that a moved one
 * never has to be the one that came back. Two tasks are on their way at a time with the other pools and bare
 * threads; heddle decides for itself. poolifier cannot move values back: it copies them.
 */

import { BarePool } from '../bare-pool.js';
import { createRuntime, task, transfer } from '../heddle.js';
import { missingRival, piscinaPool, poolifier, type TaskPool, tinypool, workerpool } from '../rivals.js';
import {
  type Case,
  type Figures,
  inLanes,
  type Lookup,
  type Suite,
  sized,
  THREADS,
  taskModule,
  timed,
} from '../suite.js';
import type echo from '../tasks/echo.js';
import type echoMoved from '../tasks/echo-moved.js';

type Bytes = Uint8Array<ArrayBuffer>;

const SIZES = [
  { label: '1 KB', bytes: 1e3, count: sized(20_000) },
  { label: '100 KB', bytes: 1e5, count: sized(3000) },
  { label: '1 MB', bytes: 1e6, count: sized(500) },
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

/** Who does it, and why not. */
interface Way {
  readonly name: string;
  readonly start: () => Promise<Runner>;
  readonly missing?: () => string | undefined;
}

/** Twenty times what the slowest case should take; poolifier sometimes loses a task. */
const LIMIT_MS = 60_000;

function measured(name: string, count: number, { start, missing }: Omit<Way, 'name'>): Case {
  const measure = async (): Promise<Figures> => {
    const run = await start();
    await run(Math.ceil(count / 10));
    return { 'us per task': ((await timed(() => run(count))) / count) * 1000 };
  };
  return { name, measure, limitMs: LIMIT_MS, ...(missing && { missing }) };
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

const copiedBy = async (pool: TaskPool, make: () => unknown): Promise<Runner> => {
  return (count) => inLanes(count, THREADS, () => pool.run(make()));
};

const movedBy = async (pool: TaskPool, make: () => Bytes): Promise<Runner> => {
  return (count) =>
    inLanes(count, THREADS, () => {
      const bytes = make();
      return pool.run(bytes, [bytes.buffer]);
    });
};

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

const absent = (name: 'tinypool' | 'workerpool' | 'poolifier') => () => missingRival(name);
const piscinaOn = (name: string) => piscinaPool(taskModule(name), { tuning: 'best' });
const tinypoolOn = (name: string) => tinypool(taskModule(name), 1);

const copiedWays = (make: () => unknown): Way[] => [
  { name: 'heddle', start: () => copiedByHeddle(make) },
  { name: 'Piscina', start: async () => copiedBy(await piscinaOn('echo'), make) },
  { name: 'bare threads', start: () => copiedBare(make) },
  {
    name: 'tinypool',
    start: async () => copiedBy(await tinypoolOn('echo'), make),
    missing: absent('tinypool'),
  },
  {
    name: 'workerpool',
    start: async () => copiedBy(await workerpool('echo'), make),
    missing: absent('workerpool'),
  },
  {
    name: 'poolifier',
    start: async () => copiedBy(await poolifier('echo'), make),
    missing: absent('poolifier'),
  },
];

const movedWays = (make: () => Bytes): Way[] => [
  { name: 'heddle', start: () => movedByHeddle(make) },
  { name: 'Piscina', start: async () => movedBy(await piscinaOn('echo-moved-piscina'), make) },
  { name: 'bare threads', start: () => movedBare(make) },
  {
    name: 'tinypool',
    start: async () => movedBy(await tinypoolOn('echo-moved-tinypool'), make),
    missing: absent('tinypool'),
  },
  {
    name: 'workerpool',
    start: async () => movedBy(await workerpool('echoMoved'), make),
    missing: absent('workerpool'),
  },
  {
    name: 'poolifier',
    start: async () => movedBy(await poolifier('echoMoved'), make),
    missing: absent('poolifier'),
  },
];

const KINDS = ['bytes copied', 'bytes moved', 'records copied'] as const;
const RIVALS = copiedWays(() => undefined).map(({ name }) => name);

/** What goes there and back, and how large it is. */
const loadOf = (kind: string, label: string) => `${kind}, ${label}`;
const LOADS = SIZES.flatMap(({ label }) => KINDS.map((kind) => loadOf(kind, label)));
const nameOf = (rival: string, load: string) => `${rival}, ${load}`;

function casesOf({ label, bytes, count }: (typeof SIZES)[number]): Case[] {
  const make = () => new Uint8Array(bytes).fill(7);
  const list = records(bytes);
  const fewer = Math.ceil(count / 5);
  const of = (kind: (typeof KINDS)[number], many: number, ways: readonly Way[]) =>
    ways.map((way) => measured(nameOf(way.name, loadOf(kind, label)), many, way));
  return [
    ...of('bytes copied', count, copiedWays(make)),
    ...of('bytes moved', count, movedWays(make)),
    ...of(
      'records copied',
      fewer,
      copiedWays(() => list),
    ),
  ];
}

const COST = 'us per task';

function timesHeddle(caseName: string, figure: Lookup): number {
  const load = LOADS.find((each) => caseName.endsWith(`, ${each}`)) ?? '';
  return figure(caseName, COST) / figure(nameOf('heddle', load), COST);
}

export const payload: Suite = {
  name: 'payload',
  question: 'What does a task with a large input and value cost, copied or moved?',
  rounds: 3,
  warmUp: 'threads started, a tenth of the tasks',
  cases: SIZES.flatMap(casesOf),
  compared: { heading: 'times heddle', of: timesHeddle },
  goals: LOADS.map((load) => ({
    what: `${load}: heddle / Piscina`,
    atMost: 1.05,
    of: (figure: Lookup) => figure(nameOf('heddle', load), COST) / figure(nameOf('Piscina', load), COST),
  })),
  plots: [
    {
      shape: 'bars',
      file: 'payload',
      question: 'Large inputs and values: what does a task cost there and back?',
      value: { name: 'time per task (us, median)', logBase: 10 },
      groups: LOADS,
      bars: RIVALS.map((name) => ({
        name,
        places: LOADS.map((load) => ({ case: nameOf(name, load), figure: COST })),
      })),
    },
  ],
};
