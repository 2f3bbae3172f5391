/**
 * The manifest, `session.json`: what a session is and how its runs stand, for people, for `heddle status`, and as a second witness.
 *
 * It is a hint. All that matters stands in the heads of the journals as well, and a manifest that is missing or torn is made anew from
 * there. It is written whole, under the lock, as a temporary file that is renamed into place; it is read again afterwards, because
 * write-file-atomic does not notice a short write, and the folder is synced, which it leaves out. `crc` is the CRC-32 of the rest as
 * compact JSON.
 */

import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { HeddleError } from '../protocol/errors.js';
import { disk, noSpace, readSmall, syncFolder } from './disk.js';
import { FORMAT, newerFormat } from './format.js';
import { withLock } from './lock.js';
import { MANIFEST } from './names.js';

/** What a session is about; it must be the same in every run. */
export interface Identity {
  /** Random, given when the session is made. */
  readonly session: string;
  readonly createdAt: string;
  readonly task: TaskFingerprint;
  /** How tasks are named: `hash` of their inputs, or the text of the `key` option. */
  readonly keys: string;
  /** What the command needs to run the batch again. */
  readonly command?: unknown;
}

/** Which task function the outcomes come from. */
export interface TaskFingerprint {
  /** Path of its module, or the name of an inline function. */
  readonly name: string;
  /** SHA-256 of the module's file, or of the function's text, in hexadecimal. */
  readonly hash: string;
}

/** How a run stands, as it says itself about once a second. */
export interface RunState {
  readonly status: 'running' | 'completed' | 'failed' | 'aborted';
  readonly writer: string;
  readonly pid: number;
  readonly host: string;
  readonly startedAt: string;
  readonly updatedAt: string;
  /** Length of the batch, if known; of all shards together. */
  readonly total?: number | undefined;
  readonly running?: number | undefined;
  readonly tasksPerSecond?: number | undefined;
  readonly remainingMs?: number | undefined;
  readonly reason?: string | undefined;
}

/** The content of the manifest. */
export interface Manifest {
  readonly format: number;
  readonly identity: Identity;
  /** By journal: bytes that were told to be durable. Finds a journal that was cut off or deleted. */
  readonly marks: Readonly<Record<string, number>>;
  /** The newest run of each part, by `1of1`, `2of8`, … */
  readonly runs: Readonly<Record<string, RunState>>;
}

/** What is at the manifest's place. */
export type ManifestFound =
  | { readonly kind: 'missing' }
  | { readonly kind: 'damaged'; readonly reason: string; readonly bytes: number }
  | { readonly kind: 'sound'; readonly manifest: Manifest };

/** Reads the manifest. @throws {@link HeddleError} HEDDLE_SESSION_FORMAT, and errors of the file system */
export function readManifest(folder: string): ManifestFound {
  const bytes = readSmall(join(folder, MANIFEST));
  if (bytes === undefined) return { kind: 'missing' };
  const damaged = (reason: string) => ({ kind: 'damaged', reason, bytes: bytes.length }) as const;
  let content: (Manifest & { readonly crc?: string }) | null;
  try {
    content = JSON.parse(bytes.toString()) as typeof content;
  } catch (error) {
    return damaged((error as Error).message);
  }
  const { crc, ...manifest } = content ?? ({} as Manifest & { readonly crc?: string });
  if (crc !== undefined && crc !== checksum(manifest)) return damaged('its checksum is wrong');
  if (typeof manifest.format === 'number' && manifest.format > FORMAT) throw newerFormat(manifest.format);
  return crc === undefined ? damaged('its checksum is missing') : { kind: 'sound', manifest };
}

function checksum(manifest: Manifest): string {
  return crc32(JSON.stringify(manifest)).toString(16).padStart(8, '0');
}

/** Writes the manifest of one session: one change after the other. */
export class ManifestWriter {
  readonly #folder: string;
  readonly #identity: Identity;
  #last: Promise<unknown> = Promise.resolve();

  constructor(folder: string, identity: Identity) {
    this.#folder = folder;
    this.#identity = identity;
  }

  /** Changes what is there, or what it would be if it were there. Rejects when it could not be written. */
  update(change: (manifest: Manifest) => Manifest): Promise<void> {
    const done = this.#last.then(() => withLock(this.#folder, () => this.#write(change)));
    this.#last = done.catch(() => {});
    return done;
  }

  /** Fulfils when no change is waiting. */
  async idle(): Promise<void> {
    await this.#last;
  }

  async #write(change: (manifest: Manifest) => Manifest): Promise<void> {
    const found = readManifest(this.#folder);
    const before =
      found.kind === 'sound'
        ? found.manifest
        : { format: FORMAT, identity: this.#identity, marks: {}, runs: {} };
    const path = join(this.#folder, MANIFEST);
    refuseLink(path);
    const manifest = change(before);
    const text = `${JSON.stringify({ ...manifest, crc: checksum(manifest) }, undefined, 2)}\n`;
    const { default: writeFileAtomic } = await import('write-file-atomic');
    await writeFileAtomic(path, text, { mode: 0o600 });
    // Whole, whoever wrote it: another process may have come next.
    if (readManifest(this.#folder).kind !== 'sound') throw noSpace();
    await syncFolder(this.#folder);
  }
}

/** write-file-atomic would follow a symbolic link and write what it points to. */
function refuseLink(path: string): void {
  if (disk.stat(path)?.isSymbolicLink() !== true) return;
  throw new HeddleError(
    'HEDDLE_SESSION_INVALID',
    `${path} is a symbolic link; remove it, a session's files stand in its folder`,
  );
}
