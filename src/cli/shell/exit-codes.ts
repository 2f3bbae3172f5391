/**
 * Exit codes of the command, and the errors that carry them.
 *
 * A signal has no code here: the command ends itself with the signal that it received, so that shells see it.
 */

import type { EndSignal } from './signals.js';

/** How the command ends: with a code, or with the signal that it received. */
export type Ending = { readonly code: number } | { readonly signal: EndSignal };

/** Exit codes. */
export const EXIT = {
  /** Every task succeeded. */
  ok: 0,
  /** At least one task failed. */
  failed: 1,
  /** Wrong usage; nothing was started. */
  usage: 2,
  /** Stopped before the end, nothing failed, some tasks have not run. */
  stopped: 3,
  /** The session is in use by a live run. */
  busy: 6,
  /** The session cannot be continued. */
  unusable: 7,
  /** A bug in heddle. */
  internal: 70,
  /** Output or the session could not be written. */
  output: 74,
} as const;

/** An error that the user can act on: the command prints its message alone and exits with its code. */
export class CommandError extends Error {
  override readonly name: string = 'CommandError';
  readonly exitCode: number;

  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Wrong usage, or input that the user has to fix. */
export class UsageError extends CommandError {
  override readonly name = 'UsageError';

  constructor(message: string, options?: ErrorOptions) {
    super(message, EXIT.usage, options);
  }
}

/** Output, or the session, could not be written. */
export class OutputError extends CommandError {
  override readonly name = 'OutputError';

  constructor(message: string, options?: ErrorOptions) {
    super(message, EXIT.output, options);
  }
}

/** The session is in use, or cannot be continued. */
export class SessionProblem extends CommandError {
  override readonly name = 'SessionProblem';
}

/** The reader of standard output is gone: the command ends without a message, with exit code 0. */
export class ClosedPipe extends Error {
  override readonly name = 'ClosedPipe';
}

/** A signal arrived before the first task started. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** The reason in a system error, without code and call: "no space left on device". */
export function systemReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const words = /^[A-Z0-9_]+: ([^,]+)/.exec(message ?? '')?.[1];
  return words ?? (message || code || String(error));
}
