/**
 * What ended a command: an error that the user can act on, or a bug in heddle.
 */

import { type HeddleErrorCode, isHeddleError } from '../../main/index.js';
import { clean } from '../../text/shown-text.js';
import { CommandError, type Ending, EXIT, OutputError, SessionProblem, UsageError } from './exit-codes.js';
import type { Messages } from './terminal.js';

const usage = (message: string, options: ErrorOptions) => new UsageError(message, options);
const busy = (message: string, options: ErrorOptions) => new SessionProblem(message, EXIT.busy, options);
const unusable = (message: string, options: ErrorOptions) =>
  new SessionProblem(message, EXIT.unusable, options);

/** The library's errors that are no bugs, as errors of the command. */
const KNOWN: Partial<Record<HeddleErrorCode, (message: string, options: ErrorOptions) => CommandError>> = {
  HEDDLE_INVALID_OPTION: usage,
  HEDDLE_TASK_MODULE_NOT_FOUND: usage,
  HEDDLE_TASK_MODULE_INVALID: usage,
  HEDDLE_TASK_MODULE_LOAD: usage,
  HEDDLE_TYPESCRIPT_UNSUPPORTED: usage,
  HEDDLE_WORKER_START: usage,
  HEDDLE_DUPLICATE_KEY: usage,
  HEDDLE_INVALID_KEY: usage,
  HEDDLE_BAD_INPUT: usage,
  HEDDLE_INPUT_SOURCE: usage,
  HEDDLE_SESSION_BUSY: busy,
  HEDDLE_SESSION_FENCED: busy,
  HEDDLE_SESSION_MISMATCH: unusable,
  HEDDLE_SESSION_FORMAT: unusable,
  HEDDLE_SESSION_DAMAGED: unusable,
  HEDDLE_SESSION_INVALID: unusable,
  HEDDLE_SESSION_NOT_FOUND: unusable,
  HEDDLE_SESSION_WRITE: (message, options) => new OutputError(message, options),
};

/** The error to end the command with; anything but a `CommandError` is a bug. */
export function classify(error: unknown): unknown {
  if (!isHeddleError(error)) return error;
  const { cause } = error;
  if (cause instanceof CommandError) return cause;
  const known = KNOWN[error.code]?.(clean(error.message), { cause });
  if (known === undefined) return error;
  // What --verbose shows: where the user's own code failed.
  known.stack = [error.stack, cause instanceof Error ? `Caused by: ${cause.stack}` : ''].join('\n').trimEnd();
  return known;
}

/** Prints what ended the command, and returns its ending. Throws what is a bug. */
export function reportError(error: unknown, messages: Messages): Ending {
  const known = classify(error);
  if (!(known instanceof CommandError)) throw error;
  const { stack, message, exitCode } = known;
  messages.error(messages.verbosity === 'verbose' ? (stack ?? message) : message);
  return { code: exitCode };
}
