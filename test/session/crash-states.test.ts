/**
 * Every state in which a power cut may leave a session, as far as its own file operations decide it.
 *
 * Several lives are recorded, operation by operation. After each operation the disk is rebuilt with
 * everything that was not synced missing, zeroed, torn, or partly kept. In each state every acknowledged
 * outcome has its last value, and no damage is reported. Leaving out one kind of sync at a time shows which
 * syncs are needed, and that the test can fail.
 */

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { idOf } from '../../src/session/record.js';
import type { SessionWriter } from '../../src/session/session-writer.js';
import {
  crashState,
  type DataPolicy,
  DiskRecorder,
  type Known,
  type LeftOut,
  lay,
  type NamePolicy,
  type Policy,
  restoreDisk,
} from '../support/session-disk.js';
import {
  block,
  closeWriter,
  contentOf,
  looksDead,
  openWriter,
  outcome,
  SOAK,
  temporaryFolder,
} from '../support/session-lives.js';

const root = temporaryFolder('crash-states');
const folder = join(root, 'session');
const rebuilt = join(root, 'rebuilt');
const recorder = new DiskRecorder(folder);
const SEEDS = SOAK ? 60 : 4;
/** Outcomes of this size span several sectors. */
const FILL = 'x'.repeat(700);

function shown(value: unknown): unknown {
  return value instanceof Error ? `failed: ${value.message}` : value;
}

async function record(writer: SessionWriter, values: Record<string, unknown>): Promise<void> {
  const entries = Object.entries(values);
  recorder.note(({ values: known, started }) => {
    for (const [key, value] of entries) {
      known.set(key, [...(known.get(key) ?? []), shown(value)]);
      started.delete(idOf(key));
    }
  });
  const done = writer.record(block(...entries.map(([key, value]) => outcome(key, value))));
  await done;
  recorder.note(({ values: known, acknowledged }) => {
    for (const [key, value] of entries) {
      acknowledged.add(key);
      known.set(key, (known.get(key) ?? []).slice((known.get(key) ?? []).lastIndexOf(shown(value))));
    }
  });
}

async function begin(writer: SessionWriter, key: string): Promise<void> {
  await writer.begin(key, 1);
  recorder.note(({ started }) => started.add(idOf(key)));
}

/** Opens the session. What it finds counts as acknowledged, because a run builds on it. */
async function open(shard?: { index: number; count: number }): Promise<SessionWriter> {
  looksDead(folder);
  const writer = await openWriter(folder, shard === undefined ? {} : { shard });
  const found: string[] = [];
  for (const slot of writer.recorded.slots()) found.push(writer.recorded.read(slot).key);
  recorder.note(({ acknowledged }) => {
    for (const key of found) acknowledged.add(key);
  });
  return writer;
}

beforeAll(async () => {
  recorder.install();
  const first = await open();
  await record(first, { a: `a1 ${FILL}`, b: new Error('b1') });
  await Promise.all([record(first, { c: 'c1' }), record(first, { d: `d1 ${FILL}` })]);
  await begin(first, 'once');
  await record(first, { e: 'e1' });
  // Killed between a write and its sync: what is written is in memory only, and the next life builds on it.
  recorder.isStuck = true;
  void record(first, { f: `f1 ${FILL}` });
  await new Promise((resolve) => setTimeout(resolve, 20));
  recorder.isStuck = false;

  const second = await open();
  await record(second, { b: 'b2', g: new Error('g1') });
  await closeWriter(second);
  for (const index of [1, 2]) {
    const shard = await open({ index, count: 2 });
    await record(shard, { [`shard ${index}`]: FILL });
    await closeWriter(shard);
  }
  // Enough journals for a compaction, which runs beside the first outcomes.
  for (let life = 0; life < 8; life++) {
    const writer = await open();
    await record(writer, {
      [`life ${life}`]: life,
      g: life % 2 === 0 ? new Error(`g ${life}`) : `g ${life}`,
    });
    if (life === 2) await begin(writer, 'twice');
    await record(writer, { [`more ${life}`]: FILL });
    await closeWriter(writer);
  }
  // One that ends while its groups are larger than a frame.
  const last = await open();
  const large = 'y'.repeat(700_000);
  await Promise.all([record(last, { large1: large }), record(last, { large2: large })]);
  await record(last, { end: 1 });
  await closeWriter(last);
  restoreDisk();
}, 30_000);

afterEach(restoreDisk);
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

