/**
 * What is recorded: the status of each task of a session, and the place of its line. Values stay on the disk
 * until they are read.
 *
 * About 45 bytes a task, in typed arrays. Slots are those of the id table. A slot without a status is a task
 * of this batch that has no outcome yet.
 */

import { HeddleError } from '../protocol/errors.js';
import type { Job } from '../protocol/messages.js';
import { disk } from './disk.js';
import { IdTable, larger } from './id-table.js';
import { PageCache } from './page-cache.js';
import { type OutcomeOnDisk, parseRecord } from './record.js';

const NONE = 0;
const SUCCEEDED = 1;
const FAILED = 2;
/** Added to the status of a task that the newest batch no longer has. */
const GONE = 4;
/** Added when a task has another index in the batch than in its line. */
const MOVED = 8;
/** Added when that is not on the disk yet. */
const MOVED_NOW = 16;
const STATUS = 3;
const FILE_UNIT = 2 ** 40;
/** File and offset share the 53 bits of a number. */
const MAX_FILES = 8000;

/** An attempt that began and has no recorded end. */
export interface StartedAttempt {
  readonly attempt: number;
  readonly at: number;
}

/** A file from which outcomes are read. */
interface ReadFile {
  readonly name: string;
  readonly fd: number;
}

/** The recorded tasks of a session. */
export class Recorded {
  readonly ids: IdTable = new IdTable();
  /** By id: attempts that are in progress, or were cut off. */
  readonly started = new Map<string, StartedAttempt>();
  /** By id: jobs that tasks without an outcome wait for. */
  readonly jobs = new Map<string, Job>();
  /** Tasks with an outcome that are not gone. */
  readonly counts = { succeeded: 0, failed: 0 };
  /** Lines that were replaced by a later one of the same task. */
  superseded = 0;
  readonly #files: ReadFile[] = [];
  readonly #pages = new PageCache();
  #status = new Uint8Array(1024);
  #where = new Float64Array(1024);
  #length = new Uint32Array(1024);
  #index = new Uint32Array(1024);

  /** Adds a file whose lines will be added. `close` closes its descriptor. */
  addFile(name: string, fd: number): number {
    if (this.#files.length >= MAX_FILES) {
      const message =
        `The session has more than ${MAX_FILES} journals; ` +
        'run the whole batch once without a shard, which joins them';
      throw new HeddleError('HEDDLE_SESSION_DAMAGED', message);
    }
    return this.#files.push({ name, fd }) - 1;
  }

  /** Adds an outcome of an earlier run; its id is given in ASCII. */
  add(
    bytes: Uint8Array,
    idAt: number,
    status: 'succeeded' | 'failed',
    index: number,
    file: number,
    offset: number,
    length: number,
  ): void {
    const slot = this.ids.addBytes(bytes, idAt);
    if (this.started.size + this.jobs.size > 0) this.#settle(this.ids.idAt(slot));
    this.#setStatus(slot, status);
    this.#index[slot] = index;
    this.#where[slot] = file * FILE_UNIT + offset;
    this.#length[slot] = length;
  }

  /** Counts an outcome of this run, which will not be read back. */
  note(id: string, status: 'succeeded' | 'failed'): void {
    this.#setStatus(this.ids.add(id), status);
    this.#settle(id);
  }

  /** The attempt has ended with a job that the task waits for. */
  submitted(id: string, job: Job): void {
    this.started.delete(id);
    this.jobs.set(id, job);
  }

  /** Returns the slot of a task; a new one, without a status, for a new task. */
  slotOf(id: string): number {
    const slot = this.ids.add(id);
    this.#reserve(slot);
    return slot;
  }

  statusAt(slot: number): 'succeeded' | 'failed' | undefined {
    const status = (this.#status[slot] as number) & STATUS;
    return status === NONE ? undefined : status === SUCCEEDED ? 'succeeded' : 'failed';
  }

  isGone(slot: number): boolean {
    return ((this.#status[slot] as number) & GONE) !== 0;
  }

  setGone(slot: number, isGone: boolean): void {
    if (this.isGone(slot) === isGone || this.statusAt(slot) === undefined) return;
    const status = this.statusAt(slot) as 'succeeded' | 'failed';
    this.counts[status] += isGone ? -1 : 1;
    this.#status[slot] = (this.#status[slot] as number) ^ GONE;
  }

  /** The index of a task in the newest batch that had it. */
  indexAt(slot: number): number {
    return this.#index[slot] as number;
  }

  /** @param isNew - the index is not on the disk yet */
  setIndex(slot: number, index: number, isNew: boolean): void {
    this.#index[slot] = index;
    this.#status[slot] = (this.#status[slot] as number) | MOVED | (isNew ? MOVED_NOW : 0);
  }

  hasMovedNow(slot: number): boolean {
    return ((this.#status[slot] as number) & MOVED_NOW) !== 0;
  }

  isMoved(slot: number): boolean {
    return ((this.#status[slot] as number) & MOVED) !== 0;
  }

  /** The slots with an outcome on disk, in the order of their lines. */
  slots(): Uint32Array {
    const slots = new Uint32Array(this.ids.size);
    let count = 0;
    for (let slot = 0; slot < slots.length; slot++) if (this.#length[slot] !== 0) slots[count++] = slot;
    return slots.subarray(0, count).sort((a, b) => (this.#where[a] as number) - (this.#where[b] as number));
  }

  /** Reads the line of an outcome, without its newline. */
  lineAt(slot: number): string {
    const where = this.#where[slot] as number;
    const file = this.#files[Math.floor(where / FILE_UNIT)];
    if (file === undefined) {
      throw new HeddleError(
        'HEDDLE_CLOSED',
        'Outcomes of earlier runs cannot be read any more: ' +
          'the run or its runtime was closed before they were read',
      );
    }
    return this.#pages.text(file.fd, where % FILE_UNIT, this.#length[slot] as number);
  }

  /**
   * @throws {@link HeddleError} HEDDLE_SESSION_DAMAGED when the line has changed since the session was opened
   */
  read(slot: number): OutcomeOnDisk {
    const line = this.lineAt(slot);
    try {
      const outcome = parseRecord(line);
      if (this.ids.find(outcome.id) === slot) return { ...outcome, index: this.indexAt(slot) };
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    throw this.changed(slot);
  }

  /** The error for a line that has changed since the session was opened. */
  changed(slot: number): HeddleError {
    const file = this.#files[Math.floor((this.#where[slot] as number) / FILE_UNIT)];
    return new HeddleError(
      'HEDDLE_SESSION_DAMAGED',
      `The session's file ${file?.name} changed while it was read; run \`heddle verify\` on the session`,
    );
  }

  close(): void {
    for (const { fd } of this.#files.splice(0)) disk.close(fd);
  }

  #settle(id: string): void {
    this.started.delete(id);
    this.jobs.delete(id);
  }

  #setStatus(slot: number, status: 'succeeded' | 'failed'): void {
    this.#reserve(slot);
    if (this.#status[slot] !== NONE) this.superseded++;
    const before = this.isGone(slot) ? undefined : this.statusAt(slot);
    if (before !== undefined) this.counts[before]--;
    this.counts[status]++;
    this.#status[slot] = status === 'succeeded' ? SUCCEEDED : FAILED;
  }

  #reserve(slot: number): void {
    if (slot < this.#status.length) return;
    const length = this.#status.length * 2;
    this.#status = larger(this.#status, length);
    this.#where = larger(this.#where, length);
    this.#length = larger(this.#length, length);
    this.#index = larger(this.#index, length);
  }
}
