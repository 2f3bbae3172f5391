/**
 * The fence: a writer that is overtaken while it is paused, at whatever point, gets an error and acknowledges
 * nothing more. Its successor has everything that it acknowledged. Runs without common tasks do not disturb
 * each other.
 */

import fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { disk } from '../../src/session/disk.js';
import { restoreDisk } from '../support/session-disk.js';
import {
  closeWriter,
  contentOf,
  journalIn,
  looksDead,
  openWriter,
  put,
  temporaryFolder,
} from '../support/session-lives.js';
import { endProcesses, RecorderProcess } from '../support/session-processes.js';

const root = temporaryFolder('fence');
const FENCED = { code: 'HEDDLE_SESSION_FENCED' };
let scene = 0;
const newFolder = () => join(root, `scene ${++scene}`);
const plain = { ...disk };
afterEach(restoreDisk);
afterAll(endProcesses);
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

/** A moment at which a writer waits, and the function that continues it. */
function gate(): { readonly reached: Promise<void>; readonly pass: () => Promise<void>; open: () => void } {
  let arrive = () => {};
  let open = () => {};
  const reached = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    reached,
    pass: () => {
      arrive();
      return opened;
    },
    open,
  };
}

describe('a writer that is overtaken', () => {
  it('before it writes', async () => {
    const folder = newFolder();
    const a = await openWriter(folder);
    await put(a, 'a1', 1);
    looksDead(folder);
    const b = await openWriter(folder);
    expect(b.recorded.counts.succeeded).toBe(1);
    await put(b, 'b1', 1);

    await expect(put(a, 'a2', 2)).rejects.toMatchObject(FENCED);
    await expect(put(a, 'a3', 3)).rejects.toMatchObject(FENCED);
    await put(b, 'b2', 2);
    await expect(closeWriter(a)).rejects.toMatchObject(FENCED);
    await closeWriter(b);
    const { values, damages } = await contentOf(folder);
    expect([...values.keys()]).toEqual(['a1', 'b1', 'b2']);
    expect(damages).toEqual([]);
  });

  it('between checking the claims and checking its own file, which the other one has removed', async () => {
    const folder = newFolder();
    const a = await openWriter(folder);
    await put(a, 'a1', 1);
    const journal = join(folder, journalIn(folder));
    Object.assign(disk, {
      stat: (path: string) => {
        if (path !== journal) return plain.stat(path);
        fs.linkSync(join(folder, 'e000001.epoch'), join(folder, 'e000002.epoch'));
        fs.rmSync(journal);
        restoreDisk();
        return plain.stat(path);
      },
    });
    await expect(put(a, 'a2', 2)).rejects.toMatchObject(FENCED);
    await closeWriter(a).catch(() => {});
  });

  it("while it opens the session: files that go missing under it are the other one's work", async () => {
    const folder = newFolder();
    await closeWriter(await openWriter(folder));
    Object.assign(disk, {
      create: (path: string) => {
        if (!path.endsWith('.log')) return plain.create(path);
        restoreDisk();
        fs.linkSync(join(folder, 'e000002.epoch'), join(folder, 'e000003.epoch'));
        throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT', syscall: 'open' });
      },
    });
    await expect(openWriter(folder)).rejects.toMatchObject(FENCED);
  });

  it('between its write and its look at the claims: what it wrote is not acknowledged', async () => {
    const folder = newFolder();
    const a = await openWriter(folder);
    await put(a, 'a1', 1);
    // The check follows the write synchronously; another process can come between them only here.
    Object.assign(disk, {
      write: (...args: Parameters<typeof disk.write>) => {
        const count = plain.write(...args);
        restoreDisk();
        looksDead(folder);
        const claim = fs.readdirSync(folder).find((file) => file.endsWith('.epoch')) as string;
        fs.copyFileSync(join(folder, claim), join(folder, 'e000002.epoch'));
        return count;
      },
    });
    await expect(put(a, 'a2', 2)).rejects.toMatchObject(FENCED);
    const b = await openWriter(folder);
    // It was written and not acknowledged, so it may be there.
    expect(b.recorded.counts.succeeded).toBe(2);
    await closeWriter(b);
    await closeWriter(a).catch(() => {});
  });

  it('in its sync, after its check: its successor has what it acknowledges', async () => {
    const folder = newFolder();
    const a = await openWriter(folder);
    const inSync = gate();
    disk.syncData = async (fd) => {
      await inSync.pass();
      await plain.syncData(fd);
    };
    const second = put(a, 'a1', 1);
    const third = inSync.reached.then(() => put(a, 'a2', 2));
    third.catch(() => {});
    await inSync.reached;
    disk.syncData = plain.syncData;
    looksDead(folder);
    const b = await openWriter(folder);
    const { values } = await contentOf(folder);
    inSync.open();

    await second;
    expect(values.get('a1')).toBe(1);
    expect(b.recorded.counts.succeeded).toBe(1);
    await expect(third).rejects.toMatchObject(FENCED);
    await closeWriter(b);
    await closeWriter(a).catch(() => {});
    expect([...(await contentOf(folder)).values.keys()]).toEqual(['a1']);
  });

  it('while it compacts: its base does no harm, and it clears nothing away', async () => {
    for (const where of ['sync', 'rename'] as const) {
      const folder = newFolder();
      for (let life = 0; life < 8; life++) {
        const writer = await openWriter(folder);
        await put(writer, `old ${life}`, life);
        await closeWriter(writer);
      }
      // Its sync of the base waits; the rename comes after it.
      const compacting = gate();
      const { rename } = disk;
      let isBase = false;
      let late: (() => void) | undefined;
      Object.assign(disk, {
        create: (path: string) => {
          isBase ||= path.includes('.t-') && fs.existsSync(join(folder, 'e000009.epoch'));
          return plain.create(path);
        },
        sync: async (fd: number) => {
          if (isBase && where === 'sync') await compacting.pass();
          await plain.sync(fd);
        },
        rename: (from: string, to: string) => {
          if (where !== 'rename') return rename(from, to);
          // Done by hand, when the successor has finished.
          late = () => rename(from, to);
          void compacting.pass();
          throw Object.assign(new Error('paused'), { code: 'EINTR' });
        },
        unlink: (path: string) => {
          if (!(where === 'rename' && path.includes('.t-') && isBase)) plain.unlink(path);
        },
      });
      const a = await openWriter(folder);
      await compacting.reached;
      await put(a, 'a1', 1);
      restoreDisk();
      looksDead(folder);
      const b = await openWriter(folder);
      expect(b.recorded.counts.succeeded).toBe(9);
      await put(b, 'b1', 1);
      const before = fs.readdirSync(folder).filter((file) => file.startsWith('l-'));
      compacting.open();
      late?.();
      await expect(put(a, 'a2', 1)).rejects.toMatchObject(FENCED);
      await closeWriter(a).catch(() => {});
      await put(b, 'b2', 1);
      for (const file of before)
        if (!file.startsWith('l-00000')) expect(fs.readdirSync(folder)).toContain(file);
      await closeWriter(b);
      const { values, damages } = await contentOf(folder);
      expect(values.size).toBe(11);
      expect(damages).toEqual([]);
      await closeWriter(await openWriter(folder));
      expect((await contentOf(folder)).values.size).toBe(11);
    }
  });

  it('while it opens, between its claim and its journal', async () => {
    const folder = newFolder();
    const first = await openWriter(folder);
    await put(first, 'old', 0);
    await closeWriter(first);
    const opening = gate();
    disk.sync = async (fd) => {
      if (fs.existsSync(join(folder, 'e000002.epoch'))) await opening.pass();
      await plain.sync(fd);
    };
    const a = openWriter(folder);
    a.catch(() => {});
    await opening.reached;
    restoreDisk();
    looksDead(folder);
    const b = await openWriter(folder);
    await put(b, 'b1', 1);
    opening.open();

    await expect(a).rejects.toMatchObject(FENCED);
    await put(b, 'b2', 2);
    await closeWriter(b);
    const { values, damages } = await contentOf(folder);
    expect([...values.keys()]).toEqual(['old', 'b1', 'b2']);
    expect(damages).toEqual([]);
  });
});

