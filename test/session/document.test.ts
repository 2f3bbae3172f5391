/**
 * The document: no change is lost, no reader sees half a change, and a process that was paused for long does
 * no harm. Damage is an error until it is repaired.
 */

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { afterAll, afterEach, expect, it } from 'vitest';
import { disk } from '../../src/session/disk.js';
import { DocumentStore } from '../../src/session/document.js';
import { findDamages, repair } from '../../src/session/session-view.js';
import { restoreDisk } from '../support/session-disk.js';
import { closeWriter, openWriter, put, SOAK, temporaryFolder } from '../support/session-lives.js';

const root = temporaryFolder('document');
const COUNTER = fileURLToPath(new URL('./fixtures/counter.js', import.meta.url));
const TIMES = SOAK ? 500 : 100;
const PROCESSES = 4;
interface Counts {
  readonly total: number;
  readonly counts: Readonly<Record<string, number>>;
}
const plain = { ...disk };
let scene = 0;
const newFolder = () => join(root, `scene ${++scene}`);
const states = (folder: string) => fs.readdirSync(folder).filter((file) => file.startsWith('state-'));
const count = (data: unknown) => ({ n: ((data as { n?: number } | undefined)?.n ?? 0) + 1 });

afterEach(restoreDisk);
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

it(`${PROCESSES} processes count ${TIMES} times each`, async () => {
  const folder = newFolder();
  let running = PROCESSES;
  const one = (name: string) =>
    new Promise<string>((resolve) => {
      const child = spawn(process.execPath, [COUNTER, folder, String(TIMES), name]);
      let text = '';
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (data: string) => {
          text += data;
        });
      child.once('close', () => {
        running--;
        resolve(text);
      });
    });
  const done = Promise.all(Array.from({ length: PROCESSES }, (_, i) => one(`p${i}`)));
  const store = new DocumentStore(folder);
  let reads = 0;
  let last = 0;
  while (running > 0) {
    const found = fs.existsSync(folder) ? (store.read() as Counts | undefined) : undefined;
    if (found !== undefined) {
      const sum = Object.values(found.counts).reduce((a, b) => a + b, 0);
      if (sum !== found.total) expect(sum).toBe(found.total);
      if (found.total < last) expect(found.total).toBeGreaterThanOrEqual(last);
      last = found.total;
      reads++;
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }

  expect(await done).toEqual(Array.from({ length: PROCESSES }, () => 'ok\n'));
  const names = Array.from({ length: PROCESSES }, (_, i) => [`p${i}`, TIMES]);
  expect(store.read()).toEqual({ total: PROCESSES * TIMES, counts: Object.fromEntries(names) });
  expect(fs.readdirSync(folder).filter((file) => !file.startsWith('state-'))).toEqual([]);
  expect(states(folder).length).toBeLessThanOrEqual(9);
  console.log(`  document: ${PROCESSES * TIMES} updates, ${reads} reads`);
});

it.each([1, 7, 8, 9, 20, 63])('a writer that is %i versions late', async (versions) => {
  const folder = newFolder();
  const [slow, fast] = [new DocumentStore(folder), new DocumentStore(folder)];
  await slow.update(count);
  let isLate = false;
  // Paused between computing and linking, while others remove the version it read and the number it wants.
  disk.link = (from, to) => {
    if (isLate) return plain.link(from, to);
    isLate = true;
    const text = fs.readFileSync(from, 'utf8');
    const { version, writes } = JSON.parse(text) as { version: number; writes: string[] };
    later(folder, version, writes.slice(0, -1), versions);
    return plain.link(from, to);
  };
  await slow.update(count);
  restoreDisk();

  expect(fast.read()).toEqual({ n: 1 + versions + 1 });
  await fast.update(count);
  expect(slow.read()).toEqual({ n: 1 + versions + 2 });
  expect(states(folder).length).toBeLessThanOrEqual(8);
});

/**
 * Writes what other processes would have written. Synchronous, because the paused update holds the thread.
 */
