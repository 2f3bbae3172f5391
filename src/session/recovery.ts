/**
 * Recovery: what a session holds, read from its base and its journals.
 *
 * Which bytes count:
 *   1. The base of the highest epoch holds all that was recorded before its epoch; older journals and bases are left-overs. Should that
 *      base be damaged, left-over journals help out: they count as if they stood in front of it.
 *   2. A journal is sealed when the head of a journal with a higher epoch and an overlapping part exists: the highest such head says how
 *      many of its bytes count (none, if it does not name the journal). Its writer was fenced before that length was read.
 *   3. A journal that nobody sealed counts up to its last good frame.
 * Records merge in the order base, journals by epoch; of one task the last one counts.
 *
 * Reading takes no lock. A file that vanishes meanwhile means that somebody compacted the session: reading starts again.
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
  readonly part: Shard;
  /** Bytes that count of each older journal that this one overlaps and that is still needed. */
  readonly seals: Readonly<Record<string, number>>;
  readonly identity: Identity;
}

/** What was found in a session. */
export interface Recovery {
  readonly recorded: Recorded;
  /** Bytes that count of each journal that is still needed. */
  readonly journals: Readonly<Record<string, number>>;
  readonly base: number | undefined;
  /** From the newest head that can be read. */
  readonly identity: Identity | undefined;
  readonly damages: readonly Damage[];
  /** Bytes of commits that nobody was told of. */
  readonly tornBytes: number;
}

/** What is known beforehand. */
export interface RecoveryOptions {
  /** Bytes of journals that were once told to be durable, from the manifest. */
  readonly marks: Readonly<Record<string, number>>;
  /** Syncs what counts: who builds on it must not lose it. */
  readonly sync: boolean;
}

/** How often reading begins again because files vanish. */
export const MOST_TRIES = 20;

/** Reads a session. @throws {@link HeddleError} HEDDLE_SESSION_FORMAT, and errors of the file system */
export async function recover(folder: string, options: RecoveryOptions): Promise<Recovery> {
  for (let tries = 1; ; tries++) {
    const attempt = new RecoveryAttempt(folder, options);
    try {
      return await attempt.run();
    } catch (error) {
      attempt.recorded.close();
      if (!isMissing(error) || tries === MOST_TRIES) throw error;
    }
  }
}

interface OpenJournal extends JournalName {
  readonly fd: number;
  readonly number: number;
  head: Head | undefined;
}

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
    const base = this.#chooseBase(files);
    const isBaseSound = base === 0 || (await this.#readBase(base));
    const journals = await this.#openJournals(
      files
        .flatMap((file) => parseJournalName(file) ?? [])
        .filter(({ epoch }) => epoch >= base || !isBaseSound),
    );
    const ends: Record<string, number> = {};
    let isBaseDue = !isBaseSound;
    for (const journal of journals) {
      if (isBaseDue && journal.epoch >= base) {
        await this.#readBaseAgain(base);
        isBaseDue = false;
      }
      const sealedAt = sealOf(journal, journals);
      const atLeast = sealedAt === undefined ? (this.#options.marks[journal.file] ?? 0) : 0;
      if (this.#options.sync && sealedAt === undefined) await disk.sync(journal.fd);
      const scan = await this.#scan(journal.file, journal.fd, journal.number, sealedAt, atLeast);
      if (sealedAt !== 0)
        ends[journal.file] = sealedAt === undefined ? scan.end : Math.min(scan.end, sealedAt);
    }
    this.#findMissing(journals, base);
    return {
      recorded: this.recorded,
      journals: ends,
      base: base === 0 ? undefined : base,
      identity: journals.findLast(({ head }) => head !== undefined)?.head?.identity ?? this.#baseIdentity,
      damages: this.#damages,
      tornBytes: this.#tornBytes,
    };
  }

  #baseIdentity: Identity | undefined;

  /** The newest base that an owner of this session can have written: with a base goes a journal or a claim. Others are told. */
  #chooseBase(files: readonly string[]): number {
    const owners = Math.max(
      0,
      ...files.map((file) => claimEpoch(file) ?? parseJournalName(file)?.epoch ?? 0),
    );
    const bases = files.flatMap((file) => baseEpoch(file) ?? []);
    const isOwned = (epoch: number) => owners === 0 || epoch <= owners;
    for (const epoch of bases.filter((each) => !isOwned(each)))
      this.#damages.push({ file: baseName(epoch), offset: 0, bytes: 0, reason: 'foreign' });
    return Math.max(0, ...bases.filter(isOwned));
  }

  /** Reads the base and says whether it is whole. */
  async #readBase(epoch: number): Promise<boolean> {
    const name = baseName(epoch);
    const fd = disk.openToRead(join(this.#folder, name));
    const number = this.recorded.addFile(name, fd);
    const frame = await firstFrame(fd, name);
    this.#baseIdentity = headOf(frame?.body)?.identity;
    const before = this.#damages.length;
    this.#isClosed = false;
    const scan = await this.#scan(name, fd, number, disk.sizeOf(fd), 0);
    if (!this.#isClosed && this.#damages.length === before)
      this.#damages.push({ file: name, offset: scan.end, bytes: 0, reason: 'cut off' });
    return this.#damages.length === before;
  }

  /** Behind older journals, for what it says of a task is newer. Its damages are known by now. */
  async #readBaseAgain(epoch: number): Promise<void> {
    const name = baseName(epoch);
    const fd = disk.openToRead(join(this.#folder, name));
    const known = this.#damages.length;
    await this.#scan(name, fd, this.recorded.addFile(name, fd), disk.sizeOf(fd), 0);
    this.#damages.length = known;
  }

  async #openJournals(names: JournalName[]): Promise<OpenJournal[]> {
    const journals: OpenJournal[] = [];
    for (const name of names.sort((a, b) => a.epoch - b.epoch)) {
      const fd = disk.openToRead(join(this.#folder, name.file));
      const number = this.recorded.addFile(name.file, fd);
      const head = headOf((await firstFrame(fd, name.file))?.body);
      journals.push({ ...name, fd, number, head });
    }
    return journals;
  }

  async #scan(
    file: string,
    fd: number,
    number: number,
    sealedAt: number | undefined,
    atLeast: number,
  ): Promise<Scan> {
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

  /** Journals that count, by a head or by the manifest, and are not there. */
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

/** How many bytes of a journal count, if somebody sealed it. */
function sealOf(journal: JournalName, journals: readonly OpenJournal[]): number | undefined {
  const sealing = journals.findLast(
    ({ epoch, part, head }) => head !== undefined && epoch > journal.epoch && overlap(part, journal.part),
  );
  return sealing === undefined ? undefined : (sealing.head?.seals[journal.file] ?? 0);
}

/** The head in the first frame of a file, if there is one. */
export function headOf(body: Buffer | undefined): Head | undefined {
  if (body === undefined) return undefined;
  const line = body.toString('utf8', 0, body.indexOf('\n'));
  const head = (JSON.parse(line) as { '@head'?: Head })['@head'];
  if (head !== undefined && head.format > FORMAT) throw newerFormat(head.format);
  return head;
}
