/**
 * Errors as plain data: what crosses a thread, a file or a pipe.
 *
 * Structured clone alone loses the name, the code, own fields and `AggregateError.errors`, and fails on
 * errors that hold a function. So an error is sent as a `SerializedError` and revived on arrival.
 *
 * Invariant: `serializeError` never throws, and its result always survives `structuredClone` and
 * `JSON.stringify`, whatever was thrown: getters that throw, proxies, cycles, megabytes of text.
 *
 * Limits: 8 causes deep, 100 errors in an AggregateError, 1,000 errors and 1 Mi characters in the whole tree,
 * and for own fields those of plain-data.ts. What is left out says so.
 */

import { ERROR_CODES, HeddleError, type HeddleErrorCode } from './errors.js';
import { describe, isError, keysOf, plainCopy, plainFields, read, SizeBudget, textOr } from './plain-data.js';

/** An error as plain data. */
export interface SerializedError {
  readonly name: string;
  readonly message: string;
  /**
   * Built-in class of the error, when the name is not that of the class: `DOMException`, or the base of a
   * subclass.
   */
  readonly class?: string;
  readonly stack?: string;
  readonly code?: string | number;
  /** Own enumerable properties other than the ones above, as plain data. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** The cause: an error, or any other value as plain data. */
  readonly cause?: SerializedCause;
  /** Elements of an `errors` array, such as that of an AggregateError. */
  readonly errors?: readonly SerializedCause[];
}

/**
 * A cause is either an error or some other value; the tag keeps an error apart from an object that looks like
 * one.
 */
export type SerializedCause = { readonly error: SerializedError } | { readonly value: unknown };

const MAX_DEPTH = 8;
const MAX_ERRORS = 100;
/** Longer chains of causes are not counted to their end. */
const MAX_COUNTED = 1000;

type ErrorClass = new (message: string) => Error;

