/**
 * Recovery: reads what a session holds from its base and its journals.
 *
 * Which bytes count:
 *   1. The base of the highest epoch holds all that was recorded before its epoch; older journals and bases
 *      are left-overs. If that base is damaged, left-over journals count as if they came before it.
 *   2. A journal is sealed when there is a journal with a higher epoch, an overlapping shard and a readable
 *      head. The highest such head says how many of its bytes count (none, if it does not name the journal).
 *      The writer of the sealed journal was fenced before that length was read.
 *   3. A journal that is not sealed counts up to its last good frame.
 * Records merge in the order base, journals by epoch; the last record of a task counts.
 *
 * Reading takes no lock. A file that vanishes meanwhile means that the session was compacted: reading starts
 * again.
 */

import { join } from 'node:path';
import { disk, isMissing } from './disk.js';
import { FORMAT, newerFormat } from './format.js';
import { type Damage, firstFrame, type Scan, scanFrames } from './frames.js';
import type { Identity } from './manifest.js';
import {
  baseEpoch,
  baseName,
  claimEpoch,
  type JournalName,
  overlap,
  parseJournalName,
  type Shard,
} from './names.js';
import { type BodyReader, readBody, type SessionNote } from './record.js';
import { Recorded } from './recorded.js';

/** The first line of a journal or a base. */
export interface Head {
  readonly format: number;
  readonly epoch: number;
  /** The shard; `part` on disk. */
  readonly part: Shard;
  /** Bytes that count of each older journal that is still needed and whose shard overlaps. */
  readonly seals: Readonly<Record<string, number>>;
  readonly identity: Identity;
}

/** What was found in a session. */
export interface Recovery {
  readonly recorded: Recorded;
  /** Bytes that count of each journal that is still needed. */
  readonly journals: Readonly<Record<string, number>>;
  /** Epoch of the base, if there is one. */
  readonly base: number | undefined;
  /** From the newest readable head. */
  readonly identity: Identity | undefined;
  readonly damages: readonly Damage[];
  /** Bytes of commits that were never acknowledged. */
  readonly tornBytes: number;
}

/** How to read a session. */
export interface RecoveryOptions {
  /** Bytes of journals that are known to be durable, from the manifest. */
  readonly marks: Readonly<Record<string, number>>;
  /** Sync what counts, because a writer builds on it. */
  readonly sync: boolean;
}

/** How often reading starts again because files vanish. */
export const MAX_TRIES = 20;

/** Reads a session. @throws {@link HeddleError} HEDDLE_SESSION_FORMAT, and errors of the file system */
export async function recover(folder: string, options: RecoveryOptions): Promise<Recovery> {
  for (let tries = 1; ; tries++) {
    const attempt = new RecoveryAttempt(folder, options);
    try {
      return await attempt.run();
    } catch (error) {
      attempt.recorded.close();
      if (!isMissing(error) || tries === MAX_TRIES) throw error;
    }
  }
}

/** A file whose lines are read. `number` is the one that {@link Recorded} gave it. */
interface OpenFile {
  readonly file: string;
  readonly fd: number;
  readonly number: number;
  readonly head: Head | undefined;
}

type OpenJournal = OpenFile & JournalName;

class RecoveryAttempt implements BodyReader {
  readonly recorded = new Recorded();
  readonly #folder: string;
  readonly #options: RecoveryOptions;
  readonly #damages: Damage[] = [];
  #tornBytes = 0;
  #body: Buffer = Buffer.alloc(0);
  #bodyAt = 0;
  #file = 0;
  #isClosed = false;

