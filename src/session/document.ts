/**
 * The document of a session: a small JSON value that several processes change.
 *
 * Each version is a file of its own, `state-<n>.json`, made complete and linked to its name, which only one of several processes can do.
 * Who comes second reads the newer version and computes again. A rename could not do that: a process that was paused between reading and
 * renaming would replace what others wrote meanwhile. The lock only spares the processes computing in vain.
 *
 *   {"format":1,"version":7,"crc":"<crc32 of the text of data>","writes":["<random>",...],"data":<json>}
 *
 * The newest KEPT versions stay. `writes` names the newest changes; by it a process that was paused for so long that its number was
 * removed again and free to be linked finds out that it came too late.
 */

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { HeddleError } from '../protocol/errors.js';
import { createFile, disk, makeFolderDurably, readSmall, removeIfThere, syncFolder } from './disk.js';
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

  /** The newest version; undefined before the first. @throws {@link HeddleError} HEDDLE_SESSION_DAMAGED */
  read(): unknown {
    return this.#newest().data;
  }

  /**
   * Replaces the document by what `change` makes of it, and answers that.
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

  /** Gives a version its name; false when somebody else has it. */
  async #link(version: number, writes: readonly string[], data: unknown): Promise<boolean> {
    const text = JSON.stringify(data) as string | undefined;
    if (text === undefined)
      throw new HeddleError(
        'HEDDLE_INVALID_OPTION',
        'Expected the change of a session to answer a JSON value',
      );
    const crc = crc32(text).toString(16).padStart(8, '0');
    const file = `{"format":1,"version":${version},"crc":"${crc}","writes":${JSON.stringify(writes)},"data":${text}}\n`;
    const temp = join(this.#folder, tempName(this.#writer));
    try {
      await createFile(temp, Buffer.from(file));
      disk.link(temp, join(this.#folder, stateName(version)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    } finally {
      removeIfThere(temp);
    }
    await syncFolder(this.#folder);
    return true;
  }

  /** Whether the change is part of the newest version. */
  #isIn(version: number, write: string): boolean {
    const newest = this.#newest();
    if (newest.writes.includes(write)) return true;
    if (newest.version - version < NAMED_WRITES) return false;
    throw new HeddleError(
      'HEDDLE_SESSION_FENCED',
      `The document of the session ${this.#folder} went on by ${newest.version - version} versions while this process did not answer; ` +
        'whether the change is in it cannot be told: read it and decide',
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
      // Gone: so there is a newer one.
      if (bytes !== undefined)
        return parse(join(this.#folder, stateName(version)), version, bytes.toString());
    }
  }
}

/** True when the file holds that version undamaged. */
export function isSoundState(path: string, version: number): boolean {
  const bytes = readSmall(path);
  // Gone: a newer one has taken its place.
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
    if (found.version === version && crc32(data) === Number.parseInt(found.crc, 16)) return found;
  } catch {
    // Told below.
  }
  throw new HeddleError(
    'HEDDLE_SESSION_DAMAGED',
    `The session's document ${path} is damaged; \`heddle verify --repair\` sets it aside and goes back to the version before`,
  );
}
