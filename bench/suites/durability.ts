/**
 * Durable outcomes: how many a second, in batches of a fixed size and in groups that form by themselves?
 *
 * Every store gets the same outcomes, about 190 bytes each as text, and acknowledges a batch only when it
 * would survive a power cut. The text of a record is made within the measured time, except in the raw limit,
 * which appends ready bytes.
 */

import fs from 'node:fs';
import { join } from 'node:path';
import type { LinePlot } from '../plot.js';
import { missingSqlite } from '../rivals.js';
import { median } from '../statistics.js';
import { type Case, type Figures, type Goal, inLanes, power, type Suite, sized, timed } from '../suite.js';
import { inFolder, Records } from './durability-records.js';
import {
  grouped,
  heddleStore,
  type OpenStore,
  openWriter,
  rawAsyncStore,
  rawSyncStore,
  type Store,
  sqliteLogStore,
  sqliteStore,
  wholeFileStore,
} from './durability-stores.js';

const RATE = 'outcomes/s';
const P50 = 'p50 ms';
const P99 = 'p99 ms';
const CPU = 'CPU us/outcome';

/** Outcomes of a sample, by the size of its batches or the number of its clients: about a second each. */
const COUNTS: Readonly<Record<number, number>> = {
  1: sized(5000),
  8: sized(32_000),
  64: sized(128_000),
  512: sized(409_600),
  4096: sized(614_400),
};
const SIZES = Object.keys(COUNTS).map(Number);
const CLIENTS = [1, 8, 64, 512];
/** The share of a sample that goes before the clock runs. */
const WARM_UP = 0.1;

function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Commits `count` outcomes from `first` on, and returns how long each commit took. */
type Load = (store: Store, first: number, count: number) => Promise<Float64Array>;

const inBatches =
  (size: number): Load =>
  async (store, first, count) => {
    const times = new Float64Array(Math.ceil(count / size));
    for (let i = 0; i < times.length; i++) {
      const startedAt = performance.now();
      await store.commit(first + i * size, Math.min(size, count - i * size));
      times[i] = performance.now() - startedAt;
    }
    return times;
  };

/** Each client waits for its own acknowledgement before it goes on. */
const inClosedLoop =
  (clients: number): Load =>
  async (store, first, count) => {
    const times = new Float64Array(count);
    await inLanes(count, clients, async (i) => {
      const startedAt = performance.now();
      await store.commit(first + i, 1);
      times[i] = performance.now() - startedAt;
    });
    return times;
  };

function measured(
  name: string,
  open: OpenStore,
  count: number,
  load: Load,
  missing?: () => string | undefined,
): Case {
  const measure = () =>
    inFolder(async (folder): Promise<Figures> => {
      const warmUp = Math.ceil((count * WARM_UP) / 4096) * 4096;
      const records = new Records(warmUp + count);
      const store = await open(folder, records);
      await load(store, 0, Math.min(warmUp, Math.ceil(count * WARM_UP)));
      let times: Float64Array = new Float64Array();
      const cpuBefore = process.cpuUsage();
      const ms = await timed(async () => {
        times = await load(store, warmUp, count);
      });
      const { user, system } = process.cpuUsage(cpuBefore);
      await store.close();
      times.sort();
      return {
        [RATE]: (count / ms) * 1000,
        [P50]: percentile(times, 0.5),
        [P99]: percentile(times, 0.99),
        [CPU]: (user + system) / count,
      };
    });
  return { name, measure, ...(missing && { missing }) };
}

const HEDDLE = 'heddle';
const SQLITE = 'better-sqlite3';
const SQLITE_LOG = 'better-sqlite3 without ids';
const RAW = 'append + fdatasync, async';
const RAW_SYNC = 'append + fdatasync, blocking';
const NAIVE = 'write-file-atomic of 1e4 outcomes';

const batchOf = (name: string, size: number) => `${name}, batches of ${size}`;
const loopOf = (name: string, clients: number) => `${name}, ${clients} in flight`;

