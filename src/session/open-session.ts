/**
 * Opening a session to write to it, in this order:
 *
 *   the folder is usable → it is a session of this task → no live process owns an overlapping shard
 *   → `live` lock → claim (fences older writers) → recovery → it is of this batch
 *   → own journal, whose head seals the older ones
 *
 * Nothing is changed before the lock. A process that loses the race for the claim checks again who owns the
 * session. An owner that is certainly dead is replaced at once, one that does not answer after the stale
 * time, a live one never.
 */

import fs from 'node:fs';
import { join } from 'node:path';
import { HeddleError } from '../protocol/errors.js';
import { type Claim, currentClaims, Fence, newestEpoch, tryClaim } from './claims.js';
import { disk, isMissing, makeFolderDurably, syncName } from './disk.js';
import { FORMAT } from './format.js';
import { type Damage, firstFrame } from './frames.js';
import { Journal } from './journal.js';
import { holdLive, liveState, type Release } from './lock.js';
import { type Identity, type ManifestFound, readManifest } from './manifest.js';
import {
  baseEpoch,
  baseName,
  isOurs,
  journalName,
  MANIFEST,
  newWriter,
  overlap,
  parseJournalName,
  type Shard,
} from './names.js';
import { livenessOf, thisProcess } from './owner.js';
import { setAside } from './quarantine.js';
import { hashIdOf, idOf, noteLine } from './record.js';
import { type Head, headOf, MAX_TRIES, type Recovery, recover } from './recovery.js';
import { STALE_MS } from './stale-times.js';

/** What a session is opened with. */
export interface SessionRequest {
  readonly folder: string;
  readonly shard: Shard;
  /** Without the fields that are made with the session. */
  readonly identity: Omit<Identity, 'session' | 'createdAt'>;
  /** Continue the session even if its task, keys or batch differ. */
  readonly force: boolean;
  /** @defaultValue {@link STALE_MS} */
  readonly staleMs?: number | undefined;
  /** Length of the batch, if known. */
  readonly total?: number | undefined;
  /** See journal.ts. @defaultValue 0 */
  readonly pauseMs?: number | undefined;
  /** Lowered by tests. @defaultValue {@link MAX_LINE_BYTES} */
  readonly maxLineBytes?: number | undefined;
  /**
   * Returns whether the recorded outcomes are of this batch; `has` returns whether a key has one.
   * Undefined: no check.
   */
  readonly isBatch: ((has: (key: string) => boolean) => boolean | Promise<boolean>) | undefined;
}

/** A session, or a shard of it, that this process owns. */
export interface OpenedSession {
  readonly claim: Claim;
  readonly journal: Journal;
  readonly fence: Fence;
  readonly head: Head;
  readonly recovery: Recovery;
  readonly releaseLive: Release;
  /** What the user should know. */
  readonly notes: readonly string[];
}

/** @throws {@link HeddleError} HEDDLE_SESSION_*, and errors of the file system */
export async function openSession(request: SessionRequest): Promise<OpenedSession> {
  const { folder, shard, staleMs = STALE_MS } = request;
  await makeFolder(folder);
  // Refuses a newer format before anything is changed.
  readManifest(folder);
  const known = await identityIn(folder);
  const notes = known === undefined ? [] : await checkIdentity(folder, known, request);
  const claim: Claim = { writer: newWriter(), part: shard, owner: thisProcess(), since: Date.now() };
  let releaseLive: Release | undefined;
  let fence: Fence | undefined;
  try {
    let epoch: number;
    do {
      // Chosen before the owners are checked, so that a claim made after the check takes this number away.
      epoch = newestEpoch(disk.list(folder)) + 1;
      refuseLiveOwners(folder, shard, staleMs);
      releaseLive ??= await holdLive(folder, claim.writer, staleMs);
    } while (!(await tryClaim(folder, epoch, claim)));
    fence = new Fence(folder, epoch, shard);
    const { damageNotes, ...begun } = await begin(request, known, claim.writer, epoch, fence);
    return { claim, fence, releaseLive, ...begun, notes: [...notes, ...damageNotes] };
  } catch (error) {
    // Checked before the lock is released, because then another process may take over legitimately.
    const reason = fence?.reasonFor(error) ?? error;
    await releaseLive?.();
    throw reason;
  }
}

