/**
 * Checks of configuration: from whatever a file holds to a typed value, or a list of problems that name place and key.
 *
 * A check never throws. It tells the checker what is wrong and answers undefined, so that one reading finds every problem of a file.
 */

import { nearest } from '../../text/nearest.js';

/** Where a value stands: names of keys, numbers of elements. */
export type Path = readonly (string | number)[];

/** Looks at a value; undefined when it cannot be used. */
export type Check<T> = (value: unknown, path: Path, checker: Checker) => T | undefined;

/** Collects what is wrong with a configuration. */
export class Checker {
  readonly problems: string[] = [];
  readonly #place: (path: Path) => string;

  /** @param place - "api.yaml:12", or nothing for a value that stands in no file */
  constructor(place: (path: Path) => string) {
    this.#place = place;
  }

  add(path: Path, message: string): undefined {
    const place = this.#place(path);
    this.problems.push(`${place === '' ? '' : `${place}: `}${message}`);
    return undefined;
  }
}

/** "endpoints[2].method" */
export function shownPath(path: Path): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  );
}

/** An object with these fields and no others. */
export function object<T extends object>(
  fields: { readonly [Name in keyof T]-?: Check<NonNullable<T[Name]>> },
  required: readonly (keyof T & string)[],
): Check<T> {
  const known = Object.keys(fields);
  return (value, path, checker) => {
    if (!isPlain(value)) return wrong(checker, path, 'an object', value);
    for (const name of Object.keys(value)) {
      if (known.includes(name)) continue;
      const guess = nearest(name, known);
      checker.add(
        [...path, name],
        `unknown key "${shownPath([...path, name])}"${guess === undefined ? '' : `; did you mean "${guess}"?`} (known: ${known.join(', ')})`,
      );
    }
    for (const name of required) {
      if (value[name] === undefined || value[name] === null)
        checker.add(path, `"${shownPath([...path, name])}" is missing`);
    }
    const checked: [string, unknown][] = [];
    for (const [name, check] of Object.entries(fields) as [string, Check<unknown>][]) {
      const field = value[name];
      if (field === undefined || field === null) continue;
      const result = check(field, [...path, name], checker);
      if (result !== undefined) checked.push([name, result]);
    }
    return Object.fromEntries(checked) as T;
  };
}

/** A list, each element of which passes a check. */
export function list<T>(check: Check<T>): Check<readonly T[]> {
  return (value, path, checker) => {
    if (!Array.isArray(value)) return wrong(checker, path, 'a list', value);
    return value.map((each, i) => check(each, [...path, i], checker) as T);
  };
}

/** An object of texts, such as headers. Numbers and booleans become texts. */
export const texts: Check<Readonly<Record<string, string>>> = (value, path, checker) => {
  if (!isPlain(value)) return wrong(checker, path, 'an object of texts', value);
  const pairs = Object.entries(value).map(([name, each]) => {
    if (typeof each === 'number' || typeof each === 'boolean') return [name, String(each)];
    return [name, typeof each === 'string' ? each : wrong(checker, [...path, name], 'a text', each)];
  });
  return Object.fromEntries(pairs);
};

/** An object of anything. */
export const values: Check<Readonly<Record<string, unknown>>> = (value, path, checker) =>
  isPlain(value) ? value : wrong(checker, path, 'an object', value);

/** A text that is not empty. */
export const text: Check<string> = (value, path, checker) =>
  typeof value === 'string' && value.trim() !== '' ? value : wrong(checker, path, 'a text', value);

export const flag: Check<boolean> = (value, path, checker) =>
  typeof value === 'boolean' ? value : wrong(checker, path, 'true or false', value);

/** One of some words; upper and lower case do not matter. */
export function oneOf<T extends string>(...choices: readonly T[]): Check<T> {
  return (value, path, checker) => {
    const found = choices.find((choice) => choice.toLowerCase() === String(value).toLowerCase());
    if (found !== undefined) return found;
    const guess = typeof value === 'string' ? nearest(value, choices) : undefined;
    return wrong(
      checker,
      path,
      `one of ${choices.join(', ')}`,
      value,
      guess === undefined ? '' : `; did you mean "${guess}"?`,
    );
  };
}

/** A number in a range. */
export function number(least: number, most: number, isWhole = true): Check<number> {
  return (value, path, checker) =>
    typeof value === 'number' && value >= least && value <= most && (!isWhole || Number.isInteger(value))
      ? value
      : wrong(checker, path, `${isWhole ? 'a whole number' : 'a number'} from ${least} to ${most}`, value);
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** The longest delay that Node's timers can hold. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Milliseconds, or a duration such as `30s`. */
export function duration(leastMs: number): Check<number> {
  return (value, path, checker) => {
    const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)$/.exec(value.trim()) : null;
    const ms = match === null ? value : Number(match[1]) * (UNITS[match[2] as string] as number);
    if (typeof ms === 'number' && ms >= leastMs && ms <= MAX_TIMER_MS) return ms;
    return wrong(checker, path, 'milliseconds, or a duration such as 30s', value);
  };
}

/** An object that was written as such, not a list, a date or the like. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** What came, in a few characters. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return `${String(value)}`;
}

function wrong(checker: Checker, path: Path, expectation: string, value: unknown, more = ''): undefined {
  // A secret that was put under the wrong key must not appear in a message.
  const isSecret = path.includes('authentication') || path.includes('headers');
  const came = isSecret && typeof value === 'string' ? 'another text' : shown(value);
  return checker.add(path, `expected "${shownPath(path)}" to be ${expectation}, got ${came}${more}`);
}