describe('who fences whom', () => {
  const shard = (index: number, count: number) => ({ shard: { index, count } });

  it('a writer whose successor took a number far above its own', async () => {
    const folder = newFolder();
    const a = await openWriter(folder);
    await put(a, 'a', 1);
    // A foreign file with the name of a journal: the next number is above it.
    fs.writeFileSync(join(folder, 'l-000009-1of1-zz-00000000000000000000.log'), '');
    looksDead(folder);
    const b = await openWriter(folder);
    await put(b, 'b', 1);

    await expect(put(a, 'no', 1)).rejects.toMatchObject(FENCED);
    await closeWriter(b);
    await closeWriter(a).catch(() => {});
    expect([...(await contentOf(folder)).values.keys()]).toEqual(['a', 'b']);
  });

  it('a session that is in use is refused, and goes on', async () => {
    const folder = newFolder();
    const a = await openWriter(folder);
    await expect(openWriter(folder)).rejects.toMatchObject({ code: 'HEDDLE_SESSION_BUSY' });
    await put(a, 'a', 1);
    await closeWriter(a);
  });

  it('shards of one count leave each other alone, in whatever order they open', async () => {
    const folder = newFolder();
    const first = await openWriter(folder, shard(1, 3));
    await put(first, '1', 1);
    const second = await openWriter(folder, shard(2, 3));
    await put(first, '1 again', 1);
    const third = await openWriter(folder, shard(3, 3));
    for (const [i, shard] of [first, second, third].entries()) await put(shard, `${i} late`, 1);
    await expect(openWriter(folder, shard(2, 3))).rejects.toMatchObject({ code: 'HEDDLE_SESSION_BUSY' });
    looksDead(folder);
    const secondAgain = await openWriter(folder, shard(2, 3));
    await expect(put(second, 'no', 1)).rejects.toMatchObject(FENCED);
    await put(first, '1 last', 1);
    await put(secondAgain, '2 last', 1);
    await put(third, '3 last', 1);
    for (const writer of [first, secondAgain, third]) await closeWriter(writer);
    await closeWriter(second).catch(() => {});
    const { values, damages } = await contentOf(folder);
    expect([...values.keys()].sort()).toEqual([
      '0 late',
      '1',
      '1 again',
      '1 last',
      '1 late',
      '2 last',
      '2 late',
      '3 last',
    ]);
    expect(damages).toEqual([]);
  });

  it.each([
    ['a whole run', shard(1, 2), shard(1, 1)],
    ['a shard', shard(1, 1), shard(2, 2)],
    ['a shard of another count', shard(1, 2), shard(2, 3)],
  ])('%s fences what overlaps', async (_, old, young) => {
    const folder = newFolder();
    const a = await openWriter(folder, old);
    await put(a, 'a', 1);
    await expect(openWriter(folder, young)).rejects.toMatchObject({ code: 'HEDDLE_SESSION_BUSY' });
    looksDead(folder);
    const b = await openWriter(folder, young);
    await expect(put(a, 'no', 1)).rejects.toMatchObject(FENCED);
    await put(b, 'b', 1);
    await closeWriter(b);
    await closeWriter(a).catch(() => {});
    expect([...(await contentOf(folder)).values.keys()]).toEqual(['a', 'b']);
  });

  it('many that open at once: of those that overlap all but one are refused or fenced', async () => {
    const folder = newFolder();
    const acknowledged: string[] = [];
    const one = async (i: number) => {
      const writer = await openWriter(folder, i % 3 === 0 ? {} : shard((i % 2) + 1, 2));
      await put(writer, `key ${i}`, i);
      acknowledged.push(`key ${i}`);
      await closeWriter(writer);
    };
    const results = await Promise.allSettled(Array.from({ length: 12 }, (_, i) => one(i)));
    const { values } = await contentOf(folder);

    for (const key of acknowledged) expect(values.has(key)).toBe(true);
    for (const result of results)
      if (result.status === 'rejected')
        expect(result.reason.code).toMatch(/^HEDDLE_SESSION_(?:BUSY|FENCED)$/);
    expect(acknowledged.length).toBeGreaterThan(0);
  });
});