function policies(): Policy[] {
  const list: Policy[] = [];
  for (const data of ['none', 'zeros', 'torn', 'all'] as DataPolicy[])
    for (const names of ['none', 'all', 'some'] as NamePolicy[])
      for (let seed = 1; seed <= (data === 'torn' || names === 'some' ? SEEDS : 1); seed++)
        list.push({ data, names, seed });
  return list;
}

/** What is wrong with a state; undefined when nothing is. */
async function wrongWith(files: Map<string, Buffer> | undefined, known: Known): Promise<string | undefined> {
  if (files === undefined)
    return known.acknowledged.size > 0 ? 'the folder of the session is lost' : undefined;
  lay(rebuilt, files);
  const found = await contentOf(rebuilt).catch((error: unknown) => error as Error);
  if (found instanceof Error) return `threw ${found.message}`;
  if (found.damages.length > 0) return `damage: ${JSON.stringify(found.damages)}`;
  for (const key of known.acknowledged) {
    if (!found.values.has(key)) return `${key} is lost`;
  }
  for (const [key, value] of found.values) {
    const may = known.values.get(key);
    if (may === undefined || !may.includes(value)) return `${key} has a wrong value`;
  }
  for (const id of known.started) if (!found.started.has(id)) return 'an acknowledged begin is lost';
  return undefined;
}

/** Checks the states. Returns how many there are, and what is wrong with which. */
async function enumerate(
  step: number,
  leftOut?: LeftOut,
  isEnough: (wrong: readonly string[]) => boolean = () => false,
): Promise<{ readonly states: number; readonly wrong: string[] }> {
  const seen = new Set<string>();
  const wrong: string[] = [];
  let states = 0;
  const { operations } = recorder;
  for (let count = operations.length; count > 0 && !isEnough(wrong); count -= step) {
    for (const policy of policies()) {
      const { files, known } = crashState(operations, count, policy, leftOut);
      states++;
      const digest = createHash('sha1').update([...known.acknowledged].join() + known.started.size);
      for (const [name, bytes] of files ?? []) digest.update(name).update(bytes);
      for (const values of known.values.values()) digest.update(String(values.length));
      const hash = digest.digest('hex') + String(files?.size);
      if (seen.has(hash)) continue;
      seen.add(hash);
      const what = await wrongWith(files, known);
      if (what !== undefined)
        wrong.push(
          `behind operation ${count} (${operations[count - 1]?.kind}), ${JSON.stringify(policy)}: ${what}`,
        );
    }
  }
  console.log(`  ${states} states, ${seen.size} different, ${wrong.length} wrong`, leftOut ?? '');
  return { states, wrong };
}

it('keeps what it acknowledged in every state, and calls none damaged', async () => {
  expect(recorder.operations.filter(({ kind }) => kind === 'rename').length).toBeGreaterThan(0);
  const { states, wrong } = await enumerate(1);

  expect(wrong.slice(0, 5)).toEqual([]);
  expect(states).toBeGreaterThan(2000);
});

it.each<LeftOut>([
  { kind: 'sync', by: 'journal' },
  { kind: 'sync names', by: 'journal' },
  { kind: 'sync', by: 'compaction' },
  { kind: 'sync names', by: 'compaction' },
  { kind: 'sync', by: 'recovery' },
  { kind: 'sync parent', by: 'open-session' },
])('needs the $kind of $by', async (leftOut) => {
  const { wrong } = await enumerate(1, leftOut, ({ length }) => length > 0);

  expect(wrong.length).toBeGreaterThan(0);
});

// A power cut ends every process, so there is no writer left that a lost claim should fence.
it.each<LeftOut>([
  { kind: 'sync', by: 'claims' },
  { kind: 'sync names', by: 'claims' },
])('would do without the $kind of $by', async (leftOut) => {
  const { wrong } = await enumerate(SOAK ? 1 : 7, leftOut);

  expect(wrong.slice(0, 5)).toEqual([]);
});

it('is continued from any state', async () => {
  const { operations } = recorder;
  const step = SOAK ? 3 : Math.ceil(operations.length / 40);
  for (let count = operations.length; count > 0; count -= step) {
    const { files, known } = crashState(operations, count, { data: 'torn', names: 'some', seed: count });
    if (files === undefined) continue;
    lay(rebuilt, files);
    const writer = await openWriter(rebuilt);
    const before = await contentOf(rebuilt);
    await writer.record(block(outcome('new', 'life')));
    await closeWriter(writer);
    const after = await contentOf(rebuilt);

    expect(writer.notes).toEqual([]);
    expect(after.values).toEqual(new Map([...before.values, ['new', 'life']]));
    for (const key of known.acknowledged) expect(after.values.has(key)).toBe(true);
  }
});
