/**
 * The file operations of a session. One seam, for tests that make the n-th operation fail and for tests that
 * rebuild the disk as a power cut may leave it.
 *
 * Calls that the page cache answers are synchronous: a hop to the thread pool would cost more. Syncs and
 * large reads are asynchronous. Nothing here follows a symbolic link in the last part of a path, and only the
 * owner can read what is created.
 */

import fs, { type Stats } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';

const { O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_RDONLY, O_WRONLY } = fs.constants;
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
const CANNOT_SYNC: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM', 'EINVAL']);

/** The operations. Errors are those of node:fs. */
export const disk = {
  /** Creates a file that must not exist. */
  create: (path: string): number => fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, FILE_MODE),
  openToRead: (path: string): number => fs.openSync(path, O_RDONLY | O_NOFOLLOW),
  close: (fd: number): void => fs.closeSync(fd),
  /** Writes some of the bytes and returns how many. */
  write: (fd: number, bytes: Uint8Array, offset: number, position: number): number =>
    fs.writeSync(fd, bytes, offset, bytes.length - offset, position),
  read: (fd: number, buffer: Uint8Array, position: number): Promise<number> =>
    new Promise((resolve, reject) => {
      fs.read(fd, buffer, 0, buffer.length, position, (error, count) =>
        error === null ? resolve(count) : reject(error),
      );
    }),
  readNow: (fd: number, buffer: Uint8Array, position: number): number =>
    fs.readSync(fd, buffer, 0, buffer.length, position),
  /** The content of the file is on the disk when the promise resolves. */
  syncData: (fd: number): Promise<void> => promisify(fs.fdatasync)(fd),
  sync: (fd: number): Promise<void> => promisify(fs.fsync)(fd),
  /** What is at a path; undefined for nothing. Any other error is thrown. */
  stat: (path: string): Stats | undefined => fs.lstatSync(path, { throwIfNoEntry: false }),
  inodeOf: (fd: number): number => fs.fstatSync(fd).ino,
  sizeOf: (fd: number): number => fs.fstatSync(fd).size,
  /** Gives a file a second name, which must not exist. Of several processes that try, one succeeds. */
  link: (from: string, to: string): void => fs.linkSync(from, to),
  unlink: (path: string): void => fs.unlinkSync(path),
  rename: (from: string, to: string): void => fs.renameSync(from, to),
  /** Makes a folder and its parents. Returns the highest new one; undefined when all existed. */
  makeFolder(path: string): string | undefined {
    try {
      return fs.mkdirSync(path, { recursive: true, mode: FOLDER_MODE });
    } catch (error) {
      // With `recursive`, Node also reports a read-only file system so. Without, it reports the real error.
      if (!isMissing(error)) throw error;
      fs.mkdirSync(path, { mode: FOLDER_MODE });
      return path;
    }
  },
  /** Removes an empty folder. */
  removeFolder: (path: string): void => fs.rmdirSync(path),
  removeTree: (path: string): void => fs.rmSync(path, { recursive: true, force: true }),
  list: (path: string): string[] => fs.readdirSync(path),
};

/** Writes all of the bytes, however many calls it takes. */
export function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let offset = 0; offset < bytes.length; ) {
    const count = disk.write(fd, bytes, offset, position + offset);
    if (count <= 0) throw noSpace();
    offset += count;
  }
}

/** The error for a short write, which some file systems report by a count. */
export function noSpace(): NodeJS.ErrnoException {
  const error = new Error('ENOSPC: no space left on device, write');
  return Object.assign(error, { code: 'ENOSPC', syscall: 'write' });
}

/** The names in the folder are on the disk when the promise resolves. */
export async function syncFolder(path: string): Promise<void> {
  // Windows has no such call and needs none.
  if (process.platform === 'win32') return;
  const fd = disk.openToRead(path);
  try {
    await disk.sync(fd);
  } finally {
    disk.close(fd);
  }
}

/** Makes a folder and its parents. The names of the new ones are on the disk when the promise resolves. */
export async function makeFolderDurably(path: string): Promise<void> {
  const highest = disk.makeFolder(path);
  if (highest === undefined) return;
  const { length } = resolve(highest);
  for (let each = resolve(path); each.length >= length; each = dirname(each)) await syncName(each);
}

/** The name of a folder is on the disk when the promise resolves, if its parent can be synced. */
export async function syncName(path: string): Promise<void> {
  try {
    // The parent may be a symbolic link, or belong to another user.
    await syncFolder(fs.realpathSync(dirname(resolve(path))));
  } catch (error) {
    if (!CANNOT_SYNC.has((error as NodeJS.ErrnoException).code)) throw error;
  }
}

/** Creates a file with this content. Its name is on the disk after `syncFolder`. */
export async function createFile(path: string, bytes: Uint8Array): Promise<void> {
  const fd = disk.create(path);
  try {
    writeAll(fd, bytes, 0);
    await disk.sync(fd);
  } finally {
    disk.close(fd);
  }
}

/** Links a complete file to a new name. Returns false when the name is taken. */
export function linkNew(from: string, to: string): boolean {
  try {
    disk.link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Returns the content of a small file; undefined when there is none. */
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

/** Removes a file, if it exists. */
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
