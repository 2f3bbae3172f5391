/**
 * Where result bytes go: standard output, or a file.
 *
 * A regular file is written under another name in the same folder, synced, and renamed when the run ends: a
 * reader sees either the old content or all of the new. A symbolic link is followed and stays a link; the
 * mode of an existing file is kept. Anything else (a pipe, a device such as /dev/null) is written directly.
 */

import { randomBytes } from 'node:crypto';
import { constants, type Stats, unlinkSync } from 'node:fs';
import { access, type FileHandle, open, realpath, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ClosedPipe, OutputError, systemReason, UsageError } from '../shell/exit-codes.js';
import { type StdoutWrite, stdoutError } from '../shell/shell.js';

/** Takes bytes, one write at a time. */
export interface Target {
  /** Resolves when the bytes are written; the next write may follow then. */
  write(bytes: Buffer): Promise<void>;
  /** Puts the file in place. */
  commit(): Promise<void>;
  /** Leaves no trace. Never rejects. */
  discard(): Promise<void>;
  /** The same, synchronously, for a process that ends now. */
  discardNow(): void;
}

/**
 * Standard output.
 *
 * @param write - the stream's own `write`, where it was replaced
 */
export function stdoutTarget(stream: NodeJS.WriteStream, write: StdoutWrite): Target {
  let failure: Error | undefined;
  // Without a listener a closed pipe would end the process.
  stream.on('error', (error) => {
    failure ??= error;
  });
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) return reject(stdoutError(failure));
        write(bytes, (error) => (error == null ? resolve() : reject(stdoutError(error))));
      }),
    commit: async () => {},
    discard: async () => {},
    discardNow: () => {},
  };
}

/**
 * The file of `-o`, or standard output without one.
 *
 * @param write - writes to standard output, where a command has replaced the stream's own
 * @throws what {@link fileTarget} throws
 */
export async function openTarget(
  output: string | undefined,
  write: StdoutWrite = process.stdout.write.bind(process.stdout),
): Promise<Target> {
  return output === undefined ? stdoutTarget(process.stdout, write) : fileTarget('-o', output);
}

/**
 * Opens a file for results.
 *
 * @param flag - the flag that names the file, for messages
 * @throws UsageError when the folder is missing or the path is a folder
 * @throws OutputError when it cannot be written
 */
export async function fileTarget(flag: string, path: string): Promise<Target> {
  const name = `${flag} ${path}`;
  try {
    const existing = await stat(path).catch(ifMissing);
    if (existing?.isDirectory() === true) throw new UsageError(`${name} is a folder; name a file in it`);
    if (existing?.isFile() === false) return plainTarget(name, await open(path, 'w'));
    // A file that may not be written must not be replaced either, although the folder would allow it.
    if (existing !== undefined) await access(path, constants.W_OK);
    return await replacingTarget(name, existing === undefined ? path : await realpath(path), existing);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    if (isMissing(error))
      throw new UsageError(`${name}: the folder ${dirname(path)} does not exist; make it with mkdir -p`);
    throw outputError(name, error);
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function ifMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}

async function replacingTarget(name: string, place: string, existing: Stats | undefined): Promise<Target> {
  const temporary = join(dirname(place), `.${basename(place)}.${randomBytes(4).toString('hex')}.tmp`);
  const file = await open(temporary, 'wx');
  let isOpen = true;
  const commit = async () => {
    if (existing !== undefined) await file.chmod(existing.mode & 0o7777);
    await file.sync();
    await file.close();
    await rename(temporary, place);
    isOpen = false;
    await syncFolder(dirname(place));
  };
  return {
    write: (bytes) => wrapped(name, writeAll(file, bytes)),
    commit: () => wrapped(name, commit()),
    discard: async () => {
      if (!isOpen) return;
      isOpen = false;
      await file.close().catch(() => {});
      await unlink(temporary).catch(() => {});
    },
    discardNow: () => {
      if (!isOpen) return;
      try {
        unlinkSync(temporary);
      } catch {
        // The process ends now; a file that cannot be removed stays, under its temporary name.
      }
    },
  };
}

function plainTarget(name: string, file: FileHandle): Target {
  return {
    write: (bytes) => wrapped(name, writeAll(file, bytes)),
    commit: () => wrapped(name, file.close()),
    discard: () => file.close().catch(() => {}),
    discardNow: () => {},
  };
}

/** One `write` may take only a part, as on a disk that fills up; the next call then fails with the reason. */
async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let done = 0; done < bytes.length; ) done += (await file.write(bytes, done)).bytesWritten;
}

/** Makes the rename survive a power cut, on file systems that can sync a folder. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => {});
  await folder?.close();
}

async function wrapped(name: string, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE')
      throw new ClosedPipe(`${name} was closed`, { cause: error });
    throw outputError(name, error);
  }
}

function outputError(name: string, error: unknown): OutputError {
  return new OutputError(`${name} cannot be written: ${systemReason(error)}`, { cause: error });
}