it('a process that was stopped for longer than the stale time gets an error when it continues', {
  timeout: 20_000,
}, async () => {
  const folder = newFolder();
  const a = new RecorderProcess(folder, 'a', { staleMs: 2000 });
  await a.reached(20);
  a.child.kill('SIGSTOP');
  // proper-lockfile makes a lock look up to a second younger than it is.
  await new Promise((resolve) => setTimeout(resolve, 3200));
  const acknowledgedByA = a.acknowledged.length;
  const b = new RecorderProcess(folder, 'b', { staleMs: 2000 });
  await b.reached(20);
  expect([b.end, b.stderr]).toEqual([undefined, '']);
  expect(b.found).toBeGreaterThanOrEqual(acknowledgedByA);
  const done = a.exited;
  a.child.kill('SIGCONT');
  await done;
  await b.reached(b.acknowledged.length + 20);
  b.child.kill('SIGKILL');
  await b.exited;

  expect([a.end, a.stderr]).toEqual(['HEDDLE_SESSION_FENCED', '']);
  const { values, damages } = await contentOf(folder);
  for (const key of [...a.acknowledged, ...b.acknowledged]) expect(values.has(key)).toBe(true);
  expect(b.acknowledged.length).toBeGreaterThanOrEqual(40);
  expect(damages).toEqual([]);
});
