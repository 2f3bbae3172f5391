/**
 * Bytes to lines.
 *
 * Works on blocks: everything up to the last line feed of a block is decoded and split at once, several times
 * as fast as line by line. A line that is not UTF-8 becomes undefined; its neighbours are not affected. A
 * byte order mark at the start and a carriage return at the end of a line are dropped; the last line needs no
 * line feed.
 */

import { isUtf8 } from 'node:buffer';
import { closeSync, openSync, readSync } from 'node:fs';

const BLOCK_BYTES = 256 * 1024;
const LINE_FEED = 10;

/** Splits a stream of bytes into lines. */
export class LineSplitter {
  #rest: Buffer[] = [];
  #isFirst = true;

  /** The lines that end in this block. */
  push(block: Uint8Array): (string | undefined)[] {
    const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
    const end = bytes.lastIndexOf(LINE_FEED);
    if (end === -1) {
      this.#rest.push(Buffer.from(bytes));
      return [];
    }
    const complete = Buffer.concat([...this.#rest, bytes.subarray(0, end)]);
    this.#rest = end + 1 < bytes.length ? [Buffer.from(bytes.subarray(end + 1))] : [];
    return this.#decode(complete);
  }

  /** The last line, if it did not end with a line feed. */
  end(): (string | undefined)[] {
    const last = Buffer.concat(this.#rest);
    this.#rest = [];
    return last.length === 0 ? [] : this.#decode(last);
  }

  #decode(bytes: Buffer): (string | undefined)[] {
    const lines: (string | undefined)[] = isUtf8(bytes)
      ? bytes.toString('utf8').split('\n')
      : eachLine(bytes);
    if (this.#isFirst && lines[0]?.startsWith('\ufeff') === true) lines[0] = lines[0].slice(1);
    this.#isFirst = false;
    for (let i = 0; i < lines.length; i++) {
      if (lines[i]?.endsWith('\r') === true) lines[i] = lines[i]?.slice(0, -1);
    }
    return lines;
  }
}

function eachLine(bytes: Buffer): (string | undefined)[] {
  const lines: (string | undefined)[] = [];
  for (let start = 0; start <= bytes.length; ) {
    const found = bytes.indexOf(LINE_FEED, start);
    const end = found === -1 ? bytes.length : found;
    const line = bytes.subarray(start, end);
    lines.push(isUtf8(line) ? line.toString('utf8') : undefined);
    start = end + 1;
  }
  return lines;
}

/** The lines of a regular file, block by block. */
export function* linesOfFile(path: string): Generator<(string | undefined)[], void> {
  const file = openSync(path, 'r');
  try {
    const splitter = new LineSplitter();
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    for (let length = readSync(file, block); length > 0; length = readSync(file, block)) {
      yield splitter.push(block.subarray(0, length));
    }
    yield splitter.end();
  } finally {
    closeSync(file);
  }
}

/** The lines of a stream, block by block. */
export async function* linesOfStream(
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<(string | undefined)[], void> {
  const splitter = new LineSplitter();
  for await (const block of stream) yield splitter.push(block);
  yield splitter.end();
}
