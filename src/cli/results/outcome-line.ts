/**
 * Outcomes as lines of JSON.
 *
 * A value that JSON cannot hold (a bigint, a cycle) does not end the run: the line says `failed` with HEDDLE_OUTPUT. What JSON
 * changes silently (Map, Date, NaN) it changes here as well; undefined becomes null.
 */

import { HeddleError, type Outcome, type OutcomeRecord, serializeError, taskKey } from '../../main/index.js';
import type { BadRow } from '../inputs/feed.js';

/** A line, and the error that made it a failure when the task itself had succeeded. */
export interface OutcomeLine {
  /** Undefined when there is nothing to write. */
  readonly text: string | undefined;
  readonly unwritable: Error | undefined;
}

/** What a line shows. */
export type LineMode = 'outcomes' | 'values';

/**
 * Writes an outcome as a line.
 *
 * @param index - its position in the batch
 */
export function outcomeLine(outcome: Outcome, index: number, mode: LineMode): OutcomeLine {
  if (mode === 'values' && outcome.status !== 'succeeded') return { text: undefined, unwritable: undefined };
  try {
    const text = mode === 'values' ? valueText(outcome) : withIndex(JSON.stringify(outcome), outcome, index);
    return { text, unwritable: undefined };
  } catch (cause) {
    const unwritable = new HeddleError(
      'HEDDLE_OUTPUT',
      `The value cannot be written as JSON: ${firstLine(cause)}; return what JSON can hold`,
    );
    return { text: mode === 'values' ? undefined : failedLine(outcome, index, unwritable), unwritable };
  }
}

/** The line of a row that never became a task. */
export function badRowLine(bad: BadRow, error: Error): string {
  const record: OutcomeRecord = {
    index: bad.index,
    key: taskKey(bad.problem.text === '' ? bad.input : bad.problem.text),
    status: 'failed',
    error: serializeError(error),
    attempts: 0,
    durationMs: 0,
  };
  return JSON.stringify(record);
}

/** The error of a row that never became a task. It carries the row, so that nothing is lost. */
export function badRowError({ place, line, code, problem }: BadRow): Error {
  const column = problem.column === undefined ? '' : `:${problem.column}`;
  const error = new HeddleError(code, `${place}${column}: ${problem.reason}`);
  // The stack would only show where heddle read the row.
  Object.defineProperty(error, 'stack', { value: undefined });
  return Object.assign(error, { line, ...(problem.text !== '' && { text: problem.text }) });
}

function valueText(outcome: Outcome): string {
  const text = outcome.status === 'succeeded' ? JSON.stringify(outcome.value ?? null) : undefined;
  // A function, or an object whose toJSON answers with nothing.
  return text ?? 'null';
}

/** `index` is the first field of a line. */
function withIndex(text: string, outcome: Outcome, index: number): string {
  return index === outcome.index ? text : `{"index":${index}${text.slice(text.indexOf(','))}`;
}

function failedLine(outcome: Outcome, index: number, error: Error): string {
  const { key, attempts, startedAt, durationMs } = outcome;
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
