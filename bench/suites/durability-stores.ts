/** Ways to make outcomes durable, each behind one function. */

import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import type * as SessionWriterModule from '../../dist/session/session-writer.js';
import { sqlite } from '../rivals.js';
import type { Records } from './durability-records.js';

const module = new URL('../../../dist/session/session-writer.js', import.meta.url);
const { SessionWriter } = (await import(module.href)) as typeof SessionWriterModule;

/** Where outcomes go. */
export interface Store {
  /** Outcomes from … from + length - 1 are durable when it fulfils, or has returned. */
  commit(from: number, length: number): Promise<unknown> | undefined;
  close(): Promise<unknown>;
}

/** Opens a store in an empty folder. */
export type OpenStore = (folder: string, records: Records) => Promise<Store>;

/** A session that only this process knows. */
export function openWriter(folder: string): Promise<SessionWriterModule.SessionWriter> {
  return SessionWriter.open({
    folder: join(folder, 'session'),
    shard: { index: 1, count: 1 },
    identity: { task: { name: 'bench', hash: '0'.repeat(64) }, keys: 'hash' },
    force: false,
    isBatch: undefined,
  });
}

export const heddleStore: OpenStore = async (folder, records) => {
  const writer = await openWriter(folder);
  return {
    commit: (from, length) => writer.record(records.block(from, length)),
    close: () => writer.close({ status: 'completed' }, false),
  };
};

/** Checkpoints that suit the index: ids are hashes and fall anywhere in it. With few outcomes a sync, SQLite's own choice is faster. */
const pagesFor = (perBatch: number) => (perBatch >= 64 ? 10_000 : 1000);

/** A row for each outcome under its id, one transaction for each batch of about so many. */
export const sqliteStore =
  (perBatch: number): OpenStore =>
  async (folder, records) => {
    const database = await sqlite(join(folder, 'outcomes.db'), pagesFor(perBatch));
    database.exec('create table outcomes (id text primary key, record text not null)');
    const insert = database.prepare('insert into outcomes values (?, ?)');
    const commit = database.transaction((from: number, length: number) => {
      for (let i = from; i < from + length; i++)
        insert.run(records.idAt(i), JSON.stringify(records.plainAt(i)));
    });
    return {
      commit(from, length) {
        commit(from, length);
        return undefined;
      },
      close: async () => database.close(),
    };
  };

/** Rows in the order in which they come: the least that SQLite can do, and nothing finds an outcome by its id. */
export const sqliteLogStore: OpenStore = async (folder, records) => {
  const database = await sqlite(join(folder, 'outcomes.db'));
  database.exec('create table outcomes (number integer primary key, record text not null)');
  const insert = database.prepare('insert into outcomes (record) values (?)');
  const commit = database.transaction((from: number, length: number) => {
    for (let i = from; i < from + length; i++) insert.run(JSON.stringify(records.plainAt(i)));
  });
  return {
    commit(from, length) {
      commit(from, length);
      return undefined;
    },
    close: async () => database.close(),
  };
};

const NAIVE_RECORDED = 10_000;

/** What most people write: everything in one object, the whole file anew after each batch. Holds 1e4 outcomes already. */
export const wholeFileStore: OpenStore = async (folder, records) => {
  const path = join(folder, 'state.json');
  const state: Record<string, object> = {};
  for (let i = 0; i < NAIVE_RECORDED; i++) state[`earlier-${i}-${records.idAt(0)}`] = records.plainAt(i);
  return {
    commit(from, length) {
      for (let i = from; i < from + length; i++) state[records.idAt(i)] = records.plainAt(i);
      return writeFileAtomic(path, JSON.stringify(state));
    },
    close: async () => {},
  };
};

/** The bytes of a batch, made beforehand: what remains is the disk. */
function bytesOf(records: Records, length: number): Buffer {
  const lines = Array.from({ length }, (_, i) => `${JSON.stringify(records.plainAt(i))}\n`);
  return Buffer.from(lines.join(''));
}

/** One append and one fdatasync for each batch, through the thread pool. */
export const rawAsyncStore: OpenStore = async (folder, records) => {
  const file = await open(join(folder, 'raw'), 'a');
  const batches = new Map<number, Buffer>();
  return {
    async commit(_, length) {
      const bytes = batches.get(length) ?? bytesOf(records, length);
      batches.set(length, bytes);
      await file.write(bytes);
      await file.datasync();
    },
    close: () => file.close(),
  };
};

/** The same without leaving this thread, which waits for the disk. */
export const rawSyncStore: OpenStore = async (folder, records) => {
  const fd = openSync(join(folder, 'raw'), 'a');
  const batches = new Map<number, Buffer>();
  return {
    commit(_, length) {
      const bytes = batches.get(length) ?? bytesOf(records, length);
      batches.set(length, bytes);
      writeSync(fd, bytes);
      fdatasyncSync(fd);
      return undefined;
    },
    close: async () => closeSync(fd),
  };
};

/** Group commit around a store that knows none: what is asked for while the event loop turns once shares a batch. */
export function grouped(store: Store): Store {
  let waiting: { readonly first: number; length: number; readonly done: (() => void)[] } | undefined;
  let isRunning = false;
  const run = async () => {
    isRunning = true;
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting !== undefined) {
      const { first, length, done } = waiting;
      waiting = undefined;
      await store.commit(first, length);
      for (const each of done) each();
      await new Promise((resolve) => setImmediate(resolve));
    }
    isRunning = false;
  };
  return {
    commit(from, length) {
      return new Promise<void>((resolve, reject) => {
        waiting ??= { first: from, length: 0, done: [] };
        waiting.length += length;
        waiting.done.push(resolve);
        if (!isRunning) run().catch(reject);
      });
    },
    close: () => store.close(),
  };
}
