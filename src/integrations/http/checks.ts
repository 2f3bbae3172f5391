/** What the schemas of services share: values as YAML writes them, and the wording of problems. */

import { OptionError } from '../../main/index.js';
import { parseDuration } from '../../text/durations.js';
import { nearest } from '../../text/nearest.js';
import {
  accept,
  integer,
  list,
  MAX_TIMER_MS,
  matching,
  record,
  type Schema,
  type SchemaProblem,
  shownPath,
} from '../../text/schema.js';

/** A key that may be left out, or have no value. */
export function maybe<T>(schema: Schema<T>): Schema<T | undefined> {
  return (value, at) => (value === undefined || value === null ? undefined : schema(value, at));
}

/** A text that is not empty. */
export const text: Schema<string> = matching(
  'a text',
  (value) => typeof value === 'string' && value.trim() !== '',
);

/** Texts by name, such as headers. Numbers and booleans become texts. */
export const texts: Schema<Readonly<Record<string, string>>> = record((value, at) => {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : at.refuse('a text', value);
}, 'an object of texts');

export function listOf<T>(schema: Schema<T>): Schema<readonly T[]> {
  return list(schema, 'a list');
}

/** One of some words, in upper or lower case. */
export function word<const T extends string>(...words: readonly T[]): Schema<T> {
  return (value, at) => {
    const given = String(value).toLowerCase();
    const found = words.find((each) => each.toLowerCase() === given);
    const guess = typeof value === 'string' ? nearest(value, words) : undefined;
    return found ?? at.refuse(`one of ${words.join(', ')}`, value, guess);
  };
}

export function whole(least: number, most: number): Schema<number> {
  return integer(least, most, `a whole number from ${least} to ${most}`);
}

/** Milliseconds, or a duration such as `30s`. */
export function duration(leastMs: number): Schema<number> {
  return (value, at) => {
    const ms = typeof value === 'string' ? parseDuration(value) : value;
    if (typeof ms === 'number' && ms >= leastMs && ms <= MAX_TIMER_MS) return ms;
    return at.refuse('milliseconds, or a duration such as 30s', value);
  };
}

/** "expected "rateLimits.concurrency" to be …" */
export function problemText({ path, guess, ...problem }: SchemaProblem, root = 'the service'): string {
  const name = path.length === 0 ? root : `"${shownPath(path)}"`;
  const hint = guess === undefined ? '' : `; did you mean "${guess}"?`;
  if (problem.kind === 'unknown') return `unknown key ${name}${hint} (known: ${problem.known.join(', ')})`;
  if (problem.kind === 'unreadable') return `${name} cannot be read: ${String(problem.cause)}`;
  const { expected, value } = problem;
  if ((value === undefined || value === null) && typeof path.at(-1) === 'string') return `${name} is missing`;
  // A secret under the wrong key must not appear in a message.
  const isSecret = path.includes('authentication') || path.includes('headers');
  const came = isSecret && typeof value === 'string' ? 'another text' : shown(value);
  return `expected ${name} to be ${expected}, got ${came}${hint}`;
}

/**
 * Checks the options of a function.
 *
 * @throws OptionError for the first problem
 */
export function checkOptions<T>(schema: Schema<T>, options: unknown): T {
  const result = accept(schema, options);
  if ('accepted' in result) return result.accepted;
  const [problem] = result.problems as readonly [SchemaProblem];
  const option = shownPath(problem.path) || 'options';
  throw new OptionError(
    option,
    `The option \`${option}\` cannot be used: ${problemText(problem, 'the options')}`,
  );
}

/** A value in a few characters. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

/** "api.yaml:12: …" */
export function placed(place: string, message: string): string {
  return place === '' ? message : `${place}: ${message}`;
}
