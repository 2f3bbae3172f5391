/**
 * The cache: values of tasks that succeeded, across sessions. Used only when the option `cache` is set.
 *
 *   <folder>/<2 hex>/<62 hex>.json      {"crc":"<crc32 of the rest>","value":<json>}
 *                                       or "valueClone":"<base64>" in place of "value"
 *
 * The name is the SHA-256 of the task's content hash and the canonical input. A file is made complete and
 * renamed into place, so any number of writers may share a folder; two that write the same name write the
 * same content. Nothing is synced: an entry that fails its checksum is ignored and written again.
 */

import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { decodeValue, type EncodedValue, encodeValue } from '../protocol/encoded-value.js';
import { HeddleError } from '../protocol/errors.js';
import { checksum } from './checksum.js';
import { disk, readSmall, removeIfThere, writeAll } from './disk.js';

/** Values by task and input. */
export class ValueCache {
  readonly #folder: string;
  readonly #taskHash: string;
  readonly #suffix = randomBytes(6).toString('hex');
  readonly #folders = new Set<string>();

  /** @throws {@link HeddleError} HEDDLE_SESSION_WRITE when the folder cannot be made */
  constructor(folder: string, taskHash: string) {
    this.#folder = folder;
    this.#taskHash = taskHash;
    try {
      disk.makeFolder(folder);
    } catch (cause) {
      const why = (cause as Error).message;
      const message = `The cache ${folder} cannot be used: ${why}. Use a folder that can be written`;
      throw new HeddleError('HEDDLE_SESSION_WRITE', message, { cause });
    }
  }

  /** @param inputHash - the default key of the input */
  get(inputHash: string): { readonly content: EncodedValue } | undefined {
    try {
      const text = readSmall(this.#place(inputHash).path)?.toString();
      if (text === undefined) return undefined;
      const at = text.indexOf(',') + 1;
      const { crc, value, valueClone } = JSON.parse(text) as {
        crc: string;
        value?: unknown;
        valueClone?: string;
      };
      if (crc !== checksum(text.slice(at))) return undefined;
      if (valueClone !== undefined)
        return { content: encodeValue(decodeValue(Buffer.from(valueClone, 'base64'))) };
      return { content: value === undefined ? undefined : JSON.stringify(value) };
    } catch {
      return undefined;
    }
  }

  /** Stores a value. Ignores errors: a value that is not stored is computed again. */
  put(inputHash: string, content: EncodedValue): void {
    const { folder, path } = this.#place(inputHash);
    const temp = `${path}.${process.pid}-${this.#suffix}.tmp`;
    try {
      // The text of a large value may be longer than a string can be.
      const rest = `${contentField(content)}}\n`;
      if (!this.#folders.has(folder)) disk.makeFolder(folder);
      this.#folders.add(folder);
      const fd = disk.create(temp);
      try {
        writeAll(fd, Buffer.from(`{"crc":"${checksum(rest)}",${rest}`), 0);
      } finally {
        disk.close(fd);
      }
      disk.rename(temp, path);
    } catch {
      try {
        removeIfThere(temp);
      } catch {
        // A left-over file in a cache does no harm.
      }
    }
  }

  #place(inputHash: string): { readonly folder: string; readonly path: string } {
    const name = createHash('sha256').update(`${this.#taskHash} ${inputHash}`).digest('hex');
    const folder = join(this.#folder, name.slice(0, 2));
    return { folder, path: join(folder, `${name.slice(2)}.json`) };
  }
}

function contentField(content: EncodedValue): string {
  if (content === undefined) return '"v":1';
  if (typeof content === 'string') return `"value":${content}`;
  return `"valueClone":"${Buffer.from(content).toString('base64')}"`;
}
