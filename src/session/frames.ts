/**
 * Frames: how bytes stand in a journal or a base.
 *
 *   #H1 <crc> <bytes> <records> <number>\n      one line of ASCII
 *   <body>                                      <bytes> long: lines of JSON, each with its \n
 *
 * <number> counts the frames of a file from 0. <crc> is the CRC-32, as 8 hexadecimal digits, of the file's name, then of
 * `<bytes> <records> <number>\n`, then of the body; so a frame that was moved to another file, or to another place in its own, does not
 * pass for one of it. `grep -v '^#'` turns a file into plain JSON lines.
 *
 * A frame is one group commit: it counts as a whole or not at all. Bytes behind the last good frame are the rest of a commit
 * that nobody was told of. Bad bytes in front of a good frame are damage.
 */

import { crc32 } from 'node:zlib';
import { disk } from './disk.js';

/** A frame is closed when its body has grown beyond this. */
export const FRAME_BYTES = 1024 * 1024;

const HEADER = /^#H1 ([0-9a-f]{8}) ((\d{1,10}) (\d{1,10}) (\d{1,10}))$/;
const MARK = Buffer.from('#H1 ');
const MAX_HEADER = 64;
const NEWLINE = 10;
const WINDOW_BYTES = 2 * 1024 * 1024;

/** The frame with this body, ready to be appended. */
export function encodeFrame(file: string, body: Uint8Array, records: number, number: number): Uint8Array {
  const numbers = `${body.length} ${records} ${number}\n`;
  const header = `#H1 ${hex8(crc32(body, crc32(numbers, crc32(file))))} ${numbers}`;
  const frame = Buffer.allocUnsafe(header.length + body.length);
  frame.write(header, 0, 'latin1');
  frame.set(body, header.length);
  return frame;
}

function hex8(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}

/** A good frame. */
export interface Frame {
  readonly number: number;
  readonly records: number;
  /** Valid until the next frame is read. */
  readonly body: Buffer;
  /** Where the body stands in the file. */
  readonly at: number;
}

/** A range of a file that is not what was written there. */
export interface Damage {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
  readonly reason: string;
}

/** What a file holds. */
export interface Scan {
  /** End of the last good frame. */
  readonly end: number;
  readonly frames: number;
  readonly records: number;
  readonly damages: readonly Damage[];
  /** Bytes behind `end` that belong to a commit nobody was told of. */
  readonly tornBytes: number;
}

/** How far to read. */
export interface ScanOptions {
  /** Bytes that count; a file that is shorter is damaged, what is beyond is ignored. Undefined: all that is there. */
  readonly sealedAt: number | undefined;
  /** All of these bytes were once told to be there. */
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
  const add = (offset: number, bytes: number, reason: string) =>
    damages.push({ file, offset, bytes, reason });
  let at = 0;
  let end = 0;
  let next = 0;
  let frames = 0;
  let records = 0;
  for (;;) {
    const frame = await readFrame(window, file, at, limit);
    if (frame !== undefined) {
      if (at > end) add(end, at - end, 'damaged');
      const length = frame.at + frame.body.length - at;
      if (frame.number > next && at === end)
        add(at, 0, `${frame.number - next} frames missing in front of it`);
      if (frame.number < next) {
        add(at, length, 'a repeated frame');
      } else {
        onFrame(frame);
        next = frame.number + 1;
        frames++;
        records += frame.records;
      }
      at += length;
      end = at;
      continue;
    }
    const candidate = await nextMark(window, at + 1, limit);
    if (candidate === undefined) break;
    at = candidate;
  }
  const size = Math.min(await window.size(), limit);
  const due = Math.max(sealedAt ?? 0, atLeast);
  if (end < due) add(end, Math.max(size, due) - end, size < due ? 'cut off' : 'damaged');
  return { end, frames, records, damages, tornBytes: end < due ? 0 : size - end };
}

/** The first frame of a file, if it is a good one. */
export function firstFrame(fd: number, file: string): Promise<Frame | undefined> {
  return readFrame(new Window(fd), file, 0, Number.POSITIVE_INFINITY);
}

/** The frame that begins there, if it is a good one. */
async function readFrame(
  window: Window,
  file: string,
  at: number,
  limit: number,
): Promise<Frame | undefined> {
  const head = await window.bytes(at, Math.min(MAX_HEADER, limit - at));
  const lineEnd = head.indexOf(NEWLINE);
  if (lineEnd === -1) return undefined;
  const match = HEADER.exec(head.toString('latin1', 0, lineEnd));
  if (match === null) return undefined;
  const [, crc, numbers, length, records, number] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const from = at + lineEnd + 1;
  const bytes = Number(length);
  if (from + bytes > limit || from + bytes > (await window.size())) return undefined;
  const body = await window.bytes(from, bytes);
  if (body.length < bytes || hex8(crc32(body, crc32(`${numbers}\n`, crc32(file)))) !== crc) return undefined;
  return { number: Number(number), records: Number(records), body, at: from };
}

/** Where the next bytes that look like a header begin: in the middle of a line as well, for the newline in front may be what is damaged. */
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
  readonly #fd: number;
  #buffer: Buffer = Buffer.alloc(0);
  #start = 0;
  #size: number | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  async size(): Promise<number> {
    this.#size ??= disk.sizeOf(this.#fd);
    return this.#size;
  }

  /** The bytes from there on; fewer where the file ends. */
  async bytes(at: number, count: number): Promise<Buffer> {
    const inside = at - this.#start;
    if (inside < 0 || inside + count > this.#buffer.length)
      await this.#load(at, Math.max(count, WINDOW_BYTES));
    const from = at - this.#start;
    return this.#buffer.subarray(from, from + Math.max(0, count));
  }

  async #load(at: number, count: number): Promise<void> {
    const left = (await this.size()) - at;
    const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(count, left)));
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
