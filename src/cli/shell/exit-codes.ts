/**
 * Exit codes of the command, and the errors that stand for them inside it.
 *
 * A signal has no code here: the command ends itself with that signal, so that shells see it.
 */

import type { EndSignal } from './signals.js';

/** How the command ends: with a code, or with the signal that it got. */
export type Ending = { readonly code: number } | { readonly signal: EndSignal };

/** What the command exits with. */
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

/** Something that the user has to mend: exit code 2, the message alone and no stack trace. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Output, or the session, could not be written: exit code 74. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
}

/** The session is in use, or cannot be continued: exit code 6 or 7. */
export class SessionProblem extends Error {
  override readonly name = 'SessionProblem';
  readonly exitCode: 6 | 7;

  constructor(message: string, exitCode: 6 | 7, options?: { cause?: unknown }) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The exit code of an error; undefined for one that is a bug. */
export function exitCodeOf(error: unknown): number | undefined {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof OutputError) return EXIT.output;
  return error instanceof SessionProblem ? error.exitCode : undefined;
}

/** Whoever reads standard output has gone away: the run ends without a word. */
export class ClosedPipe extends Error {
  override readonly name = 'ClosedPipe';
}

/** A signal came before the first task started. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** The words of a system error, without its code and call: "no space left on device". */
export function systemReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const words = /^[A-Z0-9_]+: ([^,]+)/.exec(message ?? '')?.[1];
  return words ?? (message || code || String(error));
}
