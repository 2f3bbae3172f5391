/**
 * Locks: advice, never proof. They keep processes from getting in each other's way and say who is alive; that nothing is lost
 * when they fail is what claims are for (claims.ts).
 *
 * proper-lockfile makes a folder and touches it as long as its process lives. Two uses:
 *   `live-<writer>.lock` is held as long as a writer has the session open. Nobody else ever wants it.
 *   `session.lock` is held while the manifest or the document is written.
 */

import fs from 'node:fs';
import { join } from 'node:path';
import type { LockOptions } from 'proper-lockfile';
import { disk, isMissing } from './disk.js';
import { liveName, MANIFEST_LOCK } from './names.js';
import { MIN_STALE_MS } from './stale-times.js';

/** The short lock is held for milliseconds: this old, its process was killed. */
const SHORT_STALE_MS = MIN_STALE_MS;
const TOUCH_MS = 1000;
/** How long to wait for others that write; what is done under the lock is safe without it. */
const PATIENCE_MS = 300;
/** To make the live lock, which others may sweep before its first touch. */
const MOST_TRIES = 5;
const RETRY_MS = { least: 2, most: 12 };

const privateFolders = {
  ...fs,
  mkdir: (path: string, done: (error: NodeJS.ErrnoException | null) => void) => fs.mkdir(path, 0o700, done),
};

/** Lets go of a lock. Never rejects: a lock that is lost already is let go of. */
export type Release = () => Promise<void>;

async function acquire(folder: string, name: string, staleMs: number, onLost: () => void): Promise<Release> {
  // Not imported at the top: it hooks the exit of the process, and runs without a session must not pay for it.
  const { lock } = (await import('proper-lockfile')).default;
  const options: LockOptions = {
    realpath: false,
    lockfilePath: join(folder, name),
    stale: staleMs,
    // Whoever looks may have less patience than this process.
    update: TOUCH_MS,
    fs: privateFolders,
    // Its own answer would be to throw in a timer, which ends the process.
    onCompromised: onLost,
  };
  // Its table of held locks goes by the first argument, so each lock needs one of its own.
  const release = await lock(join(folder, name), options);
  return () => release().catch(() => {});
}

/** Says that this writer is alive, until released. */
export async function holdLive(folder: string, writer: string, staleMs: number): Promise<Release> {
  let isWanted = true;
  let release: Release = async () => {};
  const hold = async (tries = MOST_TRIES): Promise<void> => {
    try {
      release = await acquire(folder, liveName(writer), staleMs, () => {
        // The event loop was blocked for too long, or somebody removed the folder. The writer is alive all the same.
        if (isWanted) hold().catch(() => {});
      });
    } catch (error) {
      // Whoever looked while it was half made took it for one that a dead process left, and removed it.
      const isSwept = isMissing(error) && disk.stat(folder) !== undefined;
      if (!isSwept || tries <= 1) throw error;
      return hold(tries - 1);
    }
    if (!isWanted) await release();
  };
  await hold();
  return () => {
    isWanted = false;
    return release();
  };
}

/** What the live lock of a writer says: it has ended in good order, it is alive, or it does not answer. */
export function liveState(folder: string, writer: string, staleMs: number): 'closed' | 'alive' | 'silent' {
  const lock = disk.stat(join(folder, liveName(writer)));
  if (lock === undefined) return 'closed';
  return Date.now() - lock.mtimeMs > staleMs ? 'silent' : 'alive';
}

/** Does something while no other process does the like, as far as a lock can tell. */
export async function withLock<T>(folder: string, action: () => Promise<T>): Promise<T> {
  const release = await acquireSoon(folder);
  try {
    return await action();
  } finally {
    await release();
  }
}

/** Waits its turn, but not for ever. */
async function acquireSoon(folder: string): Promise<Release> {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await acquire(folder, MANIFEST_LOCK, SHORT_STALE_MS, () => {});
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const isHeld = code === 'ELOCKED' || code === 'ENOTEMPTY' || code === 'EEXIST' || isMissing(error);
      if (!isHeld) throw error;
      if (Date.now() > until) return async () => {};
    }
    const waitMs = RETRY_MS.least + Math.random() * (RETRY_MS.most - RETRY_MS.least);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}
