/**
 * Any value as plain data: a copy that survives structured clone and JSON alike, for the fields of errors.
 *
 * | value                                  | copy                                                         |
 * |----------------------------------------|--------------------------------------------------------------|
 * | Map with string keys, other Map        | object, array of `[key, value]` pairs                        |
 * | Headers                                | object                                                       |
 * | Set, typed array, ArrayBuffer          | array                                                        |
 * | URL, URLSearchParams, RegExp           | its text                                                     |
 * | Date                                   | ISO 8601                                                     |
 * | NaN, Infinity                          | 'NaN', 'Infinity'                                            |
 * | error                                  | 'name: message'                                              |
 * | bigint, function, symbol, instance without fields | a description                                     |
 *
 * Nothing here throws, whatever the getters and proxies of the value do. Limits apply to one error as a whole
 * (see {@link SizeBudget}) and to each object: 100 entries, 4 levels. What is left out says so.
 */

const MAX_DEPTH = 4;
const MAX_ENTRIES = 100;
/** Longest single text. */
const MAX_TEXT = 64 * 1024;

/** What may still be copied. */
export class SizeBudget {
  /** Characters of names, messages and stacks of all errors of one tree. */
  text = 1024 * 1024;
  /** Errors of one tree. */
  errors = 1000;
  /** Characters of all fields. */
  fieldText = 8 * 1024 * 1024;
  /** Fields and elements. */
  entries = 100_000;

  /** A text of an error, cut to the budget. */
  cut(value: string): string {
    const kept = shortened(value, Math.min(MAX_TEXT, this.text));
    this.text = Math.max(0, this.text - kept.length);
    return kept;
  }

  /** A text of a field, cut to the budget. */
  cutField(value: string): string {
    const kept = shortened(value, Math.min(MAX_TEXT, this.fieldText));
    this.fieldText = Math.max(0, this.fieldText - kept.length);
    return kept;
  }
}

function shortened(value: string, most: number): string {
  return value.length <= most ? value : `${value.slice(0, most)}… [${value.length - most} characters cut]`;
}

/** Copies one field or cause. */
export function plainCopy(value: unknown, budget: SizeBudget, above: readonly object[] = []): unknown {
  try {
    return copied(value, budget, above);
  } catch {
    // A proxy may throw on any access.
    return '[unreadable]';
  }
}

/** Copies the named fields of the last object of `above`. Undefined ones are left out. */
export function plainFields(
  names: readonly string[],
  budget: SizeBudget,
  above: readonly object[],
): Record<string, unknown> {
  const target = above.at(-1) as object;
  return copiedObject(names, names.length, (name) => read(target, name), budget, above);
}

function copied(value: unknown, budget: SizeBudget, above: readonly object[]): unknown {
  if (typeof value === 'string') return budget.cutField(value);
  if (value === null || typeof value === 'boolean' || value === undefined) return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value !== 'object') return describe(value);
  if (above.includes(value)) return '[circular]';
  const text = textOf(value);
  if (text !== undefined) return budget.cutField(text);
  if (above.length >= MAX_DEPTH) return `[${describe(value)}, too deep]`;
  return copiedContent(value, budget, [...above, value]);
}

/** The text that says everything about the value, if there is one. */
function textOf(value: object): string | undefined {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof RegExp || value instanceof URL || value instanceof URLSearchParams)
    return String(value);
  if (isError(value)) return `${textOr(read(value, 'name'), 'Error')}: ${textOr(read(value, 'message'), '')}`;
  return undefined;
}

function copiedContent(value: object, budget: SizeBudget, above: readonly object[]): unknown {
  if (value instanceof Number || value instanceof String || value instanceof Boolean)
    return copied(value.valueOf(), budget, above);
  const list = listOf(value);
  if (list !== undefined) return copiedList(list, list.length, budget, above);
  if (value instanceof Set) return copiedList(value, value.size, budget, above);
  if (value instanceof Map) return copiedMap(value, budget, above);
  if (Object.prototype.toString.call(value) === '[object Headers]')
    return copiedMap(new Map(firstOf(value as Headers)), budget, above);
  const names = keysOf(value);
  return names.length === 0 && !isPlain(value) ? describe(value) : plainFields(names, budget, above);
}

