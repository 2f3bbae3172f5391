/**
 * The journal of one writer: a file that only grows, by group commit.
 *
 * What is appended during a flush is written by the next one: one write and one fdatasync, however many
 * records. A fast disk gives small groups, a slow disk large ones. A run whose outcomes come in bunches may
 * also ask for a pause after each flush. That saves its threads a few hundred flushes a second.
 *
 *   append ─► queue ─► write ─► fence? same file? ─┐
 *                        └────► fdatasync ─────────┴─► the promises of the group resolve
 *
 * Invariants:
 *   1. A promise resolves only when its bytes are on the disk, under the journal's own name, and no newer
 *      writer had claimed the session when they were written (claims.ts).
 *   2. A journal is written by one process, which created it. No process appends to the file of another.
 *   3. Nothing is written after the first error. A failed sync is not repeated: the kernel may have dropped
 *      the pages, and a second sync would succeed without them.
 */

import { join } from 'node:path';
import { HeddleError } from '../protocol/errors.js';
import { nextTurn } from '../protocol/turn.js';
import type { Fence } from './claims.js';
import { disk, syncFolder, writeAll } from './disk.js';
import { FRAME_BYTES, FrameLines } from './frames.js';

/** A group of this size is flushed at once. */
const PAUSE_BYTES = 64 * 1024;

/** Frames that will share a flush. */
class Group {
  readonly frames = [new FrameLines()];
  readonly done: Promise<void>;
  resolve: () => void = () => {};
  reject: (error: unknown) => void = () => {};

  constructor() {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Every caller of `append` gets the rejection; this promise itself has no listener.
    this.done.catch(() => {});
  }

  get records(): number {
    return this.frames.reduce((sum, frame) => sum + frame.records, 0);
  }

  get size(): number {
    return (this.frames.length - 1) * FRAME_BYTES + this.#last.size;
  }

  add(line: string, records: number): void {
    if (!this.#last.hasRoomFor(line)) this.frames.push(new FrameLines());
    this.#last.add(line, records);
  }

  get #last(): FrameLines {
    return this.frames.at(-1) as FrameLines;
  }
}

/** Appends to one journal. */
export class Journal {
  readonly file: string;
  readonly #path: string;
  readonly #fd: number;
  readonly #inode: number;
  readonly #fence: Fence;
  readonly #pauseMs: number;
  #end = 0;
  #frames = 0;
  #group: Group | undefined;
  #flushing: Promise<void> | undefined;
  #failure: unknown;
  #wake: (() => void) | undefined;
  #isClosing = false;

  private constructor(folder: string, file: string, fence: Fence, pauseMs: number) {
    this.file = file;
    this.#path = join(folder, file);
    this.#fence = fence;
    this.#pauseMs = pauseMs;
    this.#fd = disk.create(this.#path);
    this.#inode = disk.inodeOf(this.#fd);
  }

  /**
   * Creates a journal that begins with this line. The file is durable when the promise resolves.
   *
   * @param pauseMs - from the start of a flush of several records to the next one, unless much is waiting
   */
  static async create(
    folder: string,
    file: string,
    fence: Fence,
    head: string,
    pauseMs: number,
  ): Promise<Journal> {
    const journal = new Journal(folder, file, fence, pauseMs);
    try {
      await journal.append([head], 0);
      await syncFolder(folder);
    } catch (error) {
      disk.close(journal.#fd);
      throw error;
    }
    return journal;
  }

  /** Bytes that are durable. */
  get end(): number {
    return this.#end;
  }

  /** Adds lines, each with its newline. Resolves when they are durable. */
  append(lines: readonly string[], recordsPerLine: 0 | 1): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#group ??= new Group();
    for (const line of lines) this.#group.add(line, recordsPerLine);
    if (this.#group.size > PAUSE_BYTES) this.#wake?.();
    this.#flushing ??= this.#flushAll();
    return this.#group.done;
  }

  /** Closes the file once everything that was appended is durable, or has failed. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#wake?.();
    await this.#flushing;
    disk.close(this.#fd);
  }

  async #flushAll(): Promise<void> {
    // Outcomes that settle in the same turn of the event loop share the first flush.
    await nextTurn();
    while (this.#group !== undefined) {
      const group = this.#group;
      this.#group = undefined;
      const startedAt = performance.now();
      try {
        if (this.#failure !== undefined) throw this.#failure;
        // Each frame is synced before the next is written: bad bytes before a good frame are damage.
        for (const frame of group.frames) await this.#write(frame.encode(this.file, this.#frames));
        group.resolve();
      } catch (error) {
        this.#failure ??= this.#fence.reasonFor(error);
        group.reject(this.#failure);
      }
      if (group.records > 1) await this.#pause(startedAt + this.#pauseMs - performance.now());
    }
    this.#flushing = undefined;
  }

  async #pause(ms: number): Promise<void> {
    if (this.#pauseMs === 0 || ms < 1 || this.#isClosing || (this.#group?.size ?? 0) > PAUSE_BYTES) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  async #write(frame: Uint8Array): Promise<void> {
    writeAll(this.#fd, frame, this.#end);
    // Checked after the write: a process that claims the session later reads these bytes, synced or not.
    const synced = disk.syncData(this.#fd);
    try {
      this.#fence.check();
      this.#checkPlace();
    } catch (error) {
      await synced.catch(() => {});
      throw error;
    }
    await synced;
    this.#end += frame.length;
    this.#frames++;
  }

  #checkPlace(): void {
    if (disk.stat(this.#path)?.ino === this.#inode) return;
    throw new HeddleError(
      'HEDDLE_SESSION_WRITE',
      `The session's file ${this.#path} was moved or deleted while it was written; ` +
        'nothing more can be recorded in it. Put the folder back, or run again',
    );
  }
}
