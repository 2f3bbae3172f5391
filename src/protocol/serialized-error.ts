/**
 * Errors as plain data: what crosses a thread, a file or a pipe.
 *
 * Structured clone alone loses the name, the code, own fields and `AggregateError.errors`, and fails on
 * errors that hold a function. So an error travels as `SerializedError` and is revived on arrival.
 *
 * Invariant: `serializeError` never throws and its result always survives `structuredClone` and
 * `JSON.stringify`, whatever was thrown: getters that throw, proxies, cycles, megabytes of message.
 *
 * Limits: causes and aggregated errors to a depth of 8, 100 aggregated errors, own fields to a depth of 4 with
 * 100 entries each, 64 Ki characters a string. What is cut says so.
 */

import { ERROR_CODES, HeddleError, type HeddleErrorCode } from './errors.js';

/** An error as plain data. */
export interface SerializedError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string | number;
  /** Own enumerable properties other than the ones above. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** The cause: an error, or any other value as plain data. */
  readonly cause?: SerializedCause;
  /** Of an AggregateError. */
  readonly errors?: readonly SerializedCause[];
}

/** A cause is either an error or some other value; the tag keeps an error apart from an object that looks like one. */
export type SerializedCause = { readonly error: SerializedError } | { readonly value: unknown };

const MAX_DEPTH = 8;
const MAX_ERRORS = 100;
const MAX_FIELD_DEPTH = 4;
const MAX_ENTRIES = 100;
const MAX_STRING = 64 * 1024;
const OWN_PLACE = new Set(['name', 'message', 'stack', 'code', 'cause', 'errors']);

/** Turns whatever was thrown into plain data. A value that is no error becomes `HEDDLE_NON_ERROR_THROWN` with it as cause. */
export function serializeError(thrown: unknown): SerializedError {
  if (isError(thrown)) return fromError(thrown, 0, new Set());
  const shown = describe(thrown);
  return {
    name: 'HeddleError',
    message: `The task threw ${shown}, which is not an Error; throw an Error to keep its stack`,
    code: 'HEDDLE_NON_ERROR_THROWN',
    cause: { value: plain(thrown, 0, new Set()) },
  };
}

/** Makes an Error of its plain data again; built-in classes and HeddleError answer `instanceof` as before. */
export function reviveError(data: SerializedError): Error {
  const error = construct(data);
  if (error.name !== data.name) define(error, 'name', data.name);
  if (data.stack !== undefined) define(error, 'stack', data.stack);
  if (data.code !== undefined && !(error instanceof HeddleError))
    (error as { code?: unknown }).code = data.code;
  if (data.cause !== undefined) define(error, 'cause', reviveCause(data.cause));
  if (data.errors !== undefined) define(error, 'errors', data.errors.map(reviveCause));
  for (const [name, value] of Object.entries(data.fields ?? {})) {
    if (name !== '__proto__') (error as unknown as Record<string, unknown>)[name] = value;
  }
  return error;
}

function fromError(error: Error, depth: number, seen: Set<unknown>): SerializedError {
  seen.add(error);
  const code = read(error, 'code');
  const stack = read(error, 'stack');
  const fields = ownFields(error);
  const causes = Object.hasOwn(error, 'cause') ? causeOf(read(error, 'cause'), depth, seen) : undefined;
  const errors = read(error, 'errors');
  return {
    name: text(read(error, 'name'), 'Error'),
    message: text(read(error, 'message'), ''),
    ...(typeof stack === 'string' && { stack: cut(stack) }),
    ...((typeof code === 'string' || typeof code === 'number') && { code }),
    ...(fields !== undefined && { fields }),
    ...(causes !== undefined && { cause: causes }),
    ...(Array.isArray(errors) && {
      errors: errors.slice(0, MAX_ERRORS).map((each) => causeOf(each, depth, seen)),
    }),
  };
}

function causeOf(cause: unknown, depth: number, seen: Set<unknown>): SerializedCause {
  if (!isError(cause)) return { value: plain(cause, 0, new Set()) };
  if (seen.has(cause)) return { value: '[circular]' };
  if (depth >= MAX_DEPTH) return { value: `[cut at depth ${MAX_DEPTH}]` };
  return { error: fromError(cause, depth + 1, seen) };
}

