/**
 * The rivals, at the settings that suit them best: other pools, each behind the same two functions, limits on
 * concurrency, and SQLite. Also the library that draws the plots.
 *
 * Piscina is heddle's own dependency. The others are installed in this folder only (by install.ts); without
 * them their cases are skipped. They are loaded by path, and the parts that are used are typed here, so that
 * everything compiles without them.
 */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Piscina } from 'piscina';
import { THREADS } from './suite.js';

/** A pool that takes one task at a time. */
export interface TaskPool {
  /** `moved`: memory that is moved to the thread, not copied. */
  run(input: unknown, moved?: readonly ArrayBuffer[]): Promise<unknown>;
}

/**
 * The tasks that workerpool and poolifier know: they need scripts that register functions, not task modules.
 */
export type RegisteredTask = 'increment' | 'burn' | 'echo' | 'echoMoved';

/** What differs between the ways to use Piscina. */
export interface PiscinaSettings {
  /** `'best'`: no atomics, no timing. `'default'`: default settings, but with two threads. */
  readonly tuning: 'best' | 'default';
  readonly perWorker?: number;
}

/** Piscina on a task module. */
export function piscina(module: URL, { tuning, perWorker = 1 }: PiscinaSettings): Piscina {
  return new Piscina({
    filename: module.href,
    minThreads: THREADS,
    maxThreads: THREADS,
    concurrentTasksPerWorker: perWorker,
    ...(tuning === 'best' && { atomics: 'disabled', recordTiming: false }),
  });
}

/** Piscina like the other pools. */
export async function piscinaPool(module: URL, settings: PiscinaSettings): Promise<TaskPool> {
  const pool = piscina(module, settings);
  return { run: (input, moved) => pool.run(input, moved && { transferList: [...moved] }) };
}

type RivalName =
  | 'better-sqlite3'
  | 'bottleneck'
  | 'echarts'
  | 'p-map'
  | 'p-queue'
  | 'poolifier'
  | 'tinypool'
  | 'workerpool';

const BENCH = new URL('../../bench/', import.meta.url);

/** Why a rival cannot be measured here; undefined when it can. */
export function missingRival(name: RivalName): string | undefined {
  return existsSync(fileURLToPath(new URL(`node_modules/${name}`, BENCH)))
    ? undefined
    : 'not installed; npm install --prefix bench';
}

/** Why better-sqlite3 cannot be measured here; undefined when it can. */
export function missingSqlite(): string | undefined {
  const built = new URL('node_modules/better-sqlite3/build/Release/better_sqlite3.node', BENCH);
  const build = 'cd bench/node_modules/better-sqlite3 && npx node-gyp rebuild --release';
  const missing = missingRival('better-sqlite3');
  if (missing !== undefined) return `${missing}, then, unless that has built it: ${build}`;
  return existsSync(fileURLToPath(built)) ? undefined : `not built; ${build}`;
}

async function rival(name: RivalName): Promise<unknown> {
  const path = createRequire(new URL('package.json', BENCH)).resolve(name);
  return import(pathToFileURL(path).href);
}

/** The part of tinypool that is used here. */
interface TinypoolModule {
  readonly Tinypool: new (
    options: object,
  ) => { run(input: unknown, options?: { transferList: readonly ArrayBuffer[] }): Promise<unknown> };
}

export async function tinypool(module: URL, perWorker: number): Promise<TaskPool> {
  const { Tinypool } = (await rival('tinypool')) as TinypoolModule;
  const pool = new Tinypool({
    filename: module.href,
    minThreads: THREADS,
    maxThreads: THREADS,
    concurrentTasksPerWorker: perWorker,
  });
  return { run: (input, moved) => pool.run(input, moved && { transferList: moved }) };
}

/** The part of workerpool that is used here. */
interface WorkerpoolModule {
  readonly default: {
    pool(
      script: string,
      options: object,
    ): { exec(method: string, args: unknown[], options?: object): PromiseLike<unknown> };
  };
}

const script = (name: string) => fileURLToPath(new URL(`./tasks/${name}.js`, import.meta.url));

