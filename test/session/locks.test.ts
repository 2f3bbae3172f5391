/**
 * Hostile surroundings. Locks that are removed, filled, or left behind only cost time. Links, foreign folders
 * and foreign owners are refused before anything is written. Only the owner can read what a session creates.
 */

import fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { disk } from '../../src/session/disk.js';
import { DocumentStore } from '../../src/session/document.js';
import { repair } from '../../src/session/session-view.js';
import {
  closeWriter,
  contentOf,
  journalIn,
  looksDead,
  marksIn,
  openWriter,
  put,
  temporaryFolder,
} from '../support/session-lives.js';

const root = temporaryFolder('locks');
const INVALID = { code: 'HEDDLE_SESSION_INVALID' };
let scene = 0;
const newFolder = () => join(root, `scene ${++scene}`);
const LONG_AGO = new Date(Date.now() - 3_600_000);
const liveLocks = (folder: string) => fs.readdirSync(folder).filter((file) => file.startsWith('live-'));
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

async function makeSession(folder: string): Promise<void> {
  const writer = await openWriter(folder);
  await put(writer, 'old', 0);
  await closeWriter(writer);
}

describe('locks', () => {
  it('a live lock that is swept before its first touch is made again', async () => {
    const folder = newFolder();
    await makeSession(folder);
    const { mkdir } = fs;
    let swept = 0;
    const spy = vi.spyOn(fs, 'mkdir').mockImplementation(((path: string, mode: number, done: () => void) =>
      mkdir(path, mode, () => {
        if (path.includes('live-') && swept++ === 0) fs.rmdirSync(path);
        done();
      })) as never);
    const writer = await openWriter(folder);
    spy.mockRestore();
    await put(writer, 'new', 1);

    expect(swept).toBe(2);
    expect(liveLocks(folder)).toHaveLength(1);
    await closeWriter(writer);
  });

  it.each(['fresh', 'stale'])('a %s session.lock with something in it only costs time', async (age) => {
    const folder = newFolder();
    await makeSession(folder);
    const lock = join(folder, 'session.lock');
    fs.mkdirSync(lock);
    fs.writeFileSync(join(lock, 'content'), 'x');
    if (age === 'stale') fs.utimesSync(lock, LONG_AGO, LONG_AGO);
    const start = Date.now();
    const writer = await openWriter(folder);
    await put(writer, 'new', 1);
    await closeWriter(writer);
    const store = new DocumentStore(folder);
    expect(await store.update(() => ({ n: 1 }))).toEqual({ n: 1 });

    expect(Date.now() - start).toBeLessThan(4000);
    const { values, damages } = await contentOf(folder, marksIn(folder));
    expect([...values.keys()]).toEqual(['old', 'new']);
    expect(damages).toEqual([]);
    expect(Object.values(marksIn(folder)).every((bytes) => bytes > 0)).toBe(true);
    expect(fs.readdirSync(lock)).toEqual(['content']);
  });

  it('a session.lock that is a file', async () => {
    const folder = newFolder();
    await makeSession(folder);
    fs.writeFileSync(join(folder, 'session.lock'), '');
    fs.utimesSync(join(folder, 'session.lock'), LONG_AGO, LONG_AGO);
    // Refused or passed over; nothing is lost, and the session opens again.
    const writer = await openWriter(folder).catch((error: unknown) => error as Error);
    if (writer instanceof Error) expect(writer).toMatchObject({ code: /^HEDDLE_SESSION_/ });
    else await closeWriter(writer).catch(() => {});
    fs.rmSync(join(folder, 'session.lock'), { recursive: true, force: true });
    await makeSession(folder);
    expect((await contentOf(folder)).values.get('old')).toBe(0);
  });

  it('a live lock that was removed is taken again', async () => {
    const errors: unknown[] = [];
    const onError = (error: unknown) => errors.push(error);
    process.on('uncaughtException', onError);
    process.on('unhandledRejection', onError);
    const folder = newFolder();
    const writer = await openWriter(folder, { staleMs: 3000 });
    await put(writer, 'a', 1);
    for (const lock of liveLocks(folder)) fs.rmSync(join(folder, lock), { recursive: true });
    await put(writer, 'b', 2);
    await vi.waitFor(() => expect(liveLocks(folder)).toHaveLength(1), { timeout: 8000, interval: 50 });
    // Compromised: it looks as if another process had touched it.
    for (const lock of liveLocks(folder)) fs.utimesSync(join(folder, lock), LONG_AGO, LONG_AGO);
    await wait(1300);
    await put(writer, 'c', 3);
    await closeWriter(writer);
    process.off('uncaughtException', onError);
    process.off('unhandledRejection', onError);

    expect(errors).toEqual([]);
    expect([...(await contentOf(folder)).values.keys()]).toEqual(['a', 'b', 'c']);
    const next = await openWriter(folder);
    await closeWriter(next);
    expect(liveLocks(folder)).toEqual([]);
  });

  it('a live lock with something in it, whose writer is gone', async () => {
    const folder = newFolder();
    await makeSession(folder);
    const lock = join(folder, 'live-zzz-00000000000000000000.lock');
    fs.mkdirSync(lock);
    fs.writeFileSync(join(lock, 'content'), 'x');
    fs.utimesSync(lock, LONG_AGO, LONG_AGO);
    await makeSession(folder);
    expect((await contentOf(folder, marksIn(folder))).damages).toEqual([]);
  });

  it('a session.json that is removed while a run goes on comes back', async () => {
    const folder = newFolder();
    const writer = await openWriter(folder);
    await put(writer, 'a', 1);
    fs.rmSync(join(folder, 'session.json'));
    await put(writer, 'b', 1);
    await closeWriter(writer);
    expect(marksIn(folder)[journalIn(folder)]).toBe(fs.statSync(join(folder, journalIn(folder))).size);
  });

  it('a journal that is moved or deleted while it is written ends the run', async () => {
    for (const move of [
      (path: string) => fs.rmSync(path),
      (path: string) => fs.renameSync(path, `${path}.old`),
    ]) {
      const folder = newFolder();
      const writer = await openWriter(folder);
      await put(writer, 'a', 1);
      move(join(folder, journalIn(folder)));
      await expect(put(writer, 'b', 1)).rejects.toMatchObject({ code: 'HEDDLE_SESSION_WRITE' });
      await expect(closeWriter(writer)).rejects.toMatchObject({ code: 'HEDDLE_SESSION_WRITE' });
    }
    const folder = newFolder();
    const writer = await openWriter(folder);
    await put(writer, 'a', 1);
    fs.renameSync(folder, `${folder} moved`);
    await expect(put(writer, 'b', 1)).rejects.toMatchObject({ code: 'HEDDLE_SESSION_WRITE' });
    await closeWriter(writer).catch(() => {});
    expect((await contentOf(`${folder} moved`)).values.get('a')).toBe(1);
  });
});

