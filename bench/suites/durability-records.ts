/** Outcomes to record, as main/outcome-block.ts gives them, and a place on a real disk to record them in. */

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as TaskKey from '../../dist/protocol/task-key.js';
import type { NewRecord } from '../../dist/session/record.js';
import type { RecordableBlock } from '../../dist/session/recorder.js';

const keys = new URL('../../../dist/protocol/task-key.js', import.meta.url);
const { taskKey } = (await import(keys.href)) as typeof TaskKey;

/** Beside the repository: the system's temporary folder may be in memory, where a sync costs nothing. */
const DATA = fileURLToPath(new URL('../../bench-data/', import.meta.url));

/** Calls with the path of a new folder, and removes it afterwards. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  mkdirSync(DATA, { recursive: true });
  const folder = mkdtempSync(join(DATA, 'd-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const ORIGIN = 1_795_000_000_000.123;
/** Values and their texts: a session gets the text, for the thread that made a value has encoded it. */
const VALUES = Array.from({ length: 64 }, (_, i) => ({ n: 100_000 + i, ok: true }));
const TEXTS = VALUES.map((value) => JSON.stringify(value));

/** Outcomes by number, kept as columns; about 190 bytes each as text. */
export class Records {
  readonly #keys: readonly string[];

  constructor(count: number) {
    this.#keys = Array.from({ length: count }, (_, i) => taskKey(i));
  }

  /** As heddle's own blocks make it. */
  at(i: number): NewRecord {
    return {
      key: this.#keys[i] as string,
      index: i,
      status: 'succeeded',
      attempts: 1,
      startedAt: ORIGIN + i / 8,
      durationMs: 0.125,
      workerId: 1 + (i & 1),
      content: TEXTS[i & 63],
    };
  }

  block(from: number, length: number): RecordableBlock {
    return { length, recordAt: (i) => this.at(from + i) };
  }

  idAt(i: number): string {
    return this.#keys[i] as string;
  }

  /** The same content as an object, for callers of JSON.stringify. */
  plainAt(i: number): object {
    return {
      id: this.#keys[i],
      status: 'succeeded',
      index: i,
      attempts: 1,
      startedAt: ORIGIN + i / 8,
      durationMs: 0.125,
      workerId: 1 + (i & 1),
      value: VALUES[i & 63],
    };
  }
}
