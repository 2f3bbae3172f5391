/**
 * Frames: the layout of a journal or a base.
 *
 *   #H1 <crc> <bytes> <records> <number>\n      one line of ASCII
 *   <body>                                      <bytes> long: lines of JSON, each with its \n
 *
 * <number> counts the frames of a file from 0. <crc> is the CRC-32, as 8 hexadecimal digits, of the file's
 * name, then of `<bytes> <records> <number>\n`, then of the body. So a frame that was moved to another file,
 * or to another place in its own file, does not pass its check. `grep -v '^#'` turns a file into plain JSON
 * lines.
 *
 * A frame is one group commit: it counts as a whole or not at all. Bytes after the last good frame belong to
 * a commit that was never acknowledged. Bad bytes before a good frame are damage.
 */

import { checksum } from './checksum.js';
import { disk } from './disk.js';

/** The longest body of a frame, unless a single line is longer. */
export const FRAME_BYTES = 1024 * 1024;

const HEADER = /^#H1 ([0-9a-f]{8}) ((\d{1,10}) (\d{1,10}) (\d{1,10}))$/;
const MARK = Buffer.from('#H1 ');
const MAX_HEADER = 64;
const NEWLINE = 10;
const WINDOW_BYTES = 2 * 1024 * 1024;

/** Returns the frame with this body, ready to be appended. */
export function encodeFrame(file: string, body: Uint8Array, records: number, number: number): Uint8Array {
  const numbers = `${body.length} ${records} ${number}\n`;
  const header = `#H1 ${checksum(file, numbers, body)} ${numbers}`;
  const frame = Buffer.allocUnsafe(header.length + body.length);
  frame.write(header, 0, 'latin1');
  frame.set(body, header.length);
  return frame;
}

/** The lines of a frame that is not written yet. */
export class FrameLines {
  records = 0;
  /** In UTF-16 code units. */
  size = 0;
  readonly #lines: string[] = [];

  /** True when the frame stays within its size, or the line is its first. */
  hasRoomFor(line: string): boolean {
    return this.size === 0 || this.size + line.length <= FRAME_BYTES;
  }

  add(line: string, records: number): void {
    this.#lines.push(line);
    this.records += records;
    this.size += line.length;
  }