export async function workerpool(task: RegisteredTask): Promise<TaskPool> {
  const { default: library } = (await rival('workerpool')) as WorkerpoolModule;
  const pool = library.pool(script('workerpool-worker'), {
    minWorkers: THREADS,
    maxWorkers: THREADS,
    workerType: 'thread',
  });
  return { run: async (input, moved) => pool.exec(task, [input], moved && { transfer: moved }) };
}

/** The part of poolifier that is used here. */
interface PoolifierModule {
  readonly FixedThreadPool: new (
    threads: number,
    script: string,
    options: object,
  ) => {
    execute(
      input: unknown,
      task: RegisteredTask,
      signal?: AbortSignal,
      moved?: readonly ArrayBuffer[],
    ): Promise<unknown>;
  };
}

/**
 * Without its own queue, which makes it slower and less even. It then has no limit, and the caller keeps one.
 */
export async function poolifier(task: RegisteredTask): Promise<TaskPool> {
  const { FixedThreadPool } = (await rival('poolifier')) as PoolifierModule;
  const pool = new FixedThreadPool(THREADS, script('poolifier-worker'), { enableEvents: false });
  return { run: (input, moved) => pool.execute(input, task, undefined, moved) };
}

type PMap = <Input>(
  inputs: Iterable<Input>,
  call: (input: Input) => Promise<unknown>,
  options: { concurrency: number },
) => Promise<unknown[]>;

export async function pMap(): Promise<PMap> {
  return ((await rival('p-map')) as { default: PMap }).default;
}

/** The part of p-queue that is used here. */
interface PQueue {
  add(call: () => Promise<unknown>): Promise<unknown>;
}

export async function pQueue(concurrency: number): Promise<PQueue> {
  const { default: Queue } = (await rival('p-queue')) as {
    default: new (options: object) => PQueue;
  };
  return new Queue({ concurrency });
}

/** Runs calls through a limit that takes one call at a time. */
export type LimitedRunner = (count: number, call: (index: number) => Promise<unknown>) => Promise<unknown>;

export async function limitedQueue(options: object): Promise<LimitedRunner> {
  const { default: Queue } = (await rival('p-queue')) as { default: new (options: object) => PQueue };
  const queue = new Queue(options);
  return (count, call) => Promise.all(Array.from({ length: count }, (_, i) => queue.add(() => call(i))));
}

/** The part of bottleneck that is used here. */
interface Bottleneck {
  schedule(call: () => Promise<unknown>): Promise<unknown>;
  disconnect(): Promise<void>;
}

export async function bottleneck(options: object): Promise<LimitedRunner> {
  const { default: Limiter } = (await rival('bottleneck')) as {
    default: new (options: object) => Bottleneck;
  };
  const limiter = new Limiter(options);
  return (count, call) =>
    Promise.all(Array.from({ length: count }, (_, i) => limiter.schedule(() => call(i))));
}

/** Options as ECharts has them: a tree of plain objects and functions. */
export type ChartOptions = Readonly<Record<string, unknown>>;

/** The part of ECharts that is used here. */
interface Echarts {
  init(
    element: null,
    theme: null,
    settings: object,
  ): { setOption(options: ChartOptions): void; renderToSVGString(): string; dispose(): void };
}

export async function echarts(): Promise<Echarts> {
  return (await rival('echarts')) as Echarts;
}

/** The part of better-sqlite3 that is used here. */
export interface Sqlite {
  pragma(source: string): unknown;
  exec(source: string): unknown;
  prepare(source: string): {
    run(...values: unknown[]): unknown;
    iterate(): Iterable<{ readonly id: string; readonly record: string }>;
  };
  transaction<Args extends unknown[]>(work: (...args: Args) => void): (...args: Args) => void;
  close(): void;
}

/**
 * A database whose commits survive a power cut, as heddle's do.
 *
 * @param checkpointPages - pages by which the log grows before a checkpoint; the default is 1000. A short
 *   log is overwritten again and again, which makes its syncs cheap; a long one saves work for an index with
 *   random entries.
 */
export async function sqlite(path: string, checkpointPages = 1000): Promise<Sqlite> {
  const { default: Database } = (await rival('better-sqlite3')) as {
    default: new (path: string) => Sqlite;
  };
  const database = new Database(path);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.pragma('cache_size = -64000');
  database.pragma(`wal_autocheckpoint = ${checkpointPages}`);
  return database;
}
