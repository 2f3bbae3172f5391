/** Checks of single option values. Each refuses with the option's name, what was expected and what came. */

import { OptionError } from '../../protocol/errors.js';
import { describe } from '../../protocol/serialized-error.js';
import { nearest } from '../../text/nearest.js';

/** The longest delay that Node's timers can hold; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;
export const MAX_COUNT = 1_000_000;

/** @throws {@link OptionError} */
export function refuseUnknown(options: object, known: readonly string[], where: string, prefix = ''): void {
  if (typeof options !== 'object' || options === null) throw expected(where, 'an object of options', options);
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const guess = nearest(name, known);
    throw new OptionError(
      `${prefix}${name}`,
      `Unknown option \`${prefix}${name}\` of ${where}${guess === undefined ? '' : `; did you mean \`${prefix}${guess}\`?`} Known: ${known.join(', ')}`,
    );
  }
}

export function optional<T, R>(value: T | undefined, check: (value: T) => R): R | undefined {
  return value === undefined ? undefined : check(value);
}

/** @throws {@link OptionError} */
export function integer(option: string, value: unknown, least: number, most: number, or = ''): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw expected(option, `an integer from ${least} to ${most}${or}`, value);
}

/** @throws {@link OptionError} */
export function milliseconds(option: string, value: unknown, least: number): number {
  if (typeof value === 'number' && value >= least && value <= MAX_TIMER_MS) return value;
  throw expected(option, `a number of milliseconds from ${least} to ${MAX_TIMER_MS}`, value);
}

/** @throws {@link OptionError} */
export function oneOf<T extends string>(option: string, value: unknown, choices: readonly T[]): T {
  if (choices.includes(value as T)) return value as T;
  throw expected(option, choices.map((choice) => JSON.stringify(choice)).join(' or '), value);
}

/** @throws {@link OptionError} */
export function callback<T>(option: string, value: T): T {
  if (typeof value === 'function') return value;
  throw expected(option, 'a function', value);
}

export function expected(option: string, expectation: string, value: unknown): OptionError {
  return new OptionError(option, `Expected \`${option}\` to be ${expectation}, got ${describe(value)}`);
}

/** @throws {@link OptionError} */
export function boolean(option: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw expected(option, 'true or false', value);
}