const inBatchesOf = (size: number): Case[] => {
  const one = (name: string, open: OpenStore, count = COUNTS[size] ?? 0, missing?: typeof missingSqlite) =>
    measured(batchOf(name, size), open, count, inBatches(size), missing);
  return [
    one(HEDDLE, heddleStore),
    one(SQLITE, sqliteStore(size), undefined, missingSqlite),
    one(SQLITE_LOG, sqliteLogStore, undefined, missingSqlite),
    one(RAW, rawAsyncStore),
    one(RAW_SYNC, rawSyncStore),
    // Every batch takes as long, so fewer do.
    ...(size === 1 || size === 64 ? [one(NAIVE, wholeFileStore, 60 * size)] : []),
  ];
};

const withClients = (clients: number): Case[] => {
  const one = (name: string, open: OpenStore, missing?: typeof missingSqlite) =>
    measured(
      loopOf(name, clients),
      open,
      clients === 512 ? sized(256_000) : (COUNTS[clients] ?? 0),
      inClosedLoop(clients),
      missing,
    );
  const inGroups =
    (open: OpenStore): OpenStore =>
    async (folder, records) =>
      grouped(await open(folder, records));
  return [
    one(HEDDLE, heddleStore),
    one(SQLITE, inGroups(sqliteStore(clients)), missingSqlite),
    one(SQLITE_LOG, inGroups(sqliteLogStore), missingSqlite),
  ];
};

const SYNCS = 'syncs/flush';
const SYNC_CALLS = ['fsync', 'fdatasync', 'fsyncSync', 'fdatasyncSync'] as const;

/** Counts every sync of the process. */
const syncsPerFlush: Case = {
  name: 'heddle, syncs',
  measure: () =>
    inFolder(async (folder) => {
      const flushes = sized(1000);
      const records = new Records(flushes * 8);
      const store = await heddleStore(folder, records);
      let syncs = 0;
      const patched = fs as unknown as Record<string, (...args: unknown[]) => unknown>;
      for (const name of SYNC_CALLS) {
        const call = patched[name] as (...args: unknown[]) => unknown;
        patched[name] = (...args) => {
          syncs++;
          return call(...args);
        };
      }
      await inBatches(8)(store, 0, flushes * 8);
      const counted = syncs;
      await store.close();
      return { [SYNCS]: counted / flushes };
    }),
};

const AT_100 = 'flush p50 at 100, ms';
const MANY = sized(1e6);
const AT_MANY = `flush p50 at ${power(MANY)}, ms`;

/**
 * Flushes of one outcome, by turns into a session that holds 100 and into one that holds as many as a long
 * run leaves.
 */
const flushBySize: Case = {
  name: 'heddle, one outcome a flush',
  measure: () =>
    inFolder(async (folder) => {
      const flushes = sized(1500);
      const [few, many] = [100, MANY];
      const records = new Records(many + flushes);
      const stores: Store[] = [];
      for (const [place, held] of [few, many].entries()) {
        const path = join(folder, String(place));
        fs.mkdirSync(path);
        const store = await heddleStore(path, records);
        await inBatches(4096)(store, 0, held);
        stores.push(store);
      }
      const times: number[][] = [[], []];
      for (let i = 0; i < flushes; i++) {
        for (const [place, store] of stores.entries()) {
          const startedAt = performance.now();
          await store.commit(many + i, 1);
          times[place]?.push(performance.now() - startedAt);
        }
      }
      for (const store of stores) await store.close();
      const [at100 = [], at1e6 = []] = times;
      return { [AT_100]: median(at100), [AT_MANY]: median(at1e6) };
    }),
};

/** The records are made beforehand, so that what is left is the session's own work and the kernel's. */
const cpuOfRecording: Case = {
  name: 'heddle, ready records, batches of 512',
  measure: () =>
    inFolder(async (folder) => {
      const [size, warmUp, batches] = [512, 100, 500];
      const records = new Records((warmUp + batches) * size);
      const blocks = Array.from({ length: warmUp + batches }, (_, batch) => {
        const ready = Array.from({ length: size }, (_, i) => records.at(batch * size + i));
        return { length: size, recordAt: (i: number) => ready[i] as (typeof ready)[number] };
      });
      const writer = await openWriter(folder);
      for (const block of blocks.slice(0, warmUp)) await writer.record(block);
      const before = process.cpuUsage();
      for (const block of blocks.slice(warmUp)) await writer.record(block);
      const { user, system } = process.cpuUsage(before);
      await writer.close({ status: 'completed' }, false);
      return { [CPU]: (user + system) / (batches * size) };
    }),
};

