/**
 * Collects the signs by which a failure can be recognised, from errors of any library.
 *
 * Errors are read as plain data: one from another thread has lost its class and kept its own enumerable
 * fields. Each client library has its own place for a sign; an error may lack all of them. Nothing here
 * judges, and a getter that throws does no harm.
 */

import { limitHeadersOf } from '../../../protocol/limit-headers.js';
import { type Announced, readLimitHeaders } from './announced-limits.js';

/** What one error of a chain shows. */
export interface Signs {
  readonly name: string;
  /** Codes of the error itself. */
  readonly codes: readonly string[];
  /** Codes of the error and of the answer's body, and the error's name. */
  readonly serviceCodes: readonly string[];
  /** HTTP status, 400 to 599. */
  readonly status: number | undefined;
  readonly announced: Announced;
  readonly errno: number | undefined;
  /** Result code of node:sqlite. */
  readonly sqliteCode: number | undefined;
  /** The system call that failed. */
  readonly syscall: string | undefined;
  /** Code of the database that Prisma used. */
  readonly innerCode: string | undefined;
  /** Messages of the error and of the answer's body, and what a command printed. */
  readonly texts: readonly string[];
}

const CODE_FIELDS = ['code', 'errorCode', 'errorcode', 'sqlState', 'sqlstate'];
const BODY_CODE_FIELDS = ['code', 'type', 'errorCode', 'errorcode', 'Code', '__type', 'reason'];
const STATUS_FIELDS = ['status', 'statusCode'];
const BODY_FIELDS = ['error', 'body', 'details', 'data', 'responseBody'];
/** Only this many errors of a list in a body are read. */
const MAX_LISTED = 5;

/** Collects the signs of an error. */
export function signsOf(error: object, epochMs: number): Signs {
  const response = read(error, 'response');
  const bodies = bodiesOf(error, response);
  const name = text(read(error, 'name')) ?? '';
  // A number here is an exit code, or a code of another service.
  const codes = CODE_FIELDS.flatMap((field) => text(read(error, field)) ?? []);
  const headers = [
    read(error, 'headers'),
    read(response, 'headers'),
    read(error, 'responseHeaders'),
    read(read(error, '$response'), 'headers'),
  ];
  return {
    name,
    codes,
    serviceCodes: [
      ...codesIn(error, BODY_CODE_FIELDS),
      ...bodies.flatMap((body) => codesIn(body, BODY_CODE_FIELDS)),
      name,
    ],
    status: statusOf(error, response),
    announced: readLimitHeaders(Object.assign({}, ...headers.map(limitHeadersOf).reverse()), epochMs),
    errno: number(read(error, 'errno')),
    sqliteCode: number(read(error, 'errcode')),
    syscall: text(read(error, 'syscall')),
    innerCode: text(read(read(error, 'meta'), 'code')),
    texts: [
      read(error, 'message'),
      read(error, 'stderr'),
      read(error, 'stdout'),
      ...bodies.map((body) => read(body, 'message')),
    ].flatMap((each) => text(each) ?? []),
  };
}

/** Returns a field of any value; undefined if it has none that can be read. */
export function read(target: unknown, name: string): unknown {
  if (typeof target !== 'object' || target === null) return undefined;
  try {
    return (target as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

/** Returns the bodies of an answer, and the objects in them that describe the error. */
function bodiesOf(error: object, response: unknown): object[] {
  const outer = [
    ...BODY_FIELDS.map((name) => read(error, name)),
    read(response, 'data'),
    read(response, 'body'),
  ].map(parsed);
  // GraphQL clients keep the `errors` of the answer; those of an AggregateError are failures of their own.
  const listed = list(read(error, 'errors')).filter((each) => !(each instanceof Error));
  const inner = outer.flatMap((body) => [read(body, 'error'), ...list(read(body, 'errors'))]);
  return [...outer, ...listed, ...inner].filter((body) => typeof body === 'object' && body !== null);
}

function parsed(body: unknown): unknown {
  if (typeof body !== 'string' || !/^\s*[[{]/.test(body)) return body;
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value.slice(0, MAX_LISTED) : [];
}

function codesIn(target: object, fields: readonly string[]): string[] {
  return fields.flatMap((field) => {
    const value = read(target, field);
    if (typeof value === 'number') return [String(value)];
    if (typeof value !== 'string') return [];
    // AWS: `com.amazonaws.dynamodb#ThrottlingException`. Dataverse: hexadecimal in either case.
    const code = value.slice(value.lastIndexOf('#') + 1);
    return [code.startsWith('0x') ? code.toLowerCase() : code];
  });
}

function statusOf(error: object, response: unknown): number | undefined {
  const places = [
    ...STATUS_FIELDS.map((field) => read(error, field)),
    ...STATUS_FIELDS.map((field) => read(response, field)),
    read(read(error, '$metadata'), 'httpStatusCode'),
  ];
  // Below 400 it is the exit code of a process, or no failure.
  return places.map(Number).find((status) => Number.isInteger(status) && status >= 400 && status <= 599);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