function listOf(value: object): readonly unknown[] | Uint8Array | undefined {
  if (Array.isArray(value)) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (value instanceof DataView) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return ArrayBuffer.isView(value) ? (value as Uint8Array) : undefined;
}

function firstOf<Element>(list: Iterable<Element>): Element[] {
  const first: Element[] = [];
  for (const each of list) if (first.push(each) > MAX_ENTRIES) break;
  return first;
}

function copiedMap(
  value: ReadonlyMap<unknown, unknown>,
  budget: SizeBudget,
  above: readonly object[],
): unknown {
  const names: string[] = [];
  for (const name of value.keys()) {
    if (typeof name !== 'string') return copiedList(value, value.size, budget, above);
    if (names.push(name) === MAX_ENTRIES) break;
  }
  return copiedObject(names, value.size, (name) => value.get(name), budget, above);
}

function copiedList(
  list: Iterable<unknown>,
  length: number,
  budget: SizeBudget,
  above: readonly object[],
): unknown[] {
  const copy: unknown[] = [];
  if (length === 0) return copy;
  for (const each of list) {
    if (copy.length >= MAX_ENTRIES || budget.entries <= 0 || budget.fieldText <= 0) break;
    budget.entries--;
    copy.push(plainCopy(each, budget, above) ?? null);
  }
  if (copy.length < length) copy.push(`… ${length - copy.length} more left out`);
  return copy;
}

function copiedObject(
  names: readonly string[],
  length: number,
  get: (name: string) => unknown,
  budget: SizeBudget,
  above: readonly object[],
): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  let count = 0;
  for (const name of names) {
    if (count >= MAX_ENTRIES || budget.entries <= 0 || name.length > budget.fieldText) break;
    count++;
    budget.entries--;
    budget.fieldText -= name.length;
    const field = plainCopy(get(name), budget, above);
    // Assigning to __proto__ would set the prototype.
    if (field !== undefined && name !== '__proto__') copy[name] = field;
  }
  if (count < length) copy['…'] = `${length - count} more left out`;
  return copy;
}

/** True for an object without a class, of any realm. */
export function isPlain(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** True for errors of any realm, also for those whose prototype was changed. */
export function isError(value: unknown): value is Error {
  try {
    if (value instanceof Error) return true;
    const tag = Object.prototype.toString.call(value);
    return typeof value === 'object' && (tag === '[object Error]' || tag === '[object DOMException]');
  } catch {
    return false;
  }
}

/** A property, or what its getter threw as a text. */
export function read(target: object, name: string): unknown {
  try {
    return (target as Record<string, unknown>)[name];
  } catch (error) {
    return `[unreadable: ${reasonOf(error)}]`;
  }
}

/** Own enumerable names; none when a proxy refuses. */
export function keysOf(target: object): string[] {
  try {
    return Object.keys(target);
  } catch {
    return [];
  }
}

/** A text as it is, any other value described. */
export function textOr(value: unknown, fallback: string): string {
  return typeof value === 'string' ? value : value === undefined ? fallback : describe(value);
}

/** What was thrown, for a message: the message of an error, else a description. */
export function reasonOf(thrown: unknown): string {
  return isError(thrown) ? textOr(read(thrown, 'message'), 'no message') : describe(thrown);
}

/** A short description of any value for a message. */
export function describe(value: unknown): string {
  try {
    if (typeof value === 'string') return JSON.stringify(brief(value));
    if (typeof value === 'function') return `a function${value.name ? ` (${brief(value.name)})` : ''}`;
    if (typeof value === 'object' && value !== null)
      return `an object (${brief(`${value.constructor?.name ?? 'no prototype'}`)})`;
    return `${brief(String(value))} (${typeof value})`;
  } catch {
    return 'a value that cannot be described';
  }
}

function brief(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
