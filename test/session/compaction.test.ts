/**
 * Compaction beside a run. The base holds what was recorded before its epoch, and nothing of the run in
 * progress, whose outcomes may never reach the disk. When a base is damaged, older files that are still there
 * replace it.
 */

import fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import { disk } from '../../src/session/disk.js';
import { idOf } from '../../src/session/record.js';
import { restoreDisk } from '../support/session-disk.js';
import {
  closeWriter,
  contentOf,
  looksDead,
  openWriter,
  put,
  temporaryFolder,
} from '../support/session-lives.js';

const root = temporaryFolder('compaction');
afterEach(restoreDisk);
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

const bases = (folder: string) => fs.readdirSync(folder).filter((file) => file.startsWith('base-'));

async function waitFor(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
}

it('leaves out outcomes of this run that are not recorded yet', async () => {
  const folder = join(root, 'started');
  for (let life = 0; life < 8; life++) {
    if (life > 0) looksDead(folder);
    const writer = await openWriter(folder);
    await put(writer, `large ${life}`, 'x'.repeat(400_000));
    if (life === 7) await writer.begin('once', 1);
  }
  looksDead(folder);
  const writer = await openWriter(folder);
  let release = () => {};
  const { syncData } = disk;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  disk.syncData = (fd) => held.then(() => syncData(fd));
  const first = put(writer, 'first', 1);
  await new Promise((resolve) => setImmediate(resolve));
  // Waits for the sync in front of it; the process could be killed before it is written.
  const second = put(writer, 'once', new Error('interrupted'));
  await waitFor(() => bases(folder).length === 1);
  const killed = join(root, 'killed');
  fs.cpSync(folder, killed, { recursive: true });
  const { started, values } = await contentOf(killed);
  release();
  await Promise.all([first, second]);
  await closeWriter(writer);

  expect(values.has('once')).toBe(false);
  expect(started).toContain(idOf('once'));
  expect((await contentOf(folder)).values.get('once')).toBe('failed: interrupted');
});

it('keeps the jobs that tasks wait for, and forgets those of tasks that have an outcome', async () => {
  const folder = join(root, 'jobs');
  const waiting = { handle: '{"id":7}', account: 'first' };
  for (let life = 0; life < 12; life++) {
    const writer = await openWriter(folder);
    await put(writer, `large ${life}`, 'x'.repeat(400_000));
    if (life === 0) {
      await writer.begin('waits', 1);
      await writer.submit('waits', { handle: '{"id":1}', account: undefined });
      await writer.submit('waits', waiting);
      await writer.submit('done', waiting);
      await put(writer, 'done', 1);
    }
    await closeWriter(writer);
  }

  expect(bases(folder)).toHaveLength(1);
  const writer = await openWriter(folder);
  expect(writer.see('waits', 0, false)).toMatchObject({
    status: undefined,
    interrupted: false,
    job: waiting,
  });
  expect(writer.see('done', 1, false)).toMatchObject({ status: 'succeeded', job: undefined });
  await closeWriter(writer);
});

/** A session whose compactor was killed after it had committed its base and before it removed older files. */
async function compactedHalfway(folder: string, value: unknown = 'small'): Promise<string> {
  for (let life = 0; life < 9; life++) {
    const writer = await openWriter(folder);
    if (life === 8) disk.unlink = () => {};
    await put(writer, 'again', life);
    if (life < 8) await put(writer, `key ${life}`, value);
    await closeWriter(writer);
  }
  restoreDisk();
  for (const file of fs.readdirSync(folder)) if (file.startsWith('.t-')) fs.rmSync(join(folder, file));
  return join(folder, bases(folder)[0] as string);
}

function damage(path: string, at: number): void {
  const bytes = fs.readFileSync(path);
  bytes[at] = (bytes[at] as number) ^ 4;
  fs.writeFileSync(path, bytes);
}

it('reads what is older than a damaged base, as long as it is there', async () => {
  const folder = join(root, 'damaged base');
  const base = await compactedHalfway(folder);
  damage(base, fs.statSync(base).size - 300);
  const { values, damages } = await contentOf(folder);

  expect(damages).toHaveLength(1);
  for (let life = 0; life < 8; life++) expect(values.get(`key ${life}`)).toBe('small');
  expect(values.get('again')).toBe(8);
});

it('a shard leaves what is older than a damaged base', async () => {
  const folder = join(root, 'shard');
  const base = await compactedHalfway(folder);
  damage(base, fs.statSync(base).size - 300);
  const shard = await openWriter(folder, { shard: { index: 1, count: 2 } });
  await closeWriter(shard);
  const { values } = await contentOf(folder);

  for (let life = 0; life < 8; life++) expect(values.get(`key ${life}`)).toBe('small');
  expect(values.get('again')).toBe(8);
});

it('a journal older than a damaged base does not override the base', async () => {
  const folder = join(root, 'order');
  // So large that the base has several frames; only its last one, which holds no outcome, is damaged.
  const base = await compactedHalfway(folder, 'x'.repeat(300_000));
  damage(base, fs.statSync(base).size - 3);
  // Removing older files had begun with the newer ones, and the newest journal has only its head.
  const journals = fs.readdirSync(folder).filter((file) => file.startsWith('l-'));
  for (const file of journals) if (/^l-00000[678]-/.test(file)) fs.rmSync(join(folder, file));
  const newest = join(folder, journals.find((file) => file.startsWith('l-000009-')) as string);
  const text = fs.readFileSync(newest, 'latin1');
  fs.writeFileSync(newest, text.slice(0, text.indexOf('\n#H1 ') + 1), 'latin1');
  const { values, damages } = await contentOf(folder);

  expect(damages.some(({ file }) => file.startsWith('base-'))).toBe(true);
  expect(values.get('again')).toBe(7);
});
