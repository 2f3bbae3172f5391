/**
 * A disk that is recorded while a session works on it, and rebuilt as a power cut may leave it.
 *
 * Records calls of the seam `disk` (src/session/disk.ts). Data that was not synced may be there, missing,
 * zeros, or torn at 512 bytes. Each name that was not synced may be there or not. session.json and the locks
 * do not use the seam, so a rebuilt disk has none. The folder's sync after session.json is ignored, because
 * session.json is a hint.
 */

import fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { disk } from '../../src/session/disk.js';
import { dice } from './session-lives.js';

const SECTOR = 512;
const original = { ...disk };

/** Undoes every change to the seam. */
export function restoreDisk(): void {
  Object.assign(disk, original);
}

export type DataPolicy = 'none' | 'all' | 'zeros' | 'torn';
export type NamePolicy = 'none' | 'all' | 'some';

/** How much of what was not synced is there. */
export interface Policy {
  readonly data: DataPolicy;
  readonly names: NamePolicy;
  readonly seed: number;
}

interface Write {
  readonly kind: 'write';
  readonly inode: number;
  readonly position: number;
  readonly bytes: Buffer;
}
type Naming =
  | { readonly kind: 'set'; readonly name: string; readonly inode: number }
  | { readonly kind: 'delete'; readonly name: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string; readonly inode: number }
  | { readonly kind: 'folder' };
/** A sync covers what was done before it was called, and counts when it has resolved. */
type Operation =
  | Write
  | Naming
  | { readonly kind: 'sync'; readonly inode: number; readonly upTo: number; readonly by: string }
  | { readonly kind: 'sync names'; readonly upTo: number; readonly by: string }
  | { readonly kind: 'sync parent'; readonly upTo: number; readonly by: string }
  | { readonly kind: 'note'; readonly apply: (known: Known) => void };

/** What the test knows of a session at some moment. */
export class Known {
  /** By key: the values that may be found: the last one acknowledged, and those recorded since. */
  readonly values = new Map<string, unknown[]>();
  readonly acknowledged = new Set<string>();
  /** Ids of attempts that are acknowledged to have begun, and have no outcome. */
  readonly started = new Set<string>();
}

/** The file of src/session that asked for a sync, above disk.ts. */
function caller(): string {
  const lines = (new Error().stack ?? '').split('\n');
  const found = lines
    .map((line) => /src\/session\/([a-z-]+)\.ts/.exec(line)?.[1])
    .find((name) => name !== undefined && name !== 'disk');
  return found ?? 'unknown';
}

/** Records what happens to one folder. */
export class DiskRecorder {
  readonly operations: Operation[] = [];
  /** Syncs of data never resolve, as in a process that is killed meanwhile. */
  isStuck = false;
  readonly #folder: string;
  readonly #inodes = new Map<string, number>();
  readonly #open = new Map<number, number | 'folder' | 'parent'>();
  #next = 1;

  constructor(folder: string) {
    this.#folder = folder;
  }

  note(apply: (known: Known) => void): void {
    this.operations.push({ kind: 'note', apply });
  }

