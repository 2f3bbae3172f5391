/**
 * Claims: which writer may write, by a rule that no pause can break.
 *
 * Each writer claims the next number, the epoch, by linking a complete file to the name of that number. The file system
 * lets one of several win, and names are never deleted, so never used again. From then on every older writer whose part of the batch
 * overlaps is fenced: a writer tells nobody that something is recorded before it has looked, behind its write, that no such
 * claim exists. So: what the older writer was allowed to tell had been written before the claim was made, and the newer one, which
 * reads after it claims, sees it. A lock could not promise that: its holder may be asleep.
 *
 * Content: one line of JSON, a {@link Claim}.
 */

import { join } from 'node:path';
import { HeddleError, isHeddleError } from '../protocol/errors.js';
import { createFile, disk, readSmall, removeIfThere, syncFolder } from './disk.js';
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

/** More are not missing because somebody deleted them. */
const MOST_MISSING = 100_000;

/** One ownership of a session, or of a part of it. */
export interface Claim {
  readonly writer: string;
  readonly part: Shard;
  readonly owner: Owner;
  /** ms since the epoch of the clock. */
  readonly since: number;
}

/** A claim and its number. `claim` is undefined when its file cannot be read: it then stands for the whole batch. */
export interface NumberedClaim {
  readonly epoch: number;
  readonly claim: Claim | undefined;
}

/** The highest epoch that was claimed; 0 when none was. A claim that somebody deleted is known by what was written under it. */
export function newestEpoch(files: readonly string[]): number {
  const epochs = files.flatMap(
    (file) => claimEpoch(file) ?? parseJournalName(file)?.epoch ?? baseEpoch(file) ?? [],
  );
  return epochs.reduce((newest, epoch) => Math.max(newest, epoch), 0);
}

/** Reads a claim; undefined when it is damaged. */
export function readClaim(folder: string, epoch: number): Claim | undefined {
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

/** The claims that no newer claim has overtaken, the newest first. */
export function currentClaims(folder: string): NumberedClaim[] {
  const epochs = disk
    .list(folder)
    .flatMap((file) => claimEpoch(file) ?? [])
    .sort((a, b) => b - a);
  const current: NumberedClaim[] = [];
  const newer: Shard[] = [];
  for (const epoch of epochs) {
    const claim = readClaim(folder, epoch);
    const part = claim?.part ?? WHOLE;
    if (!newer.some((each) => overlap(each, part))) current.push({ epoch, claim });
    newer.push(part);
    // Whoever claimed the whole batch overtook everything before.
    if (part.count === 1) break;
  }
  return current;
}

/**
 * Claims an epoch.
 *
 * @returns false when another process was faster: who owns the session must be looked at again
 */
export async function tryClaim(folder: string, epoch: number, claim: Claim): Promise<boolean> {
  const temp = join(folder, tempName(claim.writer));
  try {
    await createFile(temp, Buffer.from(`${JSON.stringify(claim)}\n`));
    disk.link(temp, join(folder, claimName(epoch)));
    fillGaps(folder, temp, epoch);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    removeIfThere(temp);
  }
  await syncFolder(folder);
  return true;
}

/** Claims the numbers below that nobody has: a writer looks for the one behind its own. Missing are only those that somebody deleted. */
function fillGaps(folder: string, temp: string, epoch: number): void {
  const there = new Set(disk.list(folder).flatMap((file) => claimEpoch(file) ?? []));
  if (epoch - there.size > MOST_MISSING)
    throw new HeddleError(
      'HEDDLE_SESSION_INVALID',
      `The session ${folder} holds a file with the number ${epoch - 1}, which no run has given it; remove that file`,
    );
  for (let each = 1; each < epoch; each++) {
    if (there.has(each)) continue;
    try {
      disk.link(temp, join(folder, claimName(each)));
    } catch (error) {
      // Another process fills the same gap.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Tells a writer whether it has been overtaken. */
export class Fence {
  readonly #folder: string;
  readonly #part: Shard;
  #next: number;

  constructor(folder: string, epoch: number, part: Shard) {
    this.#folder = folder;
    this.#part = part;
    this.#next = epoch + 1;
  }

  /** @throws {@link HeddleError} HEDDLE_SESSION_FENCED, and whatever keeps it from looking */
  check(): void {
    while (disk.stat(join(this.#folder, claimName(this.#next))) !== undefined) {
      const claim = readClaim(this.#folder, this.#next);
      if (claim === undefined || overlap(claim.part, this.#part)) throw fenced(this.#folder, claim);
      this.#next++;
    }
  }

  /** The reason for an error: files that are missing or in the way may be the work of a writer that took the session over. */
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
      'nothing more is recorded here, and what was recorded is kept. Leave the work to it, or resume when it has ended',
  );
}
