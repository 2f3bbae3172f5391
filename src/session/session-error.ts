/**
 * Errors of the file system, in the words of heddle: what could not be done, why, and what to do about it.
 */

import { HeddleError, isHeddleError } from '../protocol/errors.js';

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'there is no space left on the device; free some',
  EDQUOT: 'the disk quota is used up; free some space',
  EACCES: 'permission is denied; check who owns the folder and its mode',
  EPERM: 'permission is denied; check who owns the folder and its mode',
  EROFS: 'the file system is read-only; use a folder on another one',
  EMFILE: 'too many files are open; raise the limit (ulimit -n)',
  ENFILE: 'too many files are open on this machine',
  EIO: 'the disk reported an error; check its health',
  ENAMETOOLONG: 'the name is too long; use a shorter one',
  ENOENT: 'the folder is not there any more; put it back',
};

/** The error of a session that could not be written or read, with what to do. Errors of heddle stay as they are. */
export function sessionError(folder: string, error: unknown): HeddleError {
  if (isHeddleError(error)) return error;
  const { code, message, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || !(error instanceof Error)) throw error;
  // A folder that is there already is no error of mkdir -p: what stands there is something else.
  const isInTheWay = code === 'ENOTDIR' || (code === 'EEXIST' && syscall === 'mkdir');
  if (isInTheWay || code === 'ELOOP') {
    const what =
      code === 'ELOOP' ? 'a symbolic link stands where a file should' : 'a file stands where a folder should';
    return new HeddleError(
      'HEDDLE_SESSION_INVALID',
      `The session ${folder} cannot be used: ${what} (${message})`,
      {
        cause: error,
      },
    );
  }
  const advice = ADVICE[code] ?? message;
  return new HeddleError(
    'HEDDLE_SESSION_WRITE',
    `The session ${folder} cannot be written: ${advice}. What was recorded is kept; resume when that is mended`,
    { cause: error },
  );
}
