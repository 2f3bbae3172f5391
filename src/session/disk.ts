/**
 * Every file operation of a session goes through here: one seam, for tests that let the n-th operation fail and for
 * those that rebuild the disk as it may be after a power cut.
 *
 * Calls that the page cache answers are synchronous: a hop to the thread pool costs more than they do. Syncs and large reads are not.
 * Nothing here follows a symbolic link in the last part of a path, and what is created is for its owner alone.
 */

import fs, { type Stats } from 'node:fs';
import { dirname, resolve } from 'node:path';

const { O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_RDONLY, O_WRONLY } = fs.constants;
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
const CANNOT_SYNC: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM', 'EINVAL']);

/** The operations. Errors are those of node:fs. */
export const disk = {
  /** Creates a file that must not exist. */
  create(path: string): number {
    return fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, FILE_MODE);
  },
  openToRead(path: string): number {
    return fs.openSync(path, O_RDONLY | O_NOFOLLOW);
  },
  close(fd: number): void {
    fs.closeSync(fd);
  },
  /** Writes some of the bytes and says how many. */
  write(fd: number, bytes: Uint8Array, offset: number, position: number): number {
    return fs.writeSync(fd, bytes, offset, bytes.length - offset, position);
  },
  read(fd: number, buffer: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(fd, buffer, 0, buffer.length, position, (error, count) =>
        error === null ? resolve(count) : reject(error),
      );
    });
  },
  readNow(fd: number, buffer: Uint8Array, position: number): number {
    return fs.readSync(fd, buffer, 0, buffer.length, position);
  },
  truncate(fd: number, length: number): void {
    fs.ftruncateSync(fd, length);
  },
  /** The content of a file is on the disk when this fulfils. */
  syncData(fd: number): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(fd, (error) => (error === null ? resolve() : reject(error)));
    });
  },
  sync(fd: number): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fsync(fd, (error) => (error === null ? resolve() : reject(error)));
    });
  },
  /** What is at a path, or undefined. Other errors than its absence are thrown: they must not be taken for it. */
  stat(path: string): Stats | undefined {
    return fs.lstatSync(path, { throwIfNoEntry: false });
  },
  inodeOf(fd: number): number {
    return fs.fstatSync(fd).ino;
  },
  sizeOf(fd: number): number {
    return fs.fstatSync(fd).size;
  },
  /** Gives a file a second name, which must not exist: of several processes that try, one succeeds. */
  link(from: string, to: string): void {
    fs.linkSync(from, to);
  },
  unlink(path: string): void {
    fs.unlinkSync(path);
  },
  rename(from: string, to: string): void {
    fs.renameSync(from, to);
  },
  /** Makes a folder and those above it. Answers the highest that is new; undefined when none is. */
  makeFolder(path: string): string | undefined {
    try {
      return fs.mkdirSync(path, { recursive: true, mode: FOLDER_MODE });
    } catch (error) {
      // What Node says of a read-only file system when it makes parents as well; without them it tells the truth.
      if (!isMissing(error)) throw error;
      fs.mkdirSync(path, { mode: FOLDER_MODE });
      return path;
    }
  },
  /** Removes a folder that is empty. */
  removeFolder(path: string): void {
    fs.rmdirSync(path);
  },
  removeTree(path: string): void {
    fs.rmSync(path, { recursive: true, force: true });
  },
  list(path: string): string[] {
    return fs.readdirSync(path);
  },
};

/** Writes all of the bytes, however many calls it takes. */
export function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let offset = 0; offset < bytes.length; ) {
    const count = disk.write(fd, bytes, offset, position + offset);
    if (count <= 0) throw noSpace();
    offset += count;
  }
}

/** What a short write means: some file systems say it with a count in place of an error. */
export function noSpace(): NodeJS.ErrnoException {
  const error = new Error('ENOSPC: no space left on device, write');
  return Object.assign(error, { code: 'ENOSPC', syscall: 'write' });
}

/** The names in a folder are on the disk when this fulfils. */
export async function syncFolder(path: string): Promise<void> {
  // Windows has no such call, and needs none.
  if (process.platform === 'win32') return;
  const fd = disk.openToRead(path);
  try {
    await disk.sync(fd);
  } finally {
    disk.close(fd);
  }
}

/** Makes a folder and those above it; the names of those that are new are on the disk when this fulfils. */
export async function makeFolderDurably(path: string): Promise<void> {
  const made = disk.makeFolder(path);
  if (made === undefined) return;
  const { length } = resolve(made);
  for (let each = resolve(path); each.length >= length; each = dirname(each)) await syncName(each);
}

/** The name of a folder is on the disk when this fulfils, as far as the folder above it lets itself be synced. */
export async function syncName(path: string): Promise<void> {
  try {
    // The folder above is not ours: it may be a symbolic link, or closed to us.
    await syncFolder(fs.realpathSync(dirname(resolve(path))));
  } catch (error) {
    if (!CANNOT_SYNC.has((error as NodeJS.ErrnoException).code)) throw error;
  }
}

/** Creates a file with this content, on the disk under its own name only once `syncFolder` was called. */
export async function createFile(path: string, bytes: Uint8Array): Promise<void> {
  const fd = disk.create(path);
  try {
    writeAll(fd, bytes, 0);
    await disk.sync(fd);
  } finally {
    disk.close(fd);
  }
}

/** The content of a small file; undefined when there is none. */
export function readSmall(path: string): Buffer | undefined {
  let fd: number;
  try {
    fd = disk.openToRead(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const parts: Buffer[] = [];
    for (let position = 0; ; ) {
      const part = Buffer.alloc(65_536);
      const count = disk.readNow(fd, part, position);
      if (count === 0) return Buffer.concat(parts);
      parts.push(part.subarray(0, count));
      position += count;
    }
  } finally {
    disk.close(fd);
  }
}

/** Removes a file that may be gone already. */
export function removeIfThere(path: string): void {
  try {
    disk.unlink(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** True for the error of a path that does not exist. */
export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}
