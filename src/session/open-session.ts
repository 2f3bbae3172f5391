/**
 * Opening a session to write to it, in this order:
 *
 *   the folder is fit → it is a session of this task and batch → nobody who is alive owns an overlapping part → `live` lock →
 *   claim (from here on older writers are fenced) → recovery → own journal, whose head seals the older ones → manifest
 *
 * Up to the lock nothing is changed. Whoever loses the race for the claim looks again at who owns the session. An owner that is dead
 * for certain is replaced at once, one that does not answer after the stale time, one that lives never.
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
import { type Identity, readManifest } from './manifest.js';
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
import { type Head, headOf, MOST_TRIES, type Recovery, recover } from './recovery.js';
import { STALE_MS } from './stale-times.js';

/** What a session is opened with. */
export interface SessionRequest {
  readonly folder: string;
  readonly part: Shard;
  /** Without the parts that a new session gets. */
  readonly identity: Omit<Identity, 'session' | 'createdAt'>;
  /** Continue the session even if its task or its keys are others. */
  readonly force: boolean;
  /** @defaultValue {@link STALE_MS} */
  readonly staleMs?: number | undefined;
  /** Length of the batch, if known. */
  readonly total?: number | undefined;
  /** See journal.ts. @defaultValue 0 */
  readonly pauseMs?: number | undefined;
  /** Says whether the outcomes in the session are of this batch; `has` tells whether a key has one. Undefined: nobody can tell. */
  readonly isBatch: ((has: (key: string) => boolean) => boolean | Promise<boolean>) | undefined;
}

/** A session that this process owns, or a part of it. */
export interface OpenedSession {
  readonly writer: string;
  readonly epoch: number;
  readonly journal: Journal;
  readonly fence: Fence;
  readonly head: Head;
  readonly recovery: Recovery;
  readonly releaseLive: Release;
  readonly claimedAt: number;
  /** Of the manifest: it is made anew. */
  readonly manifestDamage: Damage | undefined;
  /** What to tell the user. */
  readonly notes: readonly string[];
}

/** @throws {@link HeddleError} HEDDLE_SESSION_*, and errors of the file system */
export async function openSession(request: SessionRequest): Promise<OpenedSession> {
  const { folder, part } = request;
  await makeFolder(folder);
  // One of a newer format is refused here, before anything is changed.
  readManifest(folder);
  const known = await identityIn(folder);
  const notes = known === undefined ? [] : await checkIdentity(folder, known, request);
  const writer = newWriter();
  const since = Date.now();
  const claim: Claim = { writer, part, owner: thisProcess(), since };
  let releaseLive: Release = async () => {};
  let fence: Fence | undefined;
  try {
    let epoch: number;
    let isHeld = false;
    do {
      // Chosen before it is known who owns the session: a claim that is made meanwhile takes this number away.
      epoch = newestEpoch(disk.list(folder)) + 1;
      await refuseLiveOwners(request);
      if (!isHeld) releaseLive = await holdLive(folder, writer, request.staleMs ?? STALE_MS);
      isHeld = true;
    } while (!(await tryClaim(folder, epoch, claim)));
    fence = new Fence(folder, epoch, part);
    const found = readManifest(folder);
    const marks = found.kind === 'sound' ? found.manifest.marks : {};
    const recovery = await recover(folder, { marks, sync: true });
    try {
      await checkBatch(request, recovery);
      // Before the new head says how many bytes of each journal count: what is cut off by that is damage to nobody who comes later.
      const told = (await setAside(folder, recovery.damages)).map(
        (damage) => `damaged: ${damage}; the tasks it held run again`,
      );
      const identity = identityOf(request, known ?? recovery.identity);
      const seals = Object.fromEntries(
        Object.entries(recovery.journals).filter(([file]) =>
          overlap(parseJournalName(file)?.part as Shard, part),
        ),
      );
      const head: Head = { format: FORMAT, epoch, part, seals, identity };
      const journal = await Journal.create(
        folder,
        journalName(epoch, part, writer),
        fence,
        noteLine({ '@head': head }),
        request.pauseMs ?? 0,
      );
      const { kind } = found;
      const manifestDamage =
        kind === 'damaged'
          ? { file: MANIFEST, offset: 0, bytes: found.bytes, reason: found.reason }
          : undefined;
      return {
        writer,
        epoch,
        journal,
        fence,
        head,
        recovery,
        releaseLive,
        claimedAt: since,
        manifestDamage,
        notes: [...notes, ...told],
      };
    } catch (error) {
      recovery.recorded.close();
      throw error;
    }
  } catch (error) {
    // Asked before others may take over by right.
    const reason = fence?.reasonFor(error) ?? error;
    await releaseLive();
    throw reason;
  }
}