function ownFields(error: Error): Record<string, unknown> | undefined {
  let fields: Record<string, unknown> | undefined;
  for (const name of keysOf(error)) {
    if (OWN_PLACE.has(name)) continue;
    const value = plain(read(error, name), 1, new Set([error]));
    if (value === undefined) continue;
    fields ??= {};
    fields[name] = value;
  }
  return fields;
}

/** A copy that survives both structured clone and JSON. Functions and symbols become a description. */
function plain(value: unknown, depth: number, seen: Set<unknown>): unknown {
  if (typeof value === 'string') return cut(value);
  if (value === null || typeof value === 'boolean' || value === undefined) return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value !== 'object') return describe(value);
  if (seen.has(value)) return '[circular]';
  if (depth >= MAX_FIELD_DEPTH) return describe(value);
  seen.add(value);
  try {
    return plainObject(value, depth, seen);
  } catch {
    // A proxy may throw whatever is asked of it.
    return '[unreadable]';
  } finally {
    seen.delete(value);
  }
}

function plainObject(value: object, depth: number, seen: Set<unknown>): unknown {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (isError(value)) return `${text(read(value, 'name'), 'Error')}: ${text(read(value, 'message'), '')}`;
  return entries(value, depth, seen);
}

function entries(value: object, depth: number, seen: Set<unknown>): unknown {
  if (Array.isArray(value))
    return value.slice(0, MAX_ENTRIES).map((each) => plain(each, depth + 1, seen) ?? null);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return describe(value);
  const copy: Record<string, unknown> = {};
  for (const name of keysOf(value).slice(0, MAX_ENTRIES)) {
    const field = plain(read(value, name), depth + 1, seen);
    if (field !== undefined && name !== '__proto__') copy[name] = field;
  }
  return copy;
}

const BUILT_IN: Readonly<Record<string, ErrorConstructor>> = {
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

function construct(data: SerializedError): Error {
  if (typeof data.code === 'string' && Object.hasOwn(ERROR_CODES, data.code)) {
    return new HeddleError(data.code as HeddleErrorCode, data.message);
  }
  if (data.errors !== undefined) return new AggregateError([], data.message);
  const known = Object.hasOwn(BUILT_IN, data.name) ? BUILT_IN[data.name] : undefined;
  return new (known ?? Error)(data.message);
}

function reviveCause(cause: SerializedCause): unknown {
  return 'error' in cause ? reviveError(cause.error) : cause.value;
}

function define(error: Error, name: string, value: unknown): void {
  Object.defineProperty(error, name, { value, configurable: true, writable: true, enumerable: false });
}

/** True for errors of any realm, also those whose prototype was tampered with. */
function isError(value: unknown): value is Error {
  try {
    return (
      value instanceof Error ||
      (typeof value === 'object' &&
        value !== null &&
        (Object.prototype.toString.call(value) === '[object Error]' ||
          Object.prototype.toString.call(value) === '[object DOMException]'))
    );
  } catch {
    return false;
  }
}

function read(target: object, name: string): unknown {
  try {
    return (target as Record<string, unknown>)[name];
  } catch (error) {
    return `[unreadable: ${error instanceof Error ? error.message : 'threw'}]`;
  }
}

function keysOf(target: object): string[] {
  try {
    return Object.keys(target);
  } catch {
    return [];
  }
}

function text(value: unknown, fallback: string): string {
  return typeof value === 'string' ? cut(value) : value === undefined ? fallback : describe(value);
}

function cut(value: string): string {
  return value.length <= MAX_STRING
    ? value
    : `${value.slice(0, MAX_STRING)}… [${value.length - MAX_STRING} characters cut]`;
}

/** A short description of any value for a message. */
export function describe(value: unknown): string {
  try {
    if (typeof value === 'string')
      return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
    if (typeof value === 'function') return `a function${value.name ? ` (${value.name})` : ''}`;
    if (typeof value === 'symbol' || typeof value === 'bigint') return `${String(value)} (${typeof value})`;
    if (typeof value === 'object' && value !== null)
      return `an object (${value.constructor?.name ?? 'no prototype'})`;
    return `${String(value)} (${typeof value})`;
  } catch {
    return 'a value that cannot be described';
  }
}
