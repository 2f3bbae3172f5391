/** Turns errors of the file system into errors of heddle: what failed, why, and what to do about it. */

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
  ENOENT: 'the folder has gone; put it back',
};

/**
 * Returns the error for a session that could not be written or read. Errors of heddle are returned unchanged.
 */
export function sessionError(folder: string, error: unknown): HeddleError {
  if (isHeddleError(error)) return error;
  const { code, message, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || !(error instanceof Error)) throw error;
  // `mkdir -p` accepts an existing folder, so what exists there is something else.
  const isInTheWay = code === 'ENOTDIR' || (code === 'EEXIST' && syscall === 'mkdir');
  if (isInTheWay || code === 'ELOOP') {
    const what =
      code === 'ELOOP' ? 'a symbolic link stands where a file should' : 'a file stands where a folder should';
    const text = `The session ${folder} cannot be used: ${what} (${message})`;
    return new HeddleError('HEDDLE_SESSION_INVALID', text, { cause: error });
  }
  const advice = ADVICE[code] ?? message;
  return new HeddleError(
    'HEDDLE_SESSION_WRITE',
    `The session ${folder} cannot be written: ${advice}. What was recorded is kept; fix this and resume`,
    { cause: error },
  );
}