/** Network file systems by their numbers: claims rely on every process seeing the same folder at the same time. */
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
    throw invalid(`The folder ${folder} holds other files and no session; name a new folder`);
  }
  const network = NETWORK_FILE_SYSTEMS[fs.statfsSync(folder).type >>> 0];
  if (network !== undefined && process.env['HEDDLE_NETWORK_FILE_SYSTEM'] !== 'allow') {
    throw invalid(
      `The session ${folder} is on a network file system (${network}), where two machines could record at once without noticing; ` +
        'use a local folder, or set HEDDLE_NETWORK_FILE_SYSTEM=allow if only one machine uses it',
    );
  }
  // Whoever made the folder may have been killed before its name was synced.
  if (newestEpoch(files) === 0) await syncName(folder);
}

/**
 * What the session is about, without reading all of it: by the newest head, which has a checksum, else by the manifest. Undefined when
 * nothing was ever recorded.
 */
export async function identityIn(folder: string): Promise<Identity | undefined> {
  for (let tries = 1; ; tries++) {
    try {
      return await lookForIdentity(folder);
    } catch (error) {
      // Somebody compacts the session.
      if (!isMissing(error) || tries === MOST_TRIES) throw error;
    }
  }
}

async function lookForIdentity(folder: string): Promise<Identity | undefined> {
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
    `The session ${folder} cannot be continued: ${reason}, and no journal says what the session is about. ` +
      `Put ${MANIFEST} back from a copy, or start another session`,
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

/** @returns what to tell the user */
async function checkIdentity(
  folder: string,
  known: Identity,
  { identity, force }: SessionRequest,
): Promise<string[]> {
  const { task, keys } = identity;
  const isSameTask = task.name === known.task.name || task.hash === known.task.hash;
  const isSame = isSameTask && keys === known.keys;
  // One in which nothing is recorded is nobody's yet.
  if (!isSame && !force && (await isEmptySession(folder))) return [];
  if (!isSameTask && !force)
    throw mismatch(`The session ${folder} belongs to the task ${known.task.name}, not to ${task.name}`);
  if (keys !== known.keys && !force)
    throw mismatch(
      `The session ${folder} names its tasks by ${shownKeys(known.keys)}, this run by ${shownKeys(keys)}`,
    );
  if (task.hash === known.task.hash) return [];
  return [
    `the task ${task.name} has changed since the session's last run; recorded outcomes are kept, and were made by the earlier version`,
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
    `${message}. Use another session, or force it (--force, session option \`force\`) to keep what is recorded and go on`,
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
async function refuseLiveOwners({ folder, part, staleMs = STALE_MS }: SessionRequest): Promise<void> {
  for (const { claim } of currentClaims(folder)) {
    if (claim === undefined || !overlap(claim.part, part) || !isOwned(folder, claim, staleMs)) continue;
    const { owner, since } = claim;
    const what =
      claim.part.count === 1 ? 'The session' : `Shard ${claim.part.index}/${claim.part.count} of the session`;
    throw new HeddleError(
      'HEDDLE_SESSION_BUSY',
      `${what} ${folder} is in use by process ${owner.pid} on ${owner.host} since ${new Date(since).toISOString()}; ` +
        'wait until it has ended, or end it',
    );
  }
}

/** Whether the process of a claim still works with the session. */
export function isOwned(folder: string, { writer, owner }: Claim, staleMs: number): boolean {
  const state = liveState(folder, writer, staleMs);
  return state === 'alive' && livenessOf(owner) !== 'dead';
}
