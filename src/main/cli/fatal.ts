/**
 * What made a run impossible: the user's to mend, or a bug in heddle.
 */

import { type HeddleErrorCode, isHeddleError } from '../index.js';
import { OutputError, UsageError } from './exit-codes.js';
import { clean } from './terminal.js';

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

/** The error to end the command with; what is no UsageError or OutputError is a bug. */
export function classify(error: unknown): unknown {
  if (!isHeddleError(error)) return error;
  const { cause } = error;
  if (cause instanceof UsageError || cause instanceof OutputError) return cause;
  if (!USAGE.includes(error.code)) return error;
  const usage = new UsageError(clean(error.message), { cause });
  // What --verbose shows: where the user's own code failed.
  usage.stack = [error.stack, cause instanceof Error ? `Caused by: ${cause.stack}` : ''].join('\n').trimEnd();
  return usage;
}
