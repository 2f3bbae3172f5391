/**
 * Where sessions are: names under `.heddle/sessions/` of the working folder, and folders anywhere.
 *
 * A text that has a path separator or starts with a dot is a folder; anything else is a name. A name has no
 * character that could lead out of the folder of sessions, or that a shell would not take literally. A text
 * that looks like a name but leads out (`nightly/../../x`) is refused.
 *
 * The folder of a new session is made with one exclusive `mkdir`, so that two commands that start in the same
 * minute use two names.
 */

import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { basename, isAbsolute, join, resolve } from 'node:path';
import { OutputError, SessionProblem, systemReason, UsageError } from '../../shell/exit-codes.js';

/** A session as the user names it, and where it is. */
export interface SessionPlace {
  /** Its name on a command line. */
  readonly text: string;
  readonly path: string;
}

/** The folder of sessions with a name, in the working folder. */
export const SESSIONS_FOLDER = '.heddle/sessions';
/** How help names a session argument. */
export const SESSION_HELP = 'a name under .heddle/sessions/, or a folder';
const HOME = '.heddle';
/** Advice when sessions cannot be stored there. */
export const ELSEWHERE =
  'name another place with --session <folder>, or run without a session with --no-session';
const FOLDER_MODE = 0o700;
const MAX_NAME = 100;
/** Length of the part of a new session's name that comes from the task. */
const MAX_LABEL = 50;

/** @throws UsageError when the text is neither a name nor a folder */
export function placeOf(text: string, cwd: string): SessionPlace {
  if (isFolder(text)) return { text, path: resolve(cwd, text) };
  const isName = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(text) && text.length <= MAX_NAME;
  if (isName) return { text, path: resolve(cwd, SESSIONS_FOLDER, text) };
  throw new UsageError(
    `"${text}" is not the name of a session: a name has up to ${MAX_NAME} letters, digits, ".", "_" and ` +
      '"-", and begins with a letter or digit; write a folder with a slash, such as ./folder',
  );
}

function isFolder(text: string): boolean {
  if (text.includes('\0')) return false;
  if (text.startsWith('.') || isAbsolute(text)) return true;
  const parts = text.split(process.platform === 'win32' ? /[/\\]/ : '/');
  return parts.length > 1 && !parts.includes('..');
}

/** Makes the folder of named sessions, if the session is one of them, and makes git ignore it. */
export function makeHome({ path }: SessionPlace, cwd: string): void {
  const home = resolve(cwd, HOME);
  if (resolve(path, '..') !== resolve(cwd, SESSIONS_FOLDER)) return;
  try {
    if (tryFolder(home)) writeFileSync(join(home, '.gitignore'), '*\n', { mode: 0o600 });
    tryFolder(resolve(cwd, SESSIONS_FOLDER));
  } catch (error) {
    throw homeError(error);
  }
}

/**
 * Makes the folder of a new session.
 *
 * @param module - path of the task module, which the name ends with
 */
export function makeNew(module: string, cwd: string, now: Date): SessionPlace {
  const name = `${stamp(now)}-${labelOf(module)}`;
  for (let i = 1; ; i++) {
    const text = i === 1 ? name : `${name}-${i}`;
    const place = { text, path: resolve(cwd, SESSIONS_FOLDER, text) };
    makeHome(place, cwd);
    try {
      if (tryFolder(place.path)) return place;
    } catch (error) {
      throw homeError(error);
    }
  }
}

/** Removes the folder of a new session, if it is empty. */
export function removeEmpty({ path }: SessionPlace): void {
  try {
    rmdirSync(path);
  } catch {
    // It is not empty, or no longer exists.
  }
}

/** @returns false when the folder exists already */
function tryFolder(path: string): boolean {
  try {
    mkdirSync(path, { mode: FOLDER_MODE });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function homeError(error: unknown): Error {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOTDIR')
    return new SessionProblem(
      `a file is in the place of the folder ${SESSIONS_FOLDER}; move it, or ${ELSEWHERE}`,
      7,
    );
  return new OutputError(
    `the folder ${SESSIONS_FOLDER} cannot be made: ${systemReason(error)}; ${ELSEWHERE}`,
    {
      cause: error,
    },
  );
}

/** "2026-11-21-0634" */
function stamp(now: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  return `${day}-${two(now.getHours())}${two(now.getMinutes())}`;
}

/** "complexity" of "/path/complexity.task.js" */
function labelOf(module: string): string {
  const name = basename(module).replace(/(?:\.task)?\.[cm]?[jt]sx?$/, '');
  const label = name.replace(/[^A-Za-z0-9._]+/g, '-').slice(0, MAX_LABEL);
  return label.replace(/^[-.]+|[-.]+$/g, '') || 'task';
}

/** Quotes a text so that a shell takes it as one word. */
export function quote(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