  encode(file: string, number: number): Uint8Array {
    return encodeFrame(file, Buffer.from(this.#lines.join('')), this.records, number);
  }
}

/** A good frame. */
export interface Frame {
  readonly number: number;
  readonly records: number;
  /** Valid until the next frame is read. */
  readonly body: Buffer;
  /** Offset of the frame in the file. */
  readonly start: number;
  /** Offset of the body. */
  readonly at: number;
}

/** A range of a file that differs from what was written there. */
export interface Damage {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
  readonly reason: string;
}

/** The result of reading a file. */
export interface Scan {
  /** End of the last good frame. */
  readonly end: number;
  readonly frames: number;
  readonly records: number;
  readonly damages: readonly Damage[];
  /** Bytes after `end` of a commit that was never acknowledged. */
  readonly tornBytes: number;
}

/** How far to read. */
export interface ScanOptions {
  /** Bytes that count: a shorter file is damaged, a longer one is cut. Undefined: all of them. */
  readonly sealedAt: number | undefined;
  /** So many bytes are known to have been durable. */
  readonly atLeast: number;
}

/** Reads a file frame by frame. Holds no more of it than a window and the largest frame. */
export async function scanFrames(
  fd: number,
  file: string,
  { sealedAt, atLeast }: ScanOptions,
  onFrame: (frame: Frame) => void,
): Promise<Scan> {
  const window = new Window(fd);
  const limit = sealedAt ?? Number.POSITIVE_INFINITY;
  const damages: Damage[] = [];
  const damaged = (offset: number, bytes: number, reason: string) =>
    damages.push({ file, offset, bytes, reason });
  let end = 0;
  let next = 0;
  let frames = 0;
  let records = 0;
  for await (const frame of goodFrames(window, file, limit)) {
    const { start, number } = frame;
    const frameEnd = frame.at + frame.body.length;
    if (start > end) damaged(end, start - end, 'damaged');
    else if (number > next) damaged(start, 0, `${number - next} frames missing in front of it`);
    if (number < next) {
      damaged(start, frameEnd - start, 'a repeated frame');
    } else {
      onFrame(frame);
      next = number + 1;
      frames++;
      records += frame.records;
    }
    end = frameEnd;
  }
  const size = Math.min(window.size, limit);
  const due = Math.max(sealedAt ?? 0, atLeast);
  if (end < due) damaged(end, Math.max(size, due) - end, size < due ? 'cut off' : 'damaged');
  return { end, frames, records, damages, tornBytes: end < due ? 0 : size - end };
}

/** Yields the good frames of a file, whatever is between them. */
async function* goodFrames(window: Window, file: string, limit: number): AsyncGenerator<Frame> {
  for (let at: number | undefined = 0; at !== undefined; ) {
    const frame = await readFrame(window, file, at, limit);
    if (frame !== undefined) yield frame;
    at = frame === undefined ? await nextMark(window, at + 1, limit) : frame.at + frame.body.length;
  }
}

/** Returns the first frame of a file, if it is a good one. */
export function firstFrame(fd: number, file: string): Promise<Frame | undefined> {
  return readFrame(new Window(fd), file, 0, Number.POSITIVE_INFINITY);
}

/** Returns the frame at an offset, if there is a good one. */
async function readFrame(
  window: Window,
  file: string,
  at: number,
  limit: number,
): Promise<Frame | undefined> {
  const head = await window.bytes(at, Math.min(MAX_HEADER, limit - at));
  const lineEnd = head.indexOf(NEWLINE);
  const match = lineEnd === -1 ? null : HEADER.exec(head.toString('latin1', 0, lineEnd));
  if (match === null) return undefined;
  const [, crc, numbers, length, records, number] = match;
  const from = at + lineEnd + 1;
  const bytes = Number(length);
  if (from + bytes > Math.min(limit, window.size)) return undefined;
  const body = await window.bytes(from, bytes);
  if (body.length < bytes || checksum(file, `${numbers}\n`, body) !== crc) return undefined;
  return { number: Number(number), records: Number(records), body, start: at, at: from };
}

/**
 * Finds the next bytes that look like a header. They may stand in the middle of a line, because the newline
 * before them may be what is damaged.
 */
async function nextMark(window: Window, from: number, limit: number): Promise<number | undefined> {
  for (let at = from; at < limit; at += WINDOW_BYTES) {
    const bytes = await window.bytes(at, Math.min(WINDOW_BYTES + MARK.length, limit - at));
    const found = bytes.indexOf(MARK);
    if (found !== -1) return at + found;
    if (bytes.length < WINDOW_BYTES + MARK.length) return undefined;
  }
  return undefined;
}

/** A moving view of a file. */
class Window {
  /** Size of the file when reading began. */
  readonly size: number;
  readonly #fd: number;
  #buffer: Buffer = Buffer.alloc(0);
  #start = 0;

  constructor(fd: number) {
    this.#fd = fd;
    this.size = disk.sizeOf(fd);
  }

  /** The bytes from an offset on; fewer where the file ends. */
  async bytes(at: number, count: number): Promise<Buffer> {
    const inside = at - this.#start;
    if (inside < 0 || inside + count > this.#buffer.length)
      await this.#load(at, Math.max(count, WINDOW_BYTES));
    const from = at - this.#start;
    return this.#buffer.subarray(from, from + Math.max(0, count));
  }

  async #load(at: number, count: number): Promise<void> {
    const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(count, this.size - at)));
    let filled = 0;
    while (filled < buffer.length) {
      const read = await disk.read(this.#fd, buffer.subarray(filled), at + filled);
      if (read === 0) break;
      filled += read;
    }
    this.#buffer = buffer.subarray(0, filled);
    this.#start = at;
  }
}