/** Reads the claimed session, and creates the journal of this run. */
async function begin(
  request: SessionRequest,
  known: Identity | undefined,
  writer: string,
  epoch: number,
  fence: Fence,
): Promise<Pick<OpenedSession, 'recovery' | 'head' | 'journal'> & { damageNotes: string[] }> {
  const { folder, shard } = request;
  const manifest = readManifest(folder);
  const marks = manifest.kind === 'sound' ? manifest.manifest.marks : {};
  const recovery = await recover(folder, { marks, sync: true });
  try {
    await checkBatch(request, recovery);
    // Set aside before the new head seals the older journals, which hides their damage.
    const damageNotes = await setDamagesAside(folder, recovery.damages, manifest);
    const seals = Object.fromEntries(
      Object.entries(recovery.journals).filter(([file]) => {
        const journal = parseJournalName(file);
        return journal !== undefined && overlap(journal.shard, shard);
      }),
    );
    const identity = identityOf(request, known ?? recovery.identity);
    const head: Head = { format: FORMAT, epoch, part: shard, seals, identity };
    const file = journalName(epoch, shard, writer);
    const journal = await Journal.create(
      folder,
      file,
      fence,
      noteLine({ '@head': head }),
      request.pauseMs ?? 0,
    );
    return { recovery, head, journal, damageNotes };
  } catch (error) {
    recovery.recorded.close();
    throw error;
  }
}

/** @returns what to report to the user */
async function setDamagesAside(
  folder: string,
  damages: readonly Damage[],
  manifest: ManifestFound,
): Promise<string[]> {
  const notes = await setAside(folder, damages);
  const reported = notes.map((damage) => `damaged: ${damage}; the tasks it held run again`);
  if (manifest.kind !== 'damaged') return reported;
  const { bytes, reason } = manifest;
  const [damage] = await setAside(folder, [{ file: MANIFEST, offset: 0, bytes, reason }]);
  return [...reported, `damaged: ${damage}; it was rebuilt from the journals`];
}

/** Network file systems by number. Claims need every process to see the same folder at the same time. */
const NETWORK_FILE_SYSTEMS: Readonly<Record<number, string>> = {
  [0x6969]: 'NFS',
  [0x517b]: 'SMB',
  [0xff534d42]: 'CIFS',
  [0xfe534d42]: 'SMB2',
  [0x65735546]: 'FUSE',
  [0x01021997]: '9p',
  [0x00c36400]: 'Ceph',
  [0x0bd00bd0]: 'Lustre',
  [0x564c]: 'NCP',
  [0x5346414f]: 'AFS',
};

async function makeFolder(folder: string): Promise<void> {
  await makeFolderDurably(folder);
  const stats = fs.statSync(folder);
  const invalid = (message: string) => new HeddleError('HEDDLE_SESSION_INVALID', message);
  if (!stats.isDirectory()) throw invalid(`The session ${folder} is a file; name a folder`);
  const user = process.getuid?.();
  if (user !== undefined && stats.uid !== user) {
    throw invalid(
      `The session ${folder} belongs to another user (${stats.uid}); run as that user, or use another folder`,
    );
  }
  const files = disk.list(folder);
  if (files.length > 0 && !files.some(isOurs)) {
    throw invalid(`The folder ${folder} holds other files and no session; use a new folder`);
  }
  const network = NETWORK_FILE_SYSTEMS[fs.statfsSync(folder).type >>> 0];
  if (network !== undefined && process.env['HEDDLE_NETWORK_FILE_SYSTEM'] !== 'allow') {
    throw invalid(
      `The session ${folder} is on a network file system (${network}), ` +
        'where two machines could record at once without noticing; ' +
        'use a local folder, or set HEDDLE_NETWORK_FILE_SYSTEM=allow if only one machine uses it',
    );
  }
  // The process that made the folder may have been killed before it synced the name.
  if (newestEpoch(files) === 0) await syncName(folder);
}

/**
 * Returns the identity of a session without reading all of it: from the newest head, which has a checksum, or
 * from the manifest. Undefined when nothing was ever recorded.
 */
export async function identityIn(folder: string): Promise<Identity | undefined> {
  for (let tries = 1; ; tries++) {
    try {
      return await findIdentity(folder);
    } catch (error) {
      // A file vanished because another process compacts the session.
      if (!isMissing(error) || tries === MAX_TRIES) throw error;
    }
  }
}