describe('names', () => {
  /** A file outside, and its content afterwards. */
  function outside(): string {
    const path = join(root, `outside ${scene}`);
    fs.writeFileSync(path, 'untouched');
    return path;
  }

  it.each(['before', 'during'])('a session.json that is a link, %s a run', async (when) => {
    const folder = newFolder();
    const path = outside();
    await makeSession(folder);
    const link = () => {
      fs.rmSync(join(folder, 'session.json'));
      fs.symlinkSync(path, join(folder, 'session.json'));
    };
    if (when === 'before') {
      link();
      await expect(openWriter(folder)).rejects.toMatchObject(INVALID);
    } else {
      const writer = await openWriter(folder);
      link();
      await put(writer, 'new', 1);
      await expect(closeWriter(writer)).rejects.toMatchObject(INVALID);
      expect((await contentOf(folder)).values.get('new')).toBe(1);
    }
    expect(fs.readFileSync(path, 'utf8')).toBe('untouched');
    expect(fs.lstatSync(join(folder, 'session.json')).isSymbolicLink()).toBe(true);
    expect(liveLocks(folder)).toEqual([]);
  });

  it.each(['journal', 'document'])('a quarantine that is a link, for a damaged %s', async (what) => {
    const folder = newFolder();
    const target = join(root, `target ${scene}`);
    fs.mkdirSync(target);
    await makeSession(folder);
    const store = new DocumentStore(folder);
    await store.update(() => ({ n: 1 }));
    fs.symlinkSync(target, join(folder, 'quarantine'));
    const path = join(folder, what === 'journal' ? journalIn(folder) : 'state-000001.json');
    const bytes = fs.readFileSync(path);
    bytes.fill(0, bytes.length - 30, bytes.length - 5);
    fs.writeFileSync(path, bytes);

    await expect(repair(folder)).rejects.toMatchObject(INVALID);
    expect(fs.readdirSync(target)).toEqual([]);
    fs.rmSync(join(folder, 'quarantine'));
    expect(await repair(folder)).toHaveLength(1);
    expect(fs.readdirSync(join(folder, 'quarantine')).length).toBe(1);
  });

  it('a journal, a claim, or a base that was planted as a link is not written through', async () => {
    const folder = newFolder();
    await makeSession(folder);
    const path = outside();
    const { create } = disk;
    // The name of a journal cannot be guessed, so it is planted just before the journal is created.
    disk.create = (each) => {
      if (/\/l-[^/]*$/.test(each)) fs.symlinkSync(path, each);
      return create(each);
    };
    await expect(openWriter(folder)).rejects.toMatchObject({ code: 'HEDDLE_SESSION_WRITE' });
    disk.create = create;
    for (const file of fs.readdirSync(folder))
      if (fs.lstatSync(join(folder, file)).isSymbolicLink()) fs.rmSync(join(folder, file));
    fs.symlinkSync(path, join(folder, 'e000003.epoch'));
    await expect(openWriter(folder)).rejects.toMatchObject(INVALID);
    fs.rmSync(join(folder, 'e000003.epoch'));
    fs.symlinkSync(path, join(folder, 'base-000002.log'));
    await expect(openWriter(folder)).rejects.toMatchObject(INVALID);
    fs.rmSync(join(folder, 'base-000002.log'));
    await makeSession(folder);
    expect(fs.readFileSync(path, 'utf8')).toBe('untouched');
  });

  it.runIf(process.getuid?.() === 0)('a folder of another user', async () => {
    const folder = newFolder();
    fs.mkdirSync(folder);
    fs.chownSync(folder, 12345, 12345);
    await expect(openWriter(folder)).rejects.toMatchObject(INVALID);
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it('a file in place of the folder, and one in place of a folder above it', async () => {
    const path = outside();
    await expect(openWriter(path)).rejects.toMatchObject(INVALID);
    await expect(openWriter(join(path, 'below'))).rejects.toMatchObject(INVALID);
    expect(fs.readFileSync(path, 'utf8')).toBe('untouched');
  });

  it('a folder with foreign files, and a session with a foreign file', async () => {
    const folder = newFolder();
    fs.mkdirSync(folder);
    fs.writeFileSync(join(folder, 'notes.txt'), 'mine');
    await expect(openWriter(folder)).rejects.toMatchObject(INVALID);
    expect(fs.readdirSync(folder)).toEqual(['notes.txt']);
    const session = newFolder();
    await makeSession(session);
    fs.writeFileSync(join(session, 'notes.txt'), 'mine');
    fs.mkdirSync(join(session, 'folder.log'));
    for (let life = 0; life < 9; life++) await makeSession(session);
    expect(fs.readFileSync(join(session, 'notes.txt'), 'utf8')).toBe('mine');
  });

  it('everything is for its owner alone, whatever the umask', async () => {
    const umask = process.umask(0);
    const folder = join(newFolder(), 'deep', 'session');
    try {
      for (let life = 0; life < 9; life++) await makeSession(folder);
      await new DocumentStore(folder).update(() => 1);
      const writer = await openWriter(folder);
      const journal = fs
        .readdirSync(folder)
        .sort()
        .findLast((file) => file.startsWith('l-')) as string;
      const bytes = fs.readFileSync(join(folder, journal));
      fs.writeFileSync(join(folder, journal), bytes.fill(0, 0, 40));
      looksDead(folder);
      const next = await openWriter(folder);
      const modes = new Map(
        fs.readdirSync(folder, { recursive: true }).map((file) => {
          const stats = fs.lstatSync(join(folder, String(file)));
          return [String(file), [stats.isDirectory(), (stats.mode & 0o777).toString(8)]];
        }),
      );
      await closeWriter(next);
      await closeWriter(writer).catch(() => {});
      for (const [file, [isFolder, mode]] of modes)
        expect([file, mode]).toEqual([file, isFolder ? '700' : '600']);
      expect([...modes.keys()].some((file) => /^(?:base-|\.t-)/.test(file))).toBe(true);
      expect([...modes.keys()].some((file) => file.startsWith('quarantine/'))).toBe(true);
      expect([...modes.keys()].some((file) => file.startsWith('live-'))).toBe(true);
      expect((fs.statSync(folder).mode & 0o777).toString(8)).toBe('700');
    } finally {
      process.umask(umask);
    }
  });
});