  constructor(folder: string, options: RecoveryOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  async run(): Promise<Recovery> {
    const files = disk.list(this.#folder);
    const epoch = this.#chooseBase(files);
    const base = epoch === 0 ? undefined : await this.#open(baseName(epoch));
    const isSound = base === undefined || (await this.#readBase(base));
    const names = files
      .flatMap((file) => parseJournalName(file) ?? [])
      .filter((name) => name.epoch >= epoch || !isSound)
      .sort((a, b) => a.epoch - b.epoch);
    const journals: OpenJournal[] = [];
    for (const name of names) journals.push({ ...name, ...(await this.#open(name.file)) });
    const older = journals.filter((journal) => journal.epoch < epoch);
    const ends = new Map<string, number>();
    for (const journal of older) await this.#readJournal(journal, journals, ends);
    if (older.length > 0) await this.#readBaseAgain(epoch);
    for (const journal of journals.slice(older.length)) await this.#readJournal(journal, journals, ends);
    this.#findMissing(journals, epoch);
    return {
      recorded: this.recorded,
      journals: Object.fromEntries(ends),
      base: base === undefined ? undefined : epoch,
      identity: (journals.findLast(({ head }) => head !== undefined)?.head ?? base?.head)?.identity,
      damages: this.#damages,
      tornBytes: this.#tornBytes,
    };
  }

  async #open(file: string): Promise<OpenFile> {
    const fd = disk.openToRead(join(this.#folder, file));
    const number = this.recorded.addFile(file, fd);
    return { file, fd, number, head: headOf((await firstFrame(fd, file))?.body) };
  }

  /** Returns the epoch of the newest base of an owner of this session, who left a journal or a claim. */
  #chooseBase(files: readonly string[]): number {
    const owners = Math.max(
      0,
      ...files.map((file) => claimEpoch(file) ?? parseJournalName(file)?.epoch ?? 0),
    );
    const isOwned = (epoch: number) => owners === 0 || epoch <= owners;
    const bases = files.flatMap((file) => baseEpoch(file) ?? []);
    for (const epoch of bases.filter((each) => !isOwned(each)))
      this.#damages.push({ file: baseName(epoch), offset: 0, bytes: 0, reason: 'foreign' });
    return Math.max(0, ...bases.filter(isOwned));
  }

  /** Reads the base. Returns whether it is whole. */
  async #readBase(base: OpenFile): Promise<boolean> {
    const before = this.#damages.length;
    this.#isClosed = false;
    const scan = await this.#scan(base, disk.sizeOf(base.fd), 0);
    const isWhole = this.#damages.length === before;
    if (!this.#isClosed && isWhole)
      this.#damages.push({ file: base.file, offset: scan.end, bytes: 0, reason: 'cut off' });
    return this.#isClosed && isWhole;
  }

  /** Reads the base after older journals, because its records are newer. Its damages are known already. */
  async #readBaseAgain(epoch: number): Promise<void> {
    const base = await this.#open(baseName(epoch));
    const known = this.#damages.length;
    await this.#scan(base, disk.sizeOf(base.fd), 0);
    this.#damages.length = known;
  }

  async #readJournal(
    journal: OpenJournal,
    journals: readonly OpenJournal[],
    ends: Map<string, number>,
  ): Promise<void> {
    const { file, fd } = journal;
    const sealedAt = sealOf(journal, journals);
    const isSealed = sealedAt !== undefined;
    if (this.#options.sync && !isSealed) await disk.sync(fd);
    const { end } = await this.#scan(journal, sealedAt, isSealed ? 0 : (this.#options.marks[file] ?? 0));
    if (sealedAt !== 0) ends.set(file, end);
  }

  async #scan({ file, fd, number }: OpenFile, sealedAt: number | undefined, atLeast: number): Promise<Scan> {
    this.#file = number;
    const scan = await scanFrames(fd, file, { sealedAt, atLeast }, ({ body, at }) => {
      this.#body = body;
      this.#bodyAt = at;
      readBody(body, this);
    });
    this.#damages.push(...scan.damages);
    this.#tornBytes += scan.tornBytes;
    return scan;
  }

  onOutcome(idAt: number, status: 'succeeded' | 'failed', index: number, from: number, to: number): void {
    this.recorded.add(this.#body, idAt, status, index, this.#file, this.#bodyAt + from, to - from);
  }

  onNote(note: SessionNote): void {
    const { recorded } = this;
    if ('@started' in note) {
      const [id, attempt, at] = note['@started'];
      recorded.started.set(id, { attempt, at });
    } else if ('@unstarted' in note) {
      recorded.started.delete(note['@unstarted']);
    } else if ('@submitted' in note) {
      const [id, handle, account] = note['@submitted'];
      recorded.submitted(id, { handle: JSON.stringify(handle), account });
    } else if ('@moved' in note) {
      for (const [id, index] of note['@moved']) recorded.setIndex(recorded.slotOf(id), index, false);
    } else if ('@gone' in note) {
      for (const id of note['@gone']) recorded.setGone(recorded.slotOf(id), true);
    } else if ('@back' in note) {
      for (const id of note['@back']) recorded.setGone(recorded.slotOf(id), false);
    } else if ('@close' in note) {
      this.#isClosed = true;
    }
  }

  /** Reports journals that are missing, although a head or the manifest names them. */
  #findMissing(journals: readonly OpenJournal[], base: number): void {
    const there = new Set(journals.map(({ file }) => file));
    const named = [
      Object.entries(this.#options.marks),
      ...journals.map(({ head }) => Object.entries(head?.seals ?? {})),
    ];
    for (const [file, bytes] of new Map(named.flat())) {
      const journal = parseJournalName(file);
      if (journal === undefined || journal.epoch < base || there.has(file)) continue;
      const due = sealOf(journal, journals) ?? bytes;
      if (due > 0) this.#damages.push({ file, offset: 0, bytes: due, reason: 'missing' });
    }
  }
}

/** How many bytes of a journal count; undefined when it is not sealed. */
function sealOf(journal: JournalName, journals: readonly OpenJournal[]): number | undefined {
  const sealing = journals.findLast(
    ({ epoch, shard, head }) => head !== undefined && epoch > journal.epoch && overlap(shard, journal.shard),
  );
  return sealing === undefined ? undefined : (sealing.head?.seals[journal.file] ?? 0);
}

/** Returns the head from the first frame of a file, if there is one. */
export function headOf(body: Buffer | undefined): Head | undefined {
  if (body === undefined) return undefined;
  const line = body.toString('utf8', 0, body.indexOf('\n'));
  const head = (JSON.parse(line) as { '@head'?: Head })['@head'];
  if (head !== undefined && head.format > FORMAT) throw newerFormat(head.format);
  return head;
}
