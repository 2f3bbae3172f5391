/**
 * Reads parts of files by pages, and keeps the pages used last.
 *
 * Outcomes are stored in the order in which tasks ended and read in the order of the batch, so reading
 * alternates between several places of a file.
 */

import { disk } from './disk.js';

const PAGE_BYTES = 64 * 1024;
const MAX_PAGES = 64;

/** The pages of the files of one session. */
export class PageCache {
  /** By file and page, the one used last at the end. */
  readonly #pages = new Map<string, Buffer>();

  /** Returns a range as text; less where the file ends. */
  text(fd: number, offset: number, length: number): string {
    const first = Math.floor(offset / PAGE_BYTES);
    const last = Math.floor((offset + length - 1) / PAGE_BYTES);
    const from = offset - first * PAGE_BYTES;
    if (first === last) return this.#page(fd, first).toString('utf8', from, from + length);
    const pages = Array.from({ length: last - first + 1 }, (_, i) => this.#page(fd, first + i));
    return Buffer.concat(pages).toString('utf8', from, from + length);
  }

  #page(fd: number, number: number): Buffer {
    const name = `${fd}.${number}`;
    const known = this.#pages.get(name);
    this.#pages.delete(name);
    const page = known ?? this.#read(fd, number);
    this.#pages.set(name, page);
    if (this.#pages.size > MAX_PAGES) {
      const [oldest] = this.#pages.keys();
      if (oldest !== undefined) this.#pages.delete(oldest);
    }
    return page;
  }

  #read(fd: number, number: number): Buffer {
    const page = Buffer.allocUnsafe(PAGE_BYTES);
    let filled = 0;
    while (filled < PAGE_BYTES) {
      const count = disk.readNow(fd, page.subarray(filled), number * PAGE_BYTES + filled);
      if (count === 0) break;
      filled += count;
    }
    return page.subarray(0, filled);
  }
}
