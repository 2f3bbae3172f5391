/**
 * Schemas of options and of configuration files: from any value to a typed copy, or to a list of problems.
 *
 *   const retry = object({ attempts: withDefault(1, integer(1, 100)), jitter: optional(boolean) });
 *   accept(retry, { attempts: 0 });  // => { problems: [{ path: ['attempts'], expected: 'an integer …' }] }
 *
 * One pass finds all problems. Each field is read once, so the value that was checked is the value that is
 * used, and a getter or a proxy that throws is a problem like any other.
 */

import { nearest } from './nearest.js';

/** Where a value is: names of fields and numbers of elements. */
export type Path = readonly (string | number)[];

/** Returns the value to use, or refuses it. */
export type Schema<T> = (value: unknown, at: Location) => T;

/** What is wrong at a path. The wording is up to the caller. */
export type SchemaProblem = { readonly path: Path; readonly guess?: string | undefined } & (
  | { readonly kind: 'wrong'; readonly expected: string; readonly value: unknown }
  | { readonly kind: 'unknown'; readonly known: readonly string[] }
  | { readonly kind: 'unreadable'; readonly cause: unknown }
);

/** Thrown by a schema whose problem is recorded. */
const REFUSED = new Error('refused');

/** Where a schema looks. It collects the problems. */
export class Location {
  readonly path: Path;
  readonly #problems: SchemaProblem[];

  constructor(path: Path, problems: SchemaProblem[]) {
    this.path = path;
    this.#problems = problems;
  }

  within(part: string | number): Location {
    return new Location([...this.path, part], this.#problems);
  }

  /** @param guess - what was probably meant */
  refuse(expected: string, value: unknown, guess?: string): never {
    this.#problems.push({ kind: 'wrong', path: this.path, expected, value, guess });
    throw REFUSED;
  }

  refuseUnknown(names: readonly string[], known: readonly string[]): void {
    for (const name of names) {
      if (known.includes(name)) continue;
      const path = [...this.path, name];
      this.#problems.push({ kind: 'unknown', path, known, guess: nearest(name, known) });
    }
  }

  /** Applies a schema to what `read` returns. Returns undefined when it is refused. */
  attempt<T>(schema: Schema<T>, read: () => unknown): { readonly accepted: T } | undefined {
    const before = this.#problems.length;
    try {
      const accepted = schema(read(), this);
      return this.#problems.length === before ? { accepted } : undefined;
    } catch (cause) {
      if (cause !== REFUSED) this.#problems.push({ kind: 'unreadable', path: this.path, cause });
      return undefined;
    }
  }

  /** Applies a schema to each entry. Refuses the whole when one of them is refused, after looking at all. */
  all<K extends string | number>(
    entries: Iterable<readonly [K, Schema<unknown>]>,
    read: (key: K) => unknown,
  ): [K, unknown][] {
    const before = this.#problems.length;
    const accepted: [K, unknown][] = [];
    for (const [key, schema] of entries) {
      const result = this.within(key).attempt(schema, () => read(key));
      if (result !== undefined) accepted.push([key, result.accepted]);
    }
    if (this.#problems.length > before) throw REFUSED;
    return accepted;
  }
}

/**
 * Applies a schema.
 *
 * @param path - where the value is, when it is part of a larger one
 */
export function accept<T>(
  schema: Schema<T>,
  value: unknown,
  path: Path = [],
): { readonly accepted: T } | { readonly problems: readonly SchemaProblem[] } {
  const problems: SchemaProblem[] = [];
  return new Location(path, problems).attempt(schema, () => value) ?? { problems };
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
  fields: { readonly [Name in keyof T]-?: Schema<T[Name]> },
  expected = 'an object',
): Schema<T> {
  const known = Object.keys(fields);
  const entries = Object.entries(fields) as [string, Schema<unknown>][];
  return (value, at) => {
    if (!isPlain(value)) return at.refuse(expected, value);
    at.refuseUnknown(Object.keys(value), known);
    return Object.fromEntries(at.all(entries, (name) => value[name])) as T;
  };
}

/** An object with any names, each value of which fits a schema. */
export function record<T>(schema: Schema<T>, expected = 'an object'): Schema<Readonly<Record<string, T>>> {
  return (value, at) => {
    if (!isPlain(value)) return at.refuse(expected, value);
    const entries = Object.keys(value).map((name) => [name, schema] as const);
    return Object.fromEntries(at.all(entries, (name) => value[name])) as Record<string, T>;
  };
}

/** An array, each element of which fits a schema. */
export function list<T>(schema: Schema<T>, expected = 'an array'): Schema<readonly T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) return at.refuse(expected, value);
    const entries = Array.from({ length: value.length }, (_, i) => [i, schema] as const);
    return at.all(entries, (i) => value[i]).map(([, each]) => each as T);
  };
}

/** What may be left out. */
export function optional<T>(schema: Schema<T>): Schema<T | undefined> {
  return (value, at) => (value === undefined ? undefined : schema(value, at));
}

export function withDefault<T>(fallback: NoInfer<T>, schema: Schema<T>): Schema<T> {
  return (value, at) => (value === undefined ? fallback : schema(value, at));
}

/** All defaults of an object of options when it is left out. */
export function orEmpty<T>(schema: Schema<T>): Schema<T> {
  return (value, at) => schema(value === undefined ? {} : value, at);
}

/** Any value, to be checked later. */
export const anything: Schema<unknown> = (value) => value;

/** A value that passes a test. */
export function matching<T>(expected: string, test: (value: unknown) => boolean): Schema<T> {
  return (value, at) => (test(value) ? (value as T) : at.refuse(expected, value));
}

export function number(
  least: number,
  most: number,
  expected = `a number from ${least} to ${most}`,
): Schema<number> {
  return matching(expected, (value) => typeof value === 'number' && value >= least && value <= most);
}

export function integer(
  least: number,
  most: number,
  expected = `an integer from ${least} to ${most}`,
): Schema<number> {
  const isInRange = (value: number) => Number.isInteger(value) && value >= least && value <= most;
  return matching(expected, (value) => typeof value === 'number' && isInRange(value));
}

/** The longest delay that Node's timers can hold; a longer one would fire at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** A duration that a timer can hold. */
export function milliseconds(least: number): Schema<number> {
  return number(least, MAX_TIMER_MS, `a number of milliseconds from ${least} to ${MAX_TIMER_MS}`);
}

export function oneOf<const T extends string>(...choices: readonly T[]): Schema<T> {
  const expected = choices.map((choice) => JSON.stringify(choice)).join(' or ');
  return matching(expected, (value) => choices.includes(value as T));
}

export const text: Schema<string> = matching('a string', (value) => typeof value === 'string');

export const boolean: Schema<boolean> = matching('true or false', (value) => typeof value === 'boolean');

/** True for an object literal and its like: not a list, a date or another instance of a class. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
