/** Options are checked by schemas. What a schema refuses becomes an {@link OptionError}. */

import { resolve } from 'node:path';
import { OptionError } from '../../protocol/errors.js';
import { describe } from '../../protocol/serialized-error.js';
import {
  accept,
  integer,
  matching,
  milliseconds,
  number,
  oneOf,
  type Path,
  type Schema,
  type SchemaProblem,
  shownPath,
  withDefault,
} from '../../text/schema.js';

export const MAX_COUNT = 1_000_000;

/**
 * Checks options and fills in defaults.
 *
 * @param owner - what the options are of, such as `run`
 * @param path - where the value is among these options; empty for all of them
 * @throws {@link OptionError} for the first problem
 */
export function resolveWith<T>(schema: Schema<T>, value: unknown, owner: string, path: Path = []): T {
  const result = accept(schema, value, path);
  if ('accepted' in result) return result.accepted;
  throw optionError(result.problems[0] as SchemaProblem, owner);
}

function optionError(problem: SchemaProblem, owner: string): OptionError {
  const { path, guess } = problem;
  const option = shownPath(path) || owner;
  switch (problem.kind) {
    case 'wrong': {
      const hint = guess === undefined ? '' : `; did you mean "${guess}"?`;
      const came = describe(problem.value);
      return new OptionError(option, `Expected \`${option}\` to be ${problem.expected}, got ${came}${hint}`);
    }
    case 'unknown': {
      const parent = shownPath(path.slice(0, -1));
      const hint =
        guess === undefined ? '.' : `; did you mean \`${shownPath([...path.slice(0, -1), guess])}\`?`;
      const known = problem.known.join(', ');
      return new OptionError(
        option,
        `Unknown option \`${option}\` of ${parent || owner}${hint} Known: ${known}`,
      );
    }
    case 'unreadable':
      return new OptionError(
        option,
        `Expected \`${option}\` to be readable, got an error: ${describe(problem.cause)}`,
      );
  }
}

export function integerOrAuto(least: number, most: number): Schema<number | 'auto'> {
  const schema = integer(least, most, `an integer from ${least} to ${most} or "auto"`);
  return (value, at) => (value === 'auto' ? value : schema(value, at));
}

export function callback<F>(): Schema<F> {
  return matching('a function', (value) => typeof value === 'function');
}

/** The path of a folder, made absolute. */
export const folder: Schema<string> = (value, at) =>
  typeof value === 'string' && value !== '' && !value.includes('\0')
    ? resolve(value)
    : at.refuse('the path of a folder', value);

export const abortSignal: Schema<AbortSignal> = matching(
  'an AbortSignal',
  (value) => value instanceof AbortSignal,
);

/** Plain JSON, copied. */
export const json: Schema<unknown> = (value, at) => {
  try {
    const written = JSON.stringify(value);
    return written === undefined ? undefined : JSON.parse(written);
  } catch {
    return at.refuse('plain JSON', value);
  }
};

/** The fields that the retry options of runs and of lanes share. */
export const retryFields = (attempts: number, backoffMs: number) => ({
  attempts: withDefault(attempts, integer(1, MAX_COUNT)),
  backoffMs: withDefault(backoffMs, milliseconds(0)),
  factor: withDefault(2, number(1, 100)),
  maxDelayMs: withDefault(30_000, milliseconds(0)),
  jitter: withDefault('full', oneOf('full', 'none')),
});
