/**
 * Reading a session: what is recorded, which runs work on it, what is damaged. Takes no lock. Only `repair`
 * and `removeSession` change anything.
 */

import { join } from 'node:path';
import { HeddleError } from '../protocol/errors.js';
import { currentClaims } from './claims.js';
import { disk } from './disk.js';
import { isSoundState } from './document.js';
import type { Damage } from './frames.js';
import { type Identity, type RunState, readManifest } from './manifest.js';
import { claimEpoch, isOurs, MANIFEST, stateVersion, WHOLE } from './names.js';
import { identityIn, isOwned, refuseLiveOwners } from './open-session.js';
import { describeDamage, makeQuarantine } from './quarantine.js';
import type { OutcomeOnDisk } from './record.js';
import { type Recovery, recover } from './recovery.js';
import { sessionError } from './session-error.js';
import { isSession } from './session-folder.js';
import { SessionWriter } from './session-writer.js';
import { STALE_MS } from './stale-times.js';

/** The newest run of a shard. */
export interface SessionRun extends RunState {
  /** `1of1`, or `2of8` for a shard. */
  readonly part: string;
  /** Its process lives and has the session open. A run that is `running` and not alive was killed. */
  readonly isAlive: boolean;
}

/** The state of a session. */
export interface SessionStatus {
  readonly path: string;
  readonly identity: Identity | undefined;
  readonly succeeded: number;
  readonly failed: number;
  /** Tasks with an outcome that the newest batch no longer has. */
  readonly removed: number;
  /**
   * Attempts that began and have no outcome: in progress, or cut off. Counted only for tasks that ask for it.
   */
  readonly started: number;
  /** Length of the batch, if a run has reported it. */
  readonly total: number | undefined;
  readonly runs: readonly SessionRun[];
  /** Descriptions of what is damaged. */
  readonly damages: readonly string[];
}

/**
 * Runs an action on an existing session.
 *
 * @throws {@link HeddleError} HEDDLE_SESSION_NOT_FOUND, _FORMAT, _WRITE
 */
async function within<T>(folder: string, action: () => T | Promise<T>): Promise<T> {
  if (!isSession(folder)) throw notFound(folder);
  try {
    return await action();
  } catch (error) {
    throw sessionError(folder, error);
  }
}

function notFound(folder: string): HeddleError {
  const message = `There is no session at ${folder}; check the name or the path`;
  return new HeddleError('HEDDLE_SESSION_NOT_FOUND', message);
}

/** Reads a session. Its files stay open until `recorded.close()`. */
function load(folder: string): Promise<Recovery> {
  return within(folder, () => {
    const found = readManifest(folder);
    return recover(folder, { marks: found.kind === 'sound' ? found.manifest.marks : {}, sync: false });
  });
}

/** Reads a session, and closes its files after `use`. */
async function withRecovery<T>(folder: string, use: (recovery: Recovery) => T): Promise<T> {
  const recovery = await load(folder);
  try {
    return await within(folder, () => use(recovery));
  } finally {
    recovery.recorded.close();
  }
}

/** Returns the identity of a session; undefined when nothing was recorded yet. */
export function readIdentity(folder: string): Promise<Identity | undefined> {
  return within(folder, () => identityIn(folder));
}

/** Returns the current state of a session, also while a run works on it. */
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

/** Yields the recorded outcomes in the order of the newest batch, without those that it no longer has. */
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

/** Checks every checksum of a session. */
export function findDamages(folder: string): Promise<readonly Damage[]> {
  return withRecovery(folder, (recovery) => damagesOf(folder, recovery));
}

function damagesOf(folder: string, recovery: Recovery): readonly Damage[] {
  const damages = [...recovery.damages];
  const whole = (file: string, bytes: number, reason: string) =>
    damages.push({ file, offset: 0, bytes, reason });
  const files = disk.list(folder);
  const found = readManifest(folder);
  if (found.kind === 'damaged') whole(MANIFEST, found.bytes, found.reason);
  const hasRuns = files.some((file) => claimEpoch(file) !== undefined);
  if (found.kind === 'missing' && hasRuns) whole(MANIFEST, 0, 'missing');
  for (const file of files) {
    const version = stateVersion(file);
    const path = join(folder, file);
    if (version !== undefined && !isSoundState(path, version))
      whole(file, disk.stat(path)?.size ?? 0, 'damaged');
  }
  return damages;
}

/**
 * Sets damaged parts aside and writes the session again without them. The tasks in the damaged parts run
 * again in the next run.
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
      `The session ${folder} holds nothing that can be repaired; delete it`,
    );
  const writer = await SessionWriter.open({
    folder,
    shard: WHOLE,
    identity,
    force: true,
    isBatch: undefined,
  });
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

/** Removes a session that is not in use. @throws {@link HeddleError} HEDDLE_SESSION_BUSY, _NOT_FOUND */
export function removeSession(folder: string): void {
  if (!isSession(folder)) throw notFound(folder);
  refuseLiveOwners(folder, WHOLE, STALE_MS);
  for (const file of disk.list(folder).filter(isOurs)) disk.removeTree(join(folder, file));
  const left = disk.list(folder);
  if (left.length === 0) return disk.removeFolder(folder);
  throw new HeddleError(
    'HEDDLE_SESSION_INVALID',
    `The session in ${folder} was removed; ` +
      `other files in the folder (${left.slice(0, 3).join(', ')}) were kept`,
  );
}
