/**
 * What made a command impossible: the user's to mend, the session's state, or a bug in heddle.
 */

import { type HeddleError, type HeddleErrorCode, isHeddleError } from '../../main/index.js';
import { clean } from '../../text/shown-text.js';
import { type Ending, EXIT, exitCodeOf, OutputError, SessionProblem, UsageError } from './exit-codes.js';
import type { Messages } from './terminal.js';

/** Codes of what the user can mend. */
const USAGE: readonly HeddleErrorCode[] = [
  'HEDDLE_INVALID_OPTION',
  'HEDDLE_TASK_MODULE_NOT_FOUND',
  'HEDDLE_TASK_MODULE_INVALID',
  'HEDDLE_TASK_MODULE_LOAD',
  'HEDDLE_TYPESCRIPT_UNSUPPORTED',
  'HEDDLE_WORKER_START',
  'HEDDLE_DUPLICATE_KEY',
  'HEDDLE_INVALID_KEY',
  'HEDDLE_BAD_INPUT',
  'HEDDLE_INPUT_SOURCE',
];

/** Codes that say that somebody else has the session. */
const BUSY: readonly HeddleErrorCode[] = ['HEDDLE_SESSION_BUSY', 'HEDDLE_SESSION_FENCED'];

/** Codes that say that the session cannot be continued. */
const UNUSABLE: readonly HeddleErrorCode[] = [
  'HEDDLE_SESSION_MISMATCH',
  'HEDDLE_SESSION_FORMAT',
  'HEDDLE_SESSION_DAMAGED',
  'HEDDLE_SESSION_INVALID',
  'HEDDLE_SESSION_NOT_FOUND',
];

/** The error to end the command with; one for which `exitCodeOf` has no code is a bug. */
export function classify(error: unknown): unknown {
  if (!isHeddleError(error)) return error;
  const { cause } = error;
  if (exitCodeOf(cause) !== undefined) return cause;
  const known = knownError(error, clean(error.message));
  if (known === undefined) return error;
  // What --verbose shows: where the user's own code failed.
  known.stack = [error.stack, cause instanceof Error ? `Caused by: ${cause.stack}` : ''].join('\n').trimEnd();
  return known;
}

function knownError({ code, cause }: HeddleError, message: string): Error | undefined {
  if (USAGE.includes(code)) return new UsageError(message, { cause });
  if (BUSY.includes(code)) return new SessionProblem(message, EXIT.busy, { cause });
  if (UNUSABLE.includes(code)) return new SessionProblem(message, EXIT.unusable, { cause });
  return code === 'HEDDLE_SESSION_WRITE' ? new OutputError(message, { cause }) : undefined;
}

/** Tells what ended the command, and with which code. Throws what is a bug. */
export function tellError(error: unknown, messages: Messages): Ending {
  const known = classify(error);
  const code = exitCodeOf(known);
  if (code === undefined) throw error;
  const { stack, message } = known as Error;
  messages.error(messages.verbosity === 'verbose' ? (stack ?? message) : message);
  return { code };
}
