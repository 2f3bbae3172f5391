/**
 * The document of a session: a small JSON value that several processes change.
 *
 * Each version is a file, `state-<n>.json`, that is made complete and then linked to its name. Only one of
 * several processes can do that; the others read the newer version and compute again. A rename would not do:
 * a process that was paused between reading and renaming would replace what others wrote meanwhile. The lock
 * only saves useless work.
 *
 *   {"format":1,"version":7,"crc":"<crc32 of the text of data>","writes":["<random>",...],"data":<json>}
 *
 * The newest KEPT versions stay. `writes` names the newest changes. By it a process notices that it was
 * paused for so long that its version number had been removed and was free to be linked again.
 */

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { HeddleError } from '../protocol/errors.js';
import { checksum } from './checksum.js';
import {
  createFile,
  disk,
  linkNew,
  makeFolderDurably,
  readSmall,
  removeIfThere,
  syncFolder,
} from './disk.js';
import { withLock } from './lock.js';
import { newWriter, stateName, stateVersion, tempName } from './names.js';

const KEPT = 8;
const NAMED_WRITES = 64;

interface Version {
  readonly version: number;
  readonly writes: readonly string[];
  readonly data: unknown;
}

const NOTHING: Version = { version: 0, writes: [], data: undefined };

/** Reads and changes the document of one session. */
export class DocumentStore {
  readonly #folder: string;
  readonly #writer = newWriter();
  #last: Promise<unknown> = Promise.resolve();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Returns the newest version; undefined before the first.
   *
   * @throws {@link HeddleError} HEDDLE_SESSION_DAMAGED
   */
  read(): unknown {
    return this.#newest().data;
  }

  /**
   * Replaces the document by what `change` returns, and returns that.
   *
   * @param change - gets a copy; may be called again when another process was faster
   */
  update(change: (data: unknown) => unknown): Promise<unknown> {
    const done = this.#last.then(async () => {
      await makeFolderDurably(this.#folder);
      return withLock(this.#folder, () => this.#update(change));
    });
    this.#last = done.catch(() => {});
    return done;
  }

  async #update(change: (data: unknown) => unknown): Promise<unknown> {
    for (;;) {
      const before = this.#newest();
      const data = await change(before.data);
      const version = before.version + 1;
      const write = randomBytes(6).toString('base64url');
      if (!(await this.#link(version, [...before.writes.slice(1 - NAMED_WRITES), write], data))) continue;
      if (!this.#isIn(version, write)) continue;
      this.#removeOld(version);
      return data;
    }
  }

  /** Writes a version. Returns false when another process was faster. */
  async #link(version: number, writes: readonly string[], data: unknown): Promise<boolean> {
    const text = JSON.stringify(data) as string | undefined;
    if (text === undefined)
      throw new HeddleError(
        'HEDDLE_INVALID_OPTION',
        'Expected the function given to `update` to return a JSON value',
      );
    const crc = checksum(text);
    const start = `{"format":1,"version":${version},"crc":"${crc}","writes":${JSON.stringify(writes)}`;
    const temp = join(this.#folder, tempName(this.#writer));
    try {
      await createFile(temp, Buffer.from(`${start},"data":${text}}\n`));
      if (!linkNew(temp, join(this.#folder, stateName(version)))) return false;
    } finally {
      removeIfThere(temp);
    }
    await syncFolder(this.#folder);
    return true;
  }

  /** True when the change is part of the newest version. */
  #isIn(version: number, write: string): boolean {
    const newest = this.#newest();
    if (newest.writes.includes(write)) return true;
    if (newest.version - version < NAMED_WRITES) return false;
    throw new HeddleError(
      'HEDDLE_SESSION_FENCED',
      `The document of the session ${this.#folder} changed ${newest.version - version} times ` +
        'while this process was paused, so it is unknown whether its own change is included. ' +
        'Read the document and decide',
    );
  }

  #removeOld(version: number): void {
    for (const file of disk.list(this.#folder)) {
      const old = stateVersion(file);
      if (old !== undefined && old <= version - KEPT) removeIfThere(join(this.#folder, file));
    }
  }

  #newest(): Version {
    for (;;) {
      const version = Math.max(0, ...disk.list(this.#folder).map((file) => stateVersion(file) ?? 0));
      if (version === 0) return NOTHING;
      const bytes = readSmall(join(this.#folder, stateName(version)));
      // If it has gone, there is a newer one.
      if (bytes !== undefined)
        return parse(join(this.#folder, stateName(version)), version, bytes.toString());
    }
  }
}

/** True when the file holds this version undamaged. */
export function isSoundState(path: string, version: number): boolean {
  const bytes = readSmall(path);
  // If it has gone, a newer one has replaced it.
  if (bytes === undefined) return true;
  try {
    parse(path, version, bytes.toString());
    return true;
  } catch {
    return false;
  }
}

function parse(path: string, version: number, text: string): Version {
  const dataAt = text.indexOf(',"data":');
  try {
    const found = JSON.parse(text) as Version & { readonly crc: string };
    const data = text.slice(dataAt + ',"data":'.length, text.lastIndexOf('}'));
    if (found.version === version && checksum(data) === found.crc) return found;
  } catch {
    // Reported below.
  }
  throw new HeddleError(
    'HEDDLE_SESSION_DAMAGED',
    `The session's document ${path} is damaged; ` +
      '`heddle verify --repair` sets it aside and restores the previous version',
  );
}
