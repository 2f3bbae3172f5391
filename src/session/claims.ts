/**
 * Claims: which writer may write, by a rule that holds however long a process is paused.
 *
 * Each writer claims the next number, the epoch, by linking a complete file to the name of that number. The
 * file system lets only one of several win. Names are never deleted, so they are never used again. A claim
 * fences every older writer whose shard overlaps: before a writer acknowledges a record it checks, after its
 * write, that no such claim exists. So everything that the older writer acknowledged was written before the
 * claim, and the newer writer, which reads after it claims, sees it. A lock could not promise that: its
 * holder may be paused.
 *
 * Content: one line of JSON, a {@link Claim}.
 */

import { join } from 'node:path';
import { HeddleError, isHeddleError } from '../protocol/errors.js';
import { createFile, disk, linkNew, readSmall, removeIfThere, syncFolder } from './disk.js';
import {
  baseEpoch,
  claimEpoch,
  claimName,
  overlap,
  parseJournalName,
  type Shard,
  tempName,
  WHOLE,
} from './names.js';
import type { Owner } from './owner.js';

/** A larger gap cannot come from deleted claims. */
const MAX_MISSING = 100_000;

/** Ownership of a session, or of one shard of it. */
export interface Claim {
  readonly writer: string;
  /** The shard; `part` on disk. */
  readonly part: Shard;
  readonly owner: Owner;
  /** Ms since 1970. */
  readonly since: number;
}

/**
 * A claim and its number. `claim` is undefined when its file is damaged: then it counts for the whole batch.
 */
export interface NumberedClaim {
  readonly epoch: number;
  readonly claim: Claim | undefined;
}

/** The highest epoch in use; 0 for none. Journals and bases count too, because claims may be deleted. */
export function newestEpoch(files: readonly string[]): number {
  const epochs = files.flatMap(
    (file) => claimEpoch(file) ?? parseJournalName(file)?.epoch ?? baseEpoch(file) ?? [],
  );
  return epochs.reduce((newest, epoch) => Math.max(newest, epoch), 0);
}

/** Reads a claim. Returns undefined when it is damaged. */
function readClaim(folder: string, epoch: number): Claim | undefined {
  try {
    const claim = JSON.parse(String(readSmall(join(folder, claimName(epoch))))) as Claim;
    const { part, owner, writer } = claim;
    const isSound =
      Number.isInteger(part.index) && Number.isInteger(part.count) && typeof owner.pid === 'number';
    return isSound && typeof writer === 'string' ? claim : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

/** Returns the claims that no newer claim has overtaken, the newest first. */
export function currentClaims(folder: string): NumberedClaim[] {
  const epochs = disk
    .list(folder)
    .flatMap((file) => claimEpoch(file) ?? [])
    .sort((a, b) => b - a);
  const current: NumberedClaim[] = [];
  const newer: Shard[] = [];
  for (const epoch of epochs) {
    const claim = readClaim(folder, epoch);
    const shard = claim?.part ?? WHOLE;
    if (!newer.some((each) => overlap(each, shard))) current.push({ epoch, claim });
    newer.push(shard);
    // A claim of the whole batch overtakes all older ones.
    if (shard.count === 1) break;
  }
  return current;
}

/**
 * Claims an epoch.
 *
 * @returns false when another process was faster. Then the caller must check again who owns the session
 */
export async function tryClaim(folder: string, epoch: number, claim: Claim): Promise<boolean> {
  const temp = join(folder, tempName(claim.writer));
  try {
    await createFile(temp, Buffer.from(`${JSON.stringify(claim)}\n`));
    if (!linkNew(temp, join(folder, claimName(epoch)))) return false;
    fillGaps(folder, temp, epoch);
  } finally {
    removeIfThere(temp);
  }
  await syncFolder(folder);
  return true;
}

/**
 * Claims the free numbers below, where claims were deleted: an older writer checks the number after its own.
 */
function fillGaps(folder: string, temp: string, epoch: number): void {
  const there = new Set(disk.list(folder).flatMap((file) => claimEpoch(file) ?? []));
  if (epoch - there.size > MAX_MISSING)
    throw new HeddleError(
      'HEDDLE_SESSION_INVALID',
      `The session ${folder} holds a file with the number ${epoch - 1}, which does not come from a run; ` +
        'remove that file',
    );
  for (let each = 1; each < epoch; each++) {
    // False when another process filled the same gap.
    if (!there.has(each)) linkNew(temp, join(folder, claimName(each)));
  }
}

/** Detects that a writer has been overtaken. */
export class Fence {
  readonly #folder: string;
  readonly #shard: Shard;
  #next: number;

  constructor(folder: string, epoch: number, shard: Shard) {
    this.#folder = folder;
    this.#shard = shard;
    this.#next = epoch + 1;
  }

  /** @throws {@link HeddleError} HEDDLE_SESSION_FENCED, and errors of the file system */
  check(): void {
    while (disk.stat(join(this.#folder, claimName(this.#next))) !== undefined) {
      const claim = readClaim(this.#folder, this.#next);
      if (claim === undefined || overlap(claim.part, this.#shard)) throw fenced(this.#folder, claim);
      this.#next++;
    }
  }

  /**
   * The cause of an error: files may be missing or in the way because another writer took the session over.
   */
  reasonFor(error: unknown): unknown {
    try {
      this.check();
    } catch (overtaken) {
      if (isHeddleError(overtaken, 'HEDDLE_SESSION_FENCED')) return overtaken;
    }
    return error;
  }
}

function fenced(folder: string, claim: Claim | undefined): HeddleError {
  const who = claim === undefined ? 'another process' : `process ${claim.owner.pid} on ${claim.owner.host}`;
  return new HeddleError(
    'HEDDLE_SESSION_FENCED',
    `The session ${folder} was taken over by ${who} while this process did not answer; ` +
      'what was recorded before is kept, nothing more is recorded here. ' +
      'Let that process finish, or resume after it has ended',
  );
}
