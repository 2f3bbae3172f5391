/**
 * The manifest, `session.json`: what a session is and the state of its runs, for people and for `heddle
 * status`.
 *
 * It is a hint. Everything that matters is in the heads of the journals as well, and a missing or torn
 * manifest is rebuilt from them. It is written whole, under the lock, to a temporary file that is renamed
 * into place. Then it is read again, because write-file-atomic does not notice a short write, and the folder
 * is synced, which write-file-atomic leaves out. `crc` is the CRC-32 of the other fields as compact JSON.
 */

import { join } from 'node:path';
import { HeddleError } from '../protocol/errors.js';
import { checksum } from './checksum.js';
import { disk, noSpace, readSmall, syncFolder } from './disk.js';
import { FORMAT, newerFormat } from './format.js';
import { withLock } from './lock.js';
import { MANIFEST } from './names.js';

/** What a session records. It must be the same in every run. */
export interface Identity {
  /** Random; made with the session. */
  readonly session: string;
  readonly createdAt: string;
  readonly task: TaskFingerprint;
  /** Where keys come from: `hash` for the hash of the input, or the text of the `key` option. */
  readonly keys: string;
  /** What the command needs to run the batch again. */
  readonly command?: unknown;
}

/** The task function that made the outcomes. */
export interface TaskFingerprint {
  /** Path of its module, or the name of an inline function. */
  readonly name: string;
  /** SHA-256 of the module's file, or of the function's text, in hexadecimal. */
  readonly hash: string;
}

/** The state of a run, which it reports about once a second. */
export interface RunState {
  readonly status: 'running' | 'completed' | 'failed' | 'aborted';
  readonly writer: string;
  readonly pid: number;
  readonly host: string;
  readonly startedAt: string;
  readonly updatedAt: string;
  /** Length of the whole batch, if known. */
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
  /** By journal: bytes that are known to be durable. Shows when a journal was cut off or deleted. */
  readonly marks: Readonly<Record<string, number>>;
  /** The newest run of each shard, by `1of1`, `2of8`, … */
  readonly runs: Readonly<Record<string, RunState>>;
}

/** The result of reading the manifest. */
export type ManifestFound =
  | { readonly kind: 'missing' }
  | { readonly kind: 'damaged'; readonly reason: string; readonly bytes: number }
  | { readonly kind: 'sound'; readonly manifest: Manifest };

/** Reads the manifest. @throws {@link HeddleError} HEDDLE_SESSION_FORMAT, and errors of the file system */
export function readManifest(folder: string): ManifestFound {
  const bytes = readSmall(join(folder, MANIFEST));
  if (bytes === undefined) return { kind: 'missing' };
  const damaged = (reason: string) => ({ kind: 'damaged', reason, bytes: bytes.length }) as const;
  let content: Manifest & { readonly crc?: string };
  try {
    content = JSON.parse(bytes.toString()) ?? {};
  } catch (error) {
    return damaged((error as Error).message);
  }
  const { crc, ...manifest } = content;
  if (crc !== undefined && crc !== crcOf(manifest)) return damaged('its checksum is wrong');
  if (typeof manifest.format === 'number' && manifest.format > FORMAT) throw newerFormat(manifest.format);
  return crc === undefined ? damaged('its checksum is missing') : { kind: 'sound', manifest };
}

function crcOf(manifest: Manifest): string {
  return checksum(JSON.stringify(manifest));
}

/** Writes what `change` makes of the manifest, or of an empty one when it cannot be read. */
export function updateManifest(
  folder: string,
  identity: Identity,
  change: (before: Manifest) => Manifest,
): Promise<void> {
  return withLock(folder, async () => {
    const found = readManifest(folder);
    const before =
      found.kind === 'sound' ? found.manifest : { format: FORMAT, identity, marks: {}, runs: {} };
    const path = join(folder, MANIFEST);
    refuseLink(path);
    const manifest = change(before);
    const text = `${JSON.stringify({ ...manifest, crc: crcOf(manifest) }, undefined, 2)}\n`;
    const { default: writeFileAtomic } = await import('write-file-atomic');
    await writeFileAtomic(path, text, { mode: 0o600 });
    // Another process may have written since, so this only checks that what is there is whole.
    if (readManifest(folder).kind !== 'sound') throw noSpace();
    await syncFolder(folder);
  });
}

/** write-file-atomic would follow a symbolic link and write to its target. */
function refuseLink(path: string): void {
  if (disk.stat(path)?.isSymbolicLink() !== true) return;
  throw new HeddleError(
    'HEDDLE_SESSION_INVALID',
    `${path} is a symbolic link; remove it. The files of a session must be in its folder`,
  );
}