function later(folder: string, from: number, before: readonly string[], versions: number): void {
  const writes = [...before];
  for (let i = 0; i < versions; i++) {
    const version = from + i;
    const data = JSON.stringify({ n: 2 + i });
    writes.push(`other${i}`);
    const crc = crc32(data).toString(16).padStart(8, '0');
    const text = `{"format":1,"version":${version},"crc":"${crc}","writes":${JSON.stringify(writes.slice(-64))},"data":${data}}\n`;
    fs.writeFileSync(join(folder, `state-${String(version).padStart(6, '0')}.json`), text);
    fs.rmSync(join(folder, `state-${String(version - 8).padStart(6, '0')}.json`), { force: true });
  }
}

it('a writer that is too late to know whether its change is included gets an error', async () => {
  const folder = newFolder();
  const store = new DocumentStore(folder);
  await store.update(count);
  disk.link = (from, to) => {
    const { version, writes } = JSON.parse(fs.readFileSync(from, 'utf8')) as {
      version: number;
      writes: string[];
    };
    later(folder, version, writes.slice(0, -1), 80);
    plain.link(from, to);
    restoreDisk();
  };
  await expect(store.update(count)).rejects.toMatchObject({ code: 'HEDDLE_SESSION_FENCED' });

  expect(store.read()).toEqual({ n: 81 });
  await store.update(count);
  expect(store.read()).toEqual({ n: 82 });
});

it('a change that throws, or returns no JSON, changes nothing and does not delay others', async () => {
  const folder = newFolder();
  const store = new DocumentStore(folder);
  const results = await Promise.allSettled([
    store.update(count),
    store.update(() => {
      throw new TypeError('mine');
    }),
    store.update(() => undefined),
    store.update(count),
  ]);

  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
  expect(store.read()).toEqual({ n: 2 });
  expect(fs.readdirSync(folder).filter((file) => !file.startsWith('state-'))).toEqual([]);
});

it.each(['every bit', 'every length'])('damage of the newest version is found, at %s', async (what) => {
  const folder = newFolder();
  const store = new DocumentStore(folder);
  for (let i = 0; i < 3; i++) await store.update(count);
  const path = join(folder, states(folder).sort().at(-1) as string);
  const good = fs.readFileSync(path);
  const total = what === 'every bit' ? good.length * 8 : good.length;
  for (let i = 0; i < total; i++) {
    const bad = Buffer.from(good);
    if (what === 'every bit') bad[i >> 3] = (bad[i >> 3] as number) ^ (1 << (i & 7));
    fs.writeFileSync(path, what === 'every bit' ? bad : good.subarray(0, i));
    let found: unknown = 'damaged';
    try {
      found = store.read();
    } catch (error) {
      expect((error as { code: string }).code).toBe('HEDDLE_SESSION_DAMAGED');
    }
    // What does not reach the data may pass.
    if (found !== 'damaged') expect(found).toEqual({ n: 3 });
  }
});

it('a damaged version is repaired by the one before', async () => {
  const folder = newFolder();
  const writer = await openWriter(folder);
  await put(writer, 'a', 1);
  await closeWriter(writer);
  const store = new DocumentStore(folder);
  for (let i = 0; i < 3; i++) await store.update(count);
  const newest = states(folder).sort().at(-1) as string;
  fs.writeFileSync(join(folder, newest), 'garbage');

  expect(() => store.read()).toThrow(expect.objectContaining({ code: 'HEDDLE_SESSION_DAMAGED' }));
  await expect(store.update(count)).rejects.toMatchObject({ code: 'HEDDLE_SESSION_DAMAGED' });
  expect(await findDamages(folder)).toHaveLength(1);
  expect(await repair(folder)).toHaveLength(1);
  expect(store.read()).toEqual({ n: 2 });
  await store.update(count);
  expect(store.read()).toEqual({ n: 3 });
  expect(fs.readFileSync(join(folder, 'quarantine', newest), 'utf8')).toBe('garbage');
  expect(await findDamages(folder)).toEqual([]);
});
