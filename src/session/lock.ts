/**
 * Locks: hints, not proofs. They show which processes are alive, and save processes from useless work. When
 * they fail, claims still ensure that nothing is lost (claims.ts).
 *
 * proper-lockfile makes a folder and touches it while its process lives. There are two kinds:
 *   `live-<writer>.lock` is held while a writer has the session open. No other process tries to take it.
 *   `session.lock` is held while the manifest or the document is written.
 */

import fs from 'node:fs';
import { join } from 'node:path';
import type { LockOptions } from 'proper-lockfile';
import { disk, isMissing } from './disk.js';
import { liveName, MANIFEST_LOCK } from './names.js';
import { MIN_STALE_MS } from './stale-times.js';

/** `session.lock` is held for milliseconds: when it is this old, its process was killed. */
const SHORT_STALE_MS = MIN_STALE_MS;
const TOUCH_MS = 1000;
/** How long to wait for `session.lock`. What is done under it is safe without it. */
const PATIENCE_MS = 300;
/** How often to try to make the live lock, which another process may remove before it is complete. */
const MAX_TRIES = 5;
const RETRY_MS = { least: 2, most: 12 };

const privateFolders = {
  ...fs,
  mkdir: (path: string, done: (error: NodeJS.ErrnoException | null) => void) => fs.mkdir(path, 0o700, done),
};

/** Releases a lock. Never rejects: a lock that is already lost counts as released. */
export type Release = () => Promise<void>;

async function acquire(folder: string, name: string, staleMs: number, onLost: () => void): Promise<Release> {
  // Imported here because it adds an exit hook to the process, which runs without a session do not need.
  const { lock } = (await import('proper-lockfile')).default;
  const options: LockOptions = {
    realpath: false,
    lockfilePath: join(folder, name),
    stale: staleMs,
    // Other processes may use a shorter stale time.
    update: TOUCH_MS,
    fs: privateFolders,
    // The default throws in a timer, which ends the process.
    onCompromised: onLost,
  };
  // proper-lockfile identifies held locks by the first argument, so each lock needs its own.
  const release = await lock(join(folder, name), options);
  return () => release().catch(() => {});
}

/** Marks this writer as alive, until released. */
export async function holdLive(folder: string, writer: string, staleMs: number): Promise<Release> {
  let isWanted = true;
  let release: Release = async () => {};
  const hold = async (tries = MAX_TRIES): Promise<void> => {
    try {
      release = await acquire(folder, liveName(writer), staleMs, () => {
        // The event loop was blocked for too long, or the lock was removed. The writer is still alive.
        if (isWanted) hold().catch(() => {});
      });
    } catch (error) {
      // Another process took the incomplete lock for a left-over and removed it.
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

/** The state of a writer by its live lock: it has closed the session, it is alive, or it does not respond. */
export function liveState(folder: string, writer: string, staleMs: number): 'closed' | 'alive' | 'silent' {
  const lock = disk.stat(join(folder, liveName(writer)));
  if (lock === undefined) return 'closed';
  return Date.now() - lock.mtimeMs > staleMs ? 'silent' : 'alive';
}

/** Runs an action under `session.lock`, or without it when other processes hold it for too long. */
export async function withLock<T>(folder: string, action: () => Promise<T>): Promise<T> {
  const release = await acquireSoon(folder);
  try {
    return await action();
  } finally {
    await release();
  }
}

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