const timesAsMany = (what: string, one: string, other: string, atLeast: number): Goal => ({
  what,
  atLeast,
  of: (figure) => figure(one, RATE) / figure(other, RATE),
});

/**
 * Against rows under ids, which is the same work, and against rows in a log, the least that SQLite can do.
 */
const against = (load: string, name: (store: string) => string, log: number | undefined): Goal[] => [
  timesAsMany(`${load}: heddle / ${SQLITE}`, name(HEDDLE), name(SQLITE), 1),
  ...(log === undefined
    ? []
    : [timesAsMany(`${load}: heddle / ${SQLITE_LOG}`, name(HEDDLE), name(SQLITE_LOG), log)]),
];

/** What the prototype of the journal reached against such a log, by size and by clients. */
const BATCH_BOUNDS: Readonly<Record<number, number>> = { 512: 1.3, 4096: 1.3 };
const LOOP_BOUNDS: Readonly<Record<number, number>> = { 1: 0.7, 8: 0.9, 64: 0.75, 512: 0.85 };

const batchGoals = SIZES.flatMap((size) =>
  against(`batches of ${size}`, (store) => batchOf(store, size), BATCH_BOUNDS[size]),
);
const loopGoals = CLIENTS.flatMap((clients) =>
  against(`${clients} in flight`, (store) => loopOf(store, clients), LOOP_BOUNDS[clients]),
);

const STORES = [HEDDLE, SQLITE, SQLITE_LOG, RAW, RAW_SYNC, NAIVE];

const ratesOver = (
  file: string,
  question: string,
  x: string,
  sizes: readonly number[],
  nameAt: (store: string, size: number) => string,
): LinePlot => ({
  shape: 'lines',
  file,
  question,
  x: { name: x, logBase: 10 },
  y: { name: 'durable outcomes per second', logBase: 10 },
  lines: STORES.map((name) => ({
    name,
    points: sizes.map((size) => ({ x: size, case: nameAt(name, size), figure: RATE })),
  })),
});

export const durability: Suite = {
  name: 'durability',
  question: 'Durable outcomes: how many a second, and what does each cost?',
  rounds: 5,
  warmUp: 'a tenth of the outcomes',
  cases: [
    ...SIZES.flatMap(inBatchesOf),
    ...CLIENTS.flatMap(withClients),
    syncsPerFlush,
    flushBySize,
    cpuOfRecording,
  ],
  goals: [
    ...batchGoals,
    ...loopGoals,
    timesAsMany('batches of 1: heddle / raw async', batchOf(HEDDLE, 1), batchOf(RAW, 1), 0.9),
    timesAsMany('batches of 1: heddle / whole file', batchOf(HEDDLE, 1), batchOf(NAIVE, 1), 20),
    timesAsMany('batches of 64: heddle / whole file', batchOf(HEDDLE, 64), batchOf(NAIVE, 64), 10),
    { what: 'syncs per flush', atMost: 1, of: (figure) => figure(syncsPerFlush.name, SYNCS) },
    {
      what: `flush p50, ${power(MANY)} recorded / 100 recorded`,
      atMost: 1.3,
      of: (figure) => figure(flushBySize.name, AT_MANY) / figure(flushBySize.name, AT_100),
    },
    {
      what: 'batches of 512, records ready: CPU, us per outcome',
      atMost: 2,
      of: (figure) => figure(cpuOfRecording.name, CPU),
    },
    {
      what: 'batches of 1: CPU, us per flush',
      atMost: 130,
      of: (figure) => figure(batchOf(HEDDLE, 1), CPU),
    },
  ],
  plots: [
    ratesOver(
      'durability',
      'Durable outcomes: how many a second, by the size of a batch?',
      'outcomes in a batch',
      SIZES,
      batchOf,
    ),
    ratesOver(
      'durability-clients',
      'Durable outcomes: how many a second, when each waits for its own acknowledgement?',
      'outcomes in flight',
      CLIENTS,
      loopOf,
    ),
  ],
};
