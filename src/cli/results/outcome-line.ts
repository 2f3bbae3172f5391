/**
 * Outcomes as lines of JSON.
 *
 * A value that JSON cannot hold (a bigint, a cycle) does not end the run: its line says `failed` with
 * HEDDLE_OUTPUT. Values that JSON changes silently (Map, Date, NaN) are changed here as well; undefined
 * becomes null.
 */

import { HeddleError, type Outcome, type OutcomeRecord, serializeError } from '../../main/index.js';

/** A line, and the error that made it a failure although the task had succeeded. */
export interface OutcomeLine {
  /** Undefined when there is nothing to write. */
  readonly text: string | undefined;
  readonly unwritable: HeddleError | undefined;
}

/** What a line shows. */
export type LineMode = 'outcomes' | 'values';

/** Writes an outcome as a line. */
export function outcomeLine(outcome: Outcome, mode: LineMode): OutcomeLine {
  if (mode === 'values' && outcome.status !== 'succeeded') return { text: undefined, unwritable: undefined };
  try {
    const text = mode === 'values' ? valueText(outcome) : JSON.stringify(outcome);
    return { text, unwritable: undefined };
  } catch (cause) {
    const unwritable = new HeddleError(
      'HEDDLE_OUTPUT',
      `The value cannot be written as JSON: ${firstLine(cause)}; return a value that JSON can hold`,
    );
    return { text: mode === 'values' ? undefined : failedLine(outcome, unwritable), unwritable };
  }
}

function valueText(outcome: Outcome): string {
  const text = outcome.status === 'succeeded' ? JSON.stringify(outcome.value ?? null) : undefined;
  // A function, or an object whose toJSON returns nothing.
  return text ?? 'null';
}

function failedLine(outcome: Outcome, error: Error): string {
  const { index, key, attempts, startedAt, durationMs } = outcome;
  const record: OutcomeRecord = {
    index,
    key,
    status: 'failed',
    error: serializeError(error),
    attempts,
    ...(startedAt !== undefined && { startedAt: new Date(startedAt).toISOString() }),
    durationMs: Math.round(durationMs * 1000) / 1000,
  };
  return JSON.stringify(record);
}

/** "Converting circular structure to JSON": V8 draws the cycle on further lines. */
function firstLine(cause: unknown): string {
  return String((cause as Error)?.message ?? cause).split('\n', 1)[0] as string;
}