async function findIdentity(folder: string): Promise<Identity | undefined> {
  const files = disk.list(folder);
  const journals = files.flatMap((file) => parseJournalName(file) ?? []).sort((a, b) => b.epoch - a.epoch);
  const bases = files.flatMap((file) => baseEpoch(file) ?? []).sort((a, b) => b - a);
  const withHeads = [...journals.map(({ file }) => file), ...bases.map(baseName)];
  for (const file of withHeads) {
    const fd = disk.openToRead(join(folder, file));
    try {
      const head = headOf((await firstFrame(fd, file))?.body);
      if (head !== undefined) return head.identity;
    } finally {
      disk.close(fd);
    }
  }
  const found = readManifest(folder);
  if (found.kind === 'sound') return found.manifest.identity;
  const isEmpty = !withHeads.some((file) => (disk.stat(join(folder, file))?.size ?? 0) > 0);
  if (found.kind === 'missing' && isEmpty) return undefined;
  const reason =
    found.kind === 'damaged' ? `${MANIFEST} is damaged (${found.reason})` : `${MANIFEST} is missing`;
  throw new HeddleError(
    'HEDDLE_SESSION_DAMAGED',
    `The session ${folder} cannot be continued: ${reason}, and no journal has the identity of the session. ` +
      `Restore ${MANIFEST} from a copy, or start another session`,
  );
}

function identityOf({ identity }: SessionRequest, known: Identity | undefined): Identity {
  if (known === undefined) {
    const createdAt = new Date().toISOString();
    return { session: newWriter().split('-')[1] as string, createdAt, ...identity };
  }
  const { session, createdAt } = known;
  return { session, createdAt, ...identity, command: identity.command ?? known.command };
}

/** @returns what to report to the user */
async function checkIdentity(
  folder: string,
  known: Identity,
  { identity, force }: SessionRequest,
): Promise<string[]> {
  const { task, keys } = identity;
  const isSameTask = task.name === known.task.name || task.hash === known.task.hash;
  const isSame = isSameTask && keys === known.keys;
  // An empty session may change its task and keys.
  if (!isSame && !force && (await isEmptySession(folder))) return [];
  if (!isSameTask && !force)
    throw mismatch(`The session ${folder} belongs to the task ${known.task.name}, not to ${task.name}`);
  if (keys !== known.keys && !force)
    throw mismatch(
      `The session ${folder} names its tasks by ${shownKeys(known.keys)}, this run by ${shownKeys(keys)}`,
    );
  if (task.hash === known.task.hash) return [];
  return [
    `the task ${task.name} has changed since the session's last run; ` +
      'recorded outcomes of the earlier version are kept',
  ];
}

async function checkBatch(
  { folder, isBatch, force, identity }: SessionRequest,
  { recorded }: Recovery,
): Promise<void> {
  const { length } = recorded.slots();
  if (isBatch === undefined || force || length === 0) return;
  const toId = identity.keys === 'hash' ? hashIdOf : idOf;
  const has = (key: string) => {
    const slot = recorded.ids.find(toId(key));
    return slot !== -1 && recorded.statusAt(slot) !== undefined;
  };
  if (await isBatch(has)) return;
  throw mismatch(`No input of this batch is among the ${length} tasks of the session ${folder}`);
}

function mismatch(message: string): HeddleError {
  return new HeddleError(
    'HEDDLE_SESSION_MISMATCH',
    `${message}. Use another session, or force this one (--force, session option \`force\`), ` +
      'which keeps what is recorded',
  );
}

async function isEmptySession(folder: string): Promise<boolean> {
  const { recorded } = await recover(folder, { marks: {}, sync: false });
  recorded.close();
  return recorded.slots().length === 0 && recorded.started.size + recorded.jobs.size === 0;
}

function shownKeys(keys: string): string {
  return keys === 'hash' ? 'the hash of the input' : `the key ${keys}`;
}

/** @throws {@link HeddleError} HEDDLE_SESSION_BUSY */
export function refuseLiveOwners(folder: string, shard: Shard, staleMs: number): void {
  for (const { claim } of currentClaims(folder)) {
    if (claim === undefined || !overlap(claim.part, shard) || !isOwned(folder, claim, staleMs)) continue;
    const { owner, since } = claim;
    const what =
      claim.part.count === 1 ? 'The session' : `Shard ${claim.part.index}/${claim.part.count} of the session`;
    throw new HeddleError(
      'HEDDLE_SESSION_BUSY',
      `${what} ${folder} is in use by process ${owner.pid} on ${owner.host} ` +
        `since ${new Date(since).toISOString()}; wait until it has ended, or end it`,
    );
  }
}

/** True when the process of a claim still has the session open. */
export function isOwned(folder: string, { writer, owner }: Claim, staleMs: number): boolean {
  return liveState(folder, writer, staleMs) === 'alive' && livenessOf(owner) !== 'dead';
}
