/** Sessions within the test's own process: open, record, leave as if killed, read what is there. */

import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeValue } from '../../src/protocol/encoded-value.js';
import type { Damage } from '../../src/session/frames.js';
import { WHOLE } from '../../src/session/names.js';
import type { SessionRequest } from '../../src/session/open-session.js';
import type { NewRecord, OutcomeOnDisk } from '../../src/session/record.js';
import type { RecordableBlock } from '../../src/session/recorder.js';
import { recover } from '../../src/session/recovery.js';
import { SessionWriter } from '../../src/session/session-writer.js';

/** HEDDLE_SOAK=1 runs everything for longer. */
export const SOAK = process.env['HEDDLE_SOAK'] === '1';

const MEMORY = '/dev/shm';

/** A new empty folder, in memory where there is such a place. */
export function temporaryFolder(name: string): string {
  const root = fs.existsSync(MEMORY) ? MEMORY : tmpdir();
  return fs.mkdtempSync(join(root, `heddle-${name}-`));
}

export const IDENTITY = { task: { name: 'task', hash: 'abc' }, keys: 'the key' };

/** Opens a session of the test's task. */
export function openWriter(folder: string, more: Partial<SessionRequest> = {}): Promise<SessionWriter> {
  return SessionWriter.open({
    folder,
    shard: WHOLE,
    identity: IDENTITY,
    force: false,
    isBatch: undefined,
    ...more,
  });
}

/** An outcome; it failed if its value is an error. */
export function outcome(key: string, value: unknown, index = 0): NewRecord {
  const isFailed = value instanceof Error;
  const content = encodeValue(isFailed ? { name: value.name, message: value.message } : value);
  const status = isFailed ? 'failed' : 'succeeded';
  return { key, index, status, attempts: 1, startedAt: 1000, durationMs: 2, workerId: 3, content };
}

export function block(...records: NewRecord[]): RecordableBlock {
  return { length: records.length, recordAt: (i) => records[i] as NewRecord };
}

/** Records one value under one key. */
export function put(writer: SessionWriter, key: string, value: unknown): Promise<void> {
  return writer.record(block(outcome(key, value)));
}

export async function closeWriter(writer: SessionWriter): Promise<void> {
  try {
    await writer.close({ status: 'completed' }, false);
  } finally {
    writer.release();
  }
}

/** Makes every live lock look as if its process had stopped long ago. */
export function looksDead(folder: string): void {
  const longAgo = new Date(Date.now() - 3_600_000);
  if (!fs.existsSync(folder)) return;
  for (const file of fs.readdirSync(folder)) {
    if (!file.startsWith('live-')) continue;
    try {
      fs.utimesSync(join(folder, file), longAgo, longAgo);
    } catch (error) {
      // Released meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

/** The value of an outcome, or the message of its error. */
export function shownOutcome({ status, value, error }: OutcomeOnDisk): unknown {
  return status === 'failed' ? `failed: ${error?.message}` : value;
}

/** What a session holds. */
export interface Content {
  readonly values: Map<string, unknown>;
  readonly started: ReadonlySet<string>;
  readonly damages: readonly Damage[];
  readonly tornBytes: number;
}

/** Reads everything, by key. */
export async function contentOf(folder: string, marks: Record<string, number> = {}): Promise<Content> {
  const { recorded, damages, tornBytes } = await recover(folder, { marks, sync: false });
  try {
    const values = new Map<string, unknown>();
    for (const slot of recorded.slots()) {
      const found = recorded.read(slot);
      values.set(found.key, shownOutcome(found));
    }
    return { values, started: new Set(recorded.started.keys()), damages, tornBytes };
  } finally {
    recorded.close();
  }
}

/** The only journal in a folder, or the one of an epoch. */
export function journalIn(folder: string, epoch?: number): string {
  const start = epoch === undefined ? 'l-' : `l-${String(epoch).padStart(6, '0')}-`;
  const journals = fs.readdirSync(folder).filter((file) => file.startsWith(start) && file.endsWith('.log'));
  if (journals.length !== 1) throw new Error(`${journals.length} journals ${start} in ${folder}`);
  return journals[0] as string;
}

/** The bytes that are durable by the manifest. */
export function marksIn(folder: string): Record<string, number> {
  const text = fs.readFileSync(join(folder, 'session.json'), 'utf8');
  return (JSON.parse(text) as { marks: Record<string, number> }).marks;
}

/** Numbers that look random and are the same in every run. */
export function dice(seed: number): () => number {
  let state = seed * 2_654_435_761 + 1;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    const mixed = Math.imul(state ^ (state >>> 12), 0x297a2d39);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}
