/**
 * A session as readers see it: what is recorded, who works on it, what is damaged. Takes no lock and changes nothing, but for `repair`.
 */

import { join } from 'node:path';
import { HeddleError } from '../protocol/errors.js';
import { currentClaims } from './claims.js';
import { disk } from './disk.js';
import { isSoundState } from './document.js';
import type { Damage } from './frames.js';
import { type Identity, type RunState, readManifest } from './manifest.js';
import { claimEpoch, isOurs, MANIFEST, stateVersion } from './names.js';
import { identityIn, isOwned } from './open-session.js';
import { describeDamage, makeQuarantine } from './quarantine.js';
import type { OutcomeOnDisk } from './record.js';
import { type Recovery, recover } from './recovery.js';
import { sessionError } from './session-error.js';
import { isSession } from './session-folder.js';
import { SessionWriter } from './session-writer.js';
import { STALE_MS } from './stale-times.js';

/** A run that works, or worked, on a session. */
export interface SessionRun extends RunState {
  /** `1of1`, or `2of8` for a shard. */
  readonly part: string;
  /** Its process lives and has the session open. A run that says `running` and is not alive was killed. */
  readonly isAlive: boolean;
}

/** How a session stands. */
export interface SessionStatus {
  readonly path: string;
  readonly identity: Identity | undefined;
  readonly succeeded: number;
  readonly failed: number;
  /** Tasks with an outcome that the newest batch has no longer. */
  readonly removed: number;
  /** Attempts that began and have no outcome: in progress, or cut off. Only of tasks that ask for it. */
  readonly started: number;
  /** Length of the batch, if a run told it. */
  readonly total: number | undefined;
  readonly runs: readonly SessionRun[];
  /** What is damaged, in words. */
  readonly damages: readonly string[];
}

/** Reads a session; its files are held open until `recorded.close()`. @throws {@link HeddleError} HEDDLE_SESSION_NOT_FOUND, _FORMAT, _WRITE */
async function load(folder: string): Promise<Recovery> {
  if (!isSession(folder)) throw notFound(folder);
  try {
    const found = readManifest(folder);
    return await recover(folder, { marks: found.kind === 'sound' ? found.manifest.marks : {}, sync: false });
  } catch (error) {
    throw sessionError(folder, error);
  }
}

function notFound(folder: string): HeddleError {
  const message = `There is no session at ${folder}; check the name or the path`;
  return new HeddleError('HEDDLE_SESSION_NOT_FOUND', message);
}

/** Reads a session and lets go of it. */
async function withRecovery<T>(folder: string, use: (recovery: Recovery) => T): Promise<T> {
  const recovery = await load(folder);
  try {
    return use(recovery);
  } catch (error) {
    throw sessionError(folder, error);
  } finally {
    recovery.recorded.close();
  }
}

/** What a session is about. */
export async function readIdentity(folder: string): Promise<Identity | undefined> {
  if (!isSession(folder)) throw notFound(folder);
  try {
    return await identityIn(folder);
  } catch (error) {
    throw sessionError(folder, error);
  }
}

/** How the session stands now; also while a run works on it. */
export function readStatus(folder: string): Promise<SessionStatus> {
  return withRecovery(folder, (recovery) => {
    const { recorded, identity } = recovery;
    const found = readManifest(folder);
    const runs = found.kind === 'sound' ? runsOf(folder, found.manifest.runs) : [];
    let removed = 0;
    for (const slot of recorded.slots()) if (recorded.isGone(slot)) removed++;
    const totals = runs.flatMap(({ total }) => total ?? []);
    return {
      path: folder,
      identity: found.kind === 'sound' ? found.manifest.identity : identity,
      ...recorded.counts,
      removed,
      started: recorded.started.size,
      total: totals.length === 0 ? undefined : Math.max(...totals),
      runs,
      damages: damagesOf(folder, recovery).map(describeDamage),
    };
  });
}

function runsOf(folder: string, runs: Readonly<Record<string, RunState>>): SessionRun[] {
  const owners = new Set(
    currentClaims(folder).flatMap(({ claim }) =>
      claim !== undefined && isOwned(folder, claim, STALE_MS) ? [claim.writer] : [],
    ),
  );
  return Object.entries(runs).map(([part, run]) => ({ part, ...run, isAlive: owners.has(run.writer) }));
}