  install(): void {
    const { operations } = this;
    const isHere = (path: string) => dirname(path) === this.#folder;
    Object.assign(disk, {
      create: (path: string) => {
        const fd = original.create(path);
        if (isHere(path)) {
          const inode = this.#next++;
          this.#inodes.set(basename(path), inode);
          this.#open.set(fd, inode);
          operations.push({ kind: 'set', name: basename(path), inode });
        }
        return fd;
      },
      openToRead: (path: string) => {
        const fd = original.openToRead(path);
        const inode = this.#inodes.get(basename(path));
        if (path === this.#folder) this.#open.set(fd, 'folder');
        else if (path === dirname(this.#folder)) this.#open.set(fd, 'parent');
        else if (isHere(path) && inode !== undefined) this.#open.set(fd, inode);
        return fd;
      },
      close: (fd: number) => {
        this.#open.delete(fd);
        original.close(fd);
      },
      write: (fd: number, bytes: Uint8Array, offset: number, position: number) => {
        const count = original.write(fd, bytes, offset, position);
        const inode = this.#open.get(fd);
        if (typeof inode === 'number') {
          const written = Buffer.from(bytes.subarray(offset, offset + count));
          operations.push({ kind: 'write', inode, position, bytes: written });
        }
        return count;
      },
      syncData: (fd: number) => this.#sync(fd, original.syncData),
      sync: (fd: number) => this.#sync(fd, original.sync),
      link: (from: string, to: string) => {
        original.link(from, to);
        const inode = this.#inodes.get(basename(from)) as number;
        this.#inodes.set(basename(to), inode);
        operations.push({ kind: 'set', name: basename(to), inode });
      },
      unlink: (path: string) => {
        original.unlink(path);
        if (!isHere(path)) return;
        this.#inodes.delete(basename(path));
        operations.push({ kind: 'delete', name: basename(path) });
      },
      rename: (from: string, to: string) => {
        original.rename(from, to);
        const inode = this.#inodes.get(basename(from)) as number;
        this.#inodes.delete(basename(from));
        this.#inodes.set(basename(to), inode);
        operations.push({ kind: 'rename', from: basename(from), to: basename(to), inode });
      },
      makeFolder: (path: string) => {
        const isNew = path === this.#folder && !fs.existsSync(path);
        const made = original.makeFolder(path);
        if (isNew) operations.push({ kind: 'folder' });
        return made;
      },
    } satisfies Partial<typeof disk>);
  }

  async #sync(fd: number, sync: (fd: number) => Promise<void>): Promise<void> {
    const target = this.#open.get(fd);
    const upTo = this.operations.length;
    const by = caller();
    if (this.isStuck && by === 'journal') await new Promise(() => {});
    await sync(fd);
    if (target === 'folder') this.operations.push({ kind: 'sync names', upTo, by });
    else if (target === 'parent') this.operations.push({ kind: 'sync parent', upTo, by });
    else if (target !== undefined) this.operations.push({ kind: 'sync', inode: target, upTo, by });
  }
}

/** A kind of sync to ignore: what it syncs, and the file that asks for it. */
export interface LeftOut {
  readonly kind: 'sync' | 'sync names' | 'sync parent';
  readonly by: string;
}

/** What is known and what is on the disk after `count` operations; no files when the folder is not there. */
// biome-ignore lint/complexity/noExcessiveCognitiveComplexity: the model of a disk is one list of cases
export function crashState(
  operations: readonly Operation[],
  count: number,
  policy: Policy,
  leftOut?: LeftOut,
): { readonly files: Map<string, Buffer> | undefined; readonly known: Known } {
  const known = new Known();
  const syncedTo = new Map<number, number>();
  let namesTo = 0;
  let parentTo = 0;
  for (let i = 0; i < count; i++) {
    const operation = operations[i] as Operation;
    if (operation.kind === 'note') operation.apply(known);
    const isLeftOut =
      leftOut !== undefined &&
      'by' in operation &&
      operation.kind === leftOut.kind &&
      operation.by === leftOut.by;
    if (isLeftOut) continue;
    if (operation.kind === 'sync') syncedTo.set(operation.inode, operation.upTo);
    if (operation.kind === 'sync names' && operation.by !== 'manifest') namesTo = operation.upTo;
    if (operation.kind === 'sync parent') parentTo = operation.upTo;
  }
  const roll = dice(policy.seed + count);
  const names = new Map<string, number>();
  const contents = new Map<number, Buffer>();
  let isThere = true;
  for (let i = 0; i < count; i++) {
    const operation = operations[i] as Operation;
    if (operation.kind === 'write') {
      const isSynced = i < (syncedTo.get(operation.inode) ?? 0);
      const before = contents.get(operation.inode) ?? Buffer.alloc(0);
      contents.set(operation.inode, written(before, operation, isSynced ? 'all' : policy.data, roll));
      continue;
    }
    if (operation.kind === 'folder') {
      isThere = i < parentTo || policy.names === 'all' || (policy.names === 'some' && roll() < 0.5);
      continue;
    }
    const isNamed = i < namesTo || policy.names === 'all' || (policy.names === 'some' && roll() < 0.5);
    if (!isNamed) continue;
    if (operation.kind === 'set') names.set(operation.name, operation.inode);
    if (operation.kind === 'delete') names.delete(operation.name);
    if (operation.kind === 'rename') {
      names.delete(operation.from);
      names.set(operation.to, operation.inode);
    }
  }
  if (!isThere) return { files: undefined, known };
  const files = new Map<string, Buffer>();
  for (const [name, inode] of names) files.set(name, contents.get(inode) ?? Buffer.alloc(0));
  return { files, known };
}

function written(before: Buffer, { position, bytes }: Write, data: DataPolicy, roll: () => number): Buffer {
  if (data === 'none') return before;
  const after = Buffer.alloc(Math.max(before.length, position + bytes.length));
  before.copy(after);
  if (data === 'all') bytes.copy(after, position);
  if (data !== 'torn') return after;
  // Of the sectors of a write each may be missing, or one, or the first ones.
  const how = Math.floor(roll() * 3);
  const hole = Math.floor(roll() * bytes.length);
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, (Math.floor((position + at) / SECTOR) + 1) * SECTOR - position);
    const isThere = how === 0 ? roll() < 0.5 : how === 1 ? hole < at || hole >= end : end > hole;
    if (isThere) bytes.copy(after, position + at, at, end);
    at = end;
  }
  if (how > 0) return after;
  // The size is metadata, and may be older than the data.
  return roll() < 0.3
    ? after.subarray(0, Math.max(before.length, position + Math.floor(roll() * bytes.length)))
    : after;
}

/** Puts the files of a state into a folder, in place of what is there. */
export function lay(folder: string, files: ReadonlyMap<string, Buffer>): void {
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of files) fs.writeFileSync(join(folder, name), bytes);
}