const BUILT_IN: Readonly<Record<string, ErrorClass>> = {
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

/**
 * Turns anything thrown into plain data. A value that is not an error becomes the cause of
 * `HEDDLE_NON_ERROR_THROWN`.
 */
export function serializeError(thrown: unknown): SerializedError {
  const budget = new SizeBudget();
  if (isError(thrown)) {
    try {
      return fromError(thrown, [], budget);
    } catch {
      // A proxy around an error may throw on any access.
      return { name: 'Error', message: 'An error that cannot be read was thrown' };
    }
  }
  return {
    name: 'HeddleError',
    message: `The task threw ${describe(thrown)}, which is not an Error; throw an Error to keep its stack`,
    code: 'HEDDLE_NON_ERROR_THROWN',
    cause: { value: plainCopy(thrown, budget) },
  };
}

/** Makes an Error from its plain data. Built-in classes and HeddleError answer `instanceof` as before. */
export function reviveError(data: SerializedError): Error {
  const error = construct(data);
  const isDom = error instanceof DOMException;
  if (error.name !== data.name) define(error, 'name', data.name);
  if (data.stack !== undefined) define(error, 'stack', data.stack);
  // The code of a DOMException follows from its name and cannot be assigned.
  if (data.code !== undefined && !(error instanceof HeddleError) && !isDom)
    (error as { code?: unknown }).code = data.code;
  if (data.cause !== undefined) define(error, 'cause', reviveCause(data.cause));
  if (data.errors !== undefined)
    define(error, 'errors', data.errors.map(reviveCause), !(error instanceof AggregateError));
  for (const [name, value] of Object.entries(data.fields ?? {})) {
    if (name === '__proto__') continue;
    if (isDom) define(error, name, value, true);
    else (error as unknown as Record<string, unknown>)[name] = value;
  }
  return error;
}

function fromError(error: Error, above: readonly Error[], budget: SizeBudget): SerializedError {
  const path = [...above, error];
  budget.errors--;
  const name = budget.cut(textOr(read(error, 'name'), 'Error'));
  const message = budget.cut(textOr(read(error, 'message'), ''));
  const builtIn = classOf(error);
  const stack = read(error, 'stack');
  const code = read(error, 'code');
  const hasCode = typeof code === 'string' || typeof code === 'number';
  const errors = errorsOf(error);
  const placed = new Set(['name', 'message', 'stack', 'cause', hasCode && 'code', errors && 'errors']);
  const fields = plainFields(
    keysOf(error).filter((each) => !placed.has(each)),
    budget,
    [error],
  );
  const cause = hasCause(error) ? causeOf(read(error, 'cause'), path, budget) : undefined;
  return {
    name,
    message,
    ...(builtIn !== undefined && builtIn !== name && { class: builtIn }),
    ...(typeof stack === 'string' && { stack: budget.cut(stack) }),
    ...(hasCode && { code: typeof code === 'string' ? budget.cut(code) : finite(code) }),
    ...(Object.keys(fields).length > 0 && { fields }),
    ...(cause !== undefined && { cause }),
    ...(errors !== undefined && { errors: listed(errors, path, budget) }),
  };
}

/** JSON has no other numbers. */
function finite(code: number): number | string {
  return Number.isFinite(code) ? code : String(code);
}

function classOf(error: Error): string | undefined {
  if (error instanceof AggregateError) return 'AggregateError';
  if (error instanceof DOMException) return 'DOMException';
  return Object.keys(BUILT_IN).find((name) => error instanceof (BUILT_IN[name] as ErrorClass));
}

function hasCause(error: Error): boolean {
  try {
    return Object.hasOwn(error, 'cause');
  } catch {
    return false;
  }
}

interface ErrorList {
  readonly length: number;
  /** At most {@link MAX_ERRORS}. */
  readonly first: readonly unknown[];
}

function errorsOf(error: Error): ErrorList | undefined {
  try {
    const errors = read(error, 'errors');
    if (!Array.isArray(errors)) return undefined;
    return { length: errors.length, first: errors.slice(0, MAX_ERRORS) };
  } catch {
    return undefined;
  }
}

function listed({ length, first }: ErrorList, path: readonly Error[], budget: SizeBudget): SerializedCause[] {
  const kept: SerializedCause[] = [];
  while (kept.length < first.length && budget.errors > 0)
    kept.push(causeOf(first[kept.length], path, budget));
  if (kept.length < length) kept.push({ value: `… ${length - kept.length} more errors left out` });
  return kept;
}

function causeOf(cause: unknown, path: readonly Error[], budget: SizeBudget): SerializedCause {
  if (!isError(cause)) return { value: plainCopy(cause, budget) };
  // An error that occurs twice is written twice; only an ancestor would never end.
  if (path.includes(cause)) return { value: '[circular]' };
  if (path.length > MAX_DEPTH || budget.errors <= 0)
    return { value: `… ${chainLength(cause)} more errors left out` };
  try {
    return { error: fromError(cause, path, budget) };
  } catch {
    return { value: '[unreadable]' };
  }
}

/** How many errors follow each other as causes. */
function chainLength(error: Error): number | string {
  let count = 0;
  const seen = new Set<unknown>();
  for (let each: unknown = error; isError(each) && !seen.has(each); each = read(each, 'cause')) {
    if (++count > MAX_COUNTED) return `over ${MAX_COUNTED}`;
    seen.add(each);
  }
  return count;
}

function construct({ name, message, code, class: builtIn = name, errors }: SerializedError): Error {
  if (typeof code === 'string' && Object.hasOwn(ERROR_CODES, code))
    return new HeddleError(code as HeddleErrorCode, message);
  if (builtIn === 'DOMException') return new DOMException(message, name);
  if (builtIn === 'AggregateError' && errors !== undefined) return new AggregateError([], message);
  const known = Object.hasOwn(BUILT_IN, builtIn) ? BUILT_IN[builtIn] : undefined;
  return new (known ?? Error)(message);
}

function reviveCause(cause: SerializedCause): unknown {
  return 'error' in cause ? reviveError(cause.error) : cause.value;
}

function define(error: Error, name: string, value: unknown, enumerable = false): void {
  Object.defineProperty(error, name, { value, configurable: true, writable: true, enumerable });
}

export { describe } from './plain-data.js';