/** Which outcomes to read. */
export interface OutcomeFilter {
  readonly status?: 'succeeded' | 'failed' | undefined;
}

/** The recorded outcomes in the order of the newest batch. Those that it has no longer are left out. */
export async function* readOutcomes(
  folder: string,
  { status }: OutcomeFilter = {},
): AsyncGenerator<OutcomeOnDisk, void> {
  const { recorded } = await load(folder);
  try {
    const slots = recorded.slots().sort((a, b) => recorded.indexAt(a) - recorded.indexAt(b));
    for (const slot of slots) {
      const isWanted = !recorded.isGone(slot) && (status === undefined || recorded.statusAt(slot) === status);
      if (isWanted) yield recorded.read(slot);
    }
  } finally {
    recorded.close();
  }
}

/** Checks every checksum. */
export function findDamages(folder: string): Promise<readonly Damage[]> {
  return withRecovery(folder, (recovery) => damagesOf(folder, recovery));
}

function damagesOf(folder: string, recovery: Recovery): readonly Damage[] {
  const damages = [...recovery.damages];
  const found = readManifest(folder);
  if (found.kind === 'damaged')
    damages.push({ file: MANIFEST, offset: 0, bytes: found.bytes, reason: found.reason });
  const hasRuns = disk.list(folder).some((file) => claimEpoch(file) !== undefined);
  if (found.kind === 'missing' && hasRuns)
    damages.push({ file: MANIFEST, offset: 0, bytes: 0, reason: 'missing' });
  for (const file of disk.list(folder)) {
    const version = stateVersion(file);
    if (version !== undefined && !isSoundState(join(folder, file), version))
      damages.push({ file, offset: 0, bytes: disk.stat(join(folder, file))?.size ?? 0, reason: 'damaged' });
  }
  return damages;
}

/**
 * Sets damaged parts aside and writes what is sound anew. The tasks that were in the damaged parts run again with the next run.
 *
 * @throws {@link HeddleError} HEDDLE_SESSION_BUSY, _DAMAGED
 */
export async function repair(folder: string): Promise<readonly string[]> {
  const damages = await findDamages(folder);
  if (damages.length === 0) return [];
  const identity = await identityIn(folder);
  const isDocument = damages.every(({ file }) => stateVersion(file) !== undefined);
  if (isDocument) {
    for (const { file } of damages) moveAside(folder, file);
    return damages.map(describeDamage);
  }
  if (identity === undefined)
    throw new HeddleError(
      'HEDDLE_SESSION_DAMAGED',
      `The session ${folder} holds nothing that could be repaired; delete it`,
    );
  const whole = { index: 1, count: 1 };
  const { task, keys, command } = identity;
  const request = { folder, part: whole, identity: { task, keys, command }, force: true, isBatch: undefined };
  const writer = await SessionWriter.open(request);
  try {
    for (const { file } of damages) if (stateVersion(file) !== undefined) moveAside(folder, file);
  } finally {
    await writer.close({ status: 'aborted', reason: 'repaired' }, false);
    writer.release();
  }
  return damages.map(describeDamage);
}

function moveAside(folder: string, file: string): void {
  disk.rename(join(folder, file), join(makeQuarantine(folder), file));
}

/** Removes a session that nobody works on. @throws {@link HeddleError} HEDDLE_SESSION_BUSY, _NOT_FOUND */
export function removeSession(folder: string): void {
  if (!isSession(folder)) throw notFound(folder);
  for (const { claim } of currentClaims(folder)) {
    if (claim === undefined || !isOwned(folder, claim, STALE_MS)) continue;
    throw new HeddleError(
      'HEDDLE_SESSION_BUSY',
      `The session ${folder} is in use by process ${claim.owner.pid} on ${claim.owner.host}; wait until it has ended`,
    );
  }
  for (const file of disk.list(folder).filter(isOurs)) disk.removeTree(join(folder, file));
  const left = disk.list(folder);
  if (left.length === 0) return disk.removeFolder(folder);
  throw new HeddleError(
    'HEDDLE_SESSION_INVALID',
    `The session in ${folder} was removed; the folder holds other files (${left.slice(0, 3).join(', ')}), which were left there`,
  );
}
