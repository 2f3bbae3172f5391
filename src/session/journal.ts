/**
 * The journal of one writer, appended by group commit.
 *
 * Whatever is appended while a flush is in progress leaves with the next one: one write, one fdatasync, however many records.
 * A fast disk gives small groups, a slow disk large ones. A run in which outcomes come in bunches may also ask for a pause behind each
 * flush: it spares the threads a few hundred flushes a second, and nobody waits for a single outcome.
 *
 *   append ─► queue ─► write ─► fence? same file? ─┐
 *                        └────► fdatasync ─────────┴─► the promises of the group fulfil
 *
 * Invariants:
 *   1. A promise fulfils only when its bytes are on the disk, under the journal's own name, and no newer writer had claimed the session
 *      when they were written (claims.ts).
 *   2. A journal belongs to one life of one process; nobody ever appends to a file that another life has written.
 *   3. After the first error nothing is written any more. A failed sync is not repeated: the kernel may have dropped the
 *      pages, and a second sync would lie.
 */

import { join } from 'node:path';
import { HeddleError } from '../protocol/errors.js';
import type { Fence } from './claims.js';
import { disk, syncFolder, writeAll } from './disk.js';
import { encodeFrame, FRAME_BYTES } from './frames.js';

/** So much is not kept waiting. */
const PAUSE_BYTES = 64 * 1024;

/** Lines that will share a frame. */
interface OpenFrame {
  readonly lines: string[];
  records: number;
  size: number;
}

/** Frames that will share a flush. */
class Group {
  readonly frames: OpenFrame[] = [{ lines: [], records: 0, size: 0 }];
  readonly done: Promise<void>;
  resolve: () => void = () => {};
  reject: (error: unknown) => void = () => {};

  constructor() {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Whoever appended is told; the group itself has no listener.
    this.done.catch(() => {});
  }

  get records(): number {
    return this.frames.reduce((sum, frame) => sum + frame.records, 0);
  }

  get size(): number {
    return (this.frames.length - 1) * FRAME_BYTES + (this.frames.at(-1) as OpenFrame).size;
  }

  add(lines: string, records: number): void {
    let frame = this.frames.at(-1) as OpenFrame;
    if (frame.size > 0 && frame.size + lines.length > FRAME_BYTES) {
      frame = { lines: [], records: 0, size: 0 };
      this.frames.push(frame);
    }
    frame.lines.push(lines);
    frame.records += records;
    frame.size += lines.length;
  }
}

/** The writer of one journal. */
export class Journal {
  readonly file: string;
  readonly #path: string;
  readonly #fd: number;
  readonly #inode: number;
  readonly #fence: Fence;
  #end = 0;
  #frames = 0;
  #group: Group | undefined;
  #flushing: Promise<void> | undefined;
  #failure: unknown;
  readonly #pauseMs: number;
  #wake: (() => void) | undefined;
  #isClosing = false;

  private constructor(folder: string, file: string, fence: Fence, pauseMs: number) {
    this.#pauseMs = pauseMs;
    this.file = file;
    this.#path = join(folder, file);
    this.#fence = fence;
    this.#fd = disk.create(this.#path);
    this.#inode = disk.inodeOf(this.#fd);
  }

  /**
   * Creates a journal that begins with this line. It exists, durably, when this fulfils.
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
      await journal.append(head, 0);
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

  /** Adds lines, each with its newline; fulfils when they are durable. */
  append(lines: string, records: number): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#group ??= new Group();
    const { done } = this.#group;
    this.#group.add(lines, records);
    if (this.#group.size > PAUSE_BYTES) this.#wake?.();
    this.#flushing ??= this.#flushAll();
    return done;
  }

  /** Everything that was appended is durable, or has failed, and the file is closed. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#wake?.();
    await this.#flushing;
    disk.close(this.#fd);
  }

  async #flushAll(): Promise<void> {
    // What settles in the same turn of the event loop shares the first flush.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#group !== undefined) {
      const group = this.#group;
      this.#group = undefined;
      const startedAt = performance.now();
      try {
        if (this.#failure !== undefined) throw this.#failure;
        await this.#flush(group);
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

  async #flush(group: Group): Promise<void> {
    // Only a large group has several. Each is synced before the next is written: what stands in front of a good frame is good, or damaged.
    for (const { lines, records } of group.frames)
      await this.#write(encodeFrame(this.file, Buffer.from(lines.join('')), records, this.#frames));
  }

  async #write(frame: Uint8Array): Promise<void> {
    writeAll(this.#fd, frame, this.#end);
    // Behind the write, beside the sync: who claims from now on reads these bytes, whether they are synced yet or not.
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
      `The session's file ${this.#path} was moved or deleted while it was written; nothing more can be recorded in it. Put the folder back, or run again`,
    );
  }
}
