/**
 * The tables of classify.ts: what the codes, names and texts of failures mean.
 *
 * The classes of failure and their verdicts:
 *
 * - throttled: `throttle`; the account waits.
 * - overloaded: `transient` with `isOverload`; fewer concurrent calls, and no pause.
 * - conflict (a lock, a deadlock, a serialization failure): `lock`; no breaker counts it.
 * - transient, nothing sent or nothing done: `transient`.
 * - transient, outcome unknown: `transient` with `mayHaveHappened`.
 * - authorization, and any other fault of the request: `permanent`, for this task only.
 * - quota, or the bill: `permanent`, for the account.
 *
 * Codes in the bodies of answers have a table of their own: an API may use the code of a database.
 */

import type { Verdict } from '../lane-options.js';

type Table = ReadonlyMap<string, Verdict>;

const THROTTLE: Verdict = { kind: 'throttle' };
const OVERLOAD: Verdict = { kind: 'transient', isOverload: true };
export const LOCK: Verdict = { kind: 'lock' };
/** Nothing was sent or nothing was done; also a failure about which nothing is known. */
export const NOT_DONE: Verdict = { kind: 'transient' };
/** The call failed at an unknown point on its way. */
export const UNKNOWN: Verdict = { kind: 'transient', mayHaveHappened: true };
export const TIMED_OUT: Verdict = { kind: 'transient', isOverload: true, mayHaveHappened: true };
export const PERMANENT: Verdict = { kind: 'permanent' };
const NO_QUOTA: Verdict = { kind: 'permanent', scope: 'account' };

function table(...rows: readonly (readonly [Verdict, string])[]): Table {
  return new Map(rows.flatMap(([verdict, codes]) => codes.split(/\s+/).map((code) => [code, verdict])));
}

/** Mistakes in the task's code: the next attempt would fail as well. */
export const PROGRAMMING_ERRORS: ReadonlySet<string> = new Set(
  'TypeError RangeError SyntaxError ReferenceError'.split(' '),
);
/** Messages with which the TypeErrors of `fetch` mean the network. */
export const FETCH_MESSAGES: ReadonlySet<string> = new Set(['fetch failed', 'terminated']);

/** Codes of heddle itself. */
export const HEDDLE_CODES: Table = table(
  [TIMED_OUT, 'HEDDLE_TIMEOUT'],
  [UNKNOWN, 'HEDDLE_WORKER_EXIT HEDDLE_OUT_OF_MEMORY'],
  [
    PERMANENT,
    `HEDDLE_INVALID_OPTION HEDDLE_TASK_MODULE_NOT_FOUND HEDDLE_TASK_MODULE_INVALID HEDDLE_TASK_MODULE_LOAD
    HEDDLE_TYPESCRIPT_UNSUPPORTED HEDDLE_NOT_CLONEABLE HEDDLE_INPUT_TRANSFERRED HEDDLE_SERVICE_UNAVAILABLE
    HEDDLE_INTERRUPTED HEDDLE_ABORTED HEDDLE_DEADLINE HEDDLE_CLOSED HEDDLE_INTERNAL`,
  ],
);

/** HTTP status; other 4xx are permanent, other 5xx unknown. 429 and 403 depend on more than the status. */
export const STATUS: ReadonlyMap<number, Verdict> = new Map([
  [401, { kind: 'permanent', scope: 'task' }],
  [403, { kind: 'permanent', scope: 'task' }],
  [408, NOT_DONE],
  [425, NOT_DONE],
  [429, THROTTLE],
  [501, PERMANENT],
  [503, OVERLOAD],
  [505, PERMANENT],
  [511, PERMANENT],
  [529, OVERLOAD],
]);

/** Codes in the body of an answer, or in the name or the code of an SDK's error. */
export const SERVICE_CODES: Table = table(
  [NO_QUOTA, 'insufficient_quota billing_hard_limit_reached billing_not_active'],
  [THROTTLE, 'rate_limit_exceeded rate_limit_error RATE_LIMITED'],
  [OVERLOAD, 'overloaded_error'],
  // Dataverse, as text and as the signed number of older APIs: requests and execution time; concurrent calls;
  // a lock of the environment.
  [THROTTLE, '0x80072322 -2147015902 0x80072321 -2147015903'],
  [OVERLOAD, '0x80072326 -2147015898'],
  [LOCK, '0x80071151 -2147020463'],
  // The throttling codes of AWS.
  [
    THROTTLE,
    `BandwidthLimitExceeded EC2ThrottledException LimitExceededException PriorRequestNotComplete
    ProvisionedThroughputExceededException RequestLimitExceeded RequestThrottled RequestThrottledException
    SlowDown ThrottledException Throttling ThrottlingException TooManyRequestsException
    TransactionInProgressException`,
  ],
);

/** The codes of Dataverse within a text, as command line tools print them. */
export const DATAVERSE_CODE: RegExp = /\b0x8007(?:2321|2322|2326|1151)\b/i;
/** The limit of concurrent calls. */
export const DATAVERSE_CONCURRENCY: ReadonlySet<string> = new Set(['0x80072326', '-2147015898']);

/** Codes of sockets, name resolution, TLS, undici. */
export const NETWORK_CODES: Table = table(
  [NOT_DONE, 'ECONNREFUSED ENOTFOUND EAI_AGAIN EHOSTUNREACH ENETUNREACH UND_ERR_CONNECT_TIMEOUT'],
  [
    UNKNOWN,
    `ECONNRESET EPIPE ECONNABORTED ETIMEDOUT ESOCKETTIMEDOUT EHOSTDOWN ENETDOWN ENETRESET ENOTCONN
    ERR_STREAM_PREMATURE_CLOSE ERR_HTTP2_STREAM_ERROR ERR_HTTP2_SESSION_ERROR ERR_HTTP2_GOAWAY_SESSION
    ERR_SOCKET_CLOSED ERR_SOCKET_CONNECTION_TIMEOUT UND_ERR_SOCKET UND_ERR_HEADERS_TIMEOUT
    UND_ERR_BODY_TIMEOUT UND_ERR_RES_CONTENT_LENGTH_MISMATCH UND_ERR_DESTROYED UND_ERR_CLOSED`,
  ],
  [
    PERMANENT,
    `ERR_INVALID_URL ERR_TLS_CERT_ALTNAME_INVALID CERT_HAS_EXPIRED DEPTH_ZERO_SELF_SIGNED_CERT
    SELF_SIGNED_CERT_IN_CHAIN UNABLE_TO_VERIFY_LEAF_SIGNATURE UND_ERR_INVALID_ARG UND_ERR_NOT_SUPPORTED
    UND_ERR_REQ_CONTENT_LENGTH_MISMATCH`,
  ],
);
/** System calls that make a connection: whatever the code, nothing was sent. */
export const CONNECTING: ReadonlySet<string> = new Set(['connect', 'getaddrinfo']);
/** System calls on an open connection: the request may have arrived, whatever the code. */
export const TRANSFERRING: ReadonlySet<string> = new Set(['read', 'write']);

/** Names of errors for calls that took too long or were aborted. */
export const TIMEOUT_NAMES: ReadonlySet<string> = new Set(['AbortError', 'TimeoutError']);

/** SQLSTATE, codes of MySQL, SQLite, Prisma. */
export const SQL_CODES: Table = table(
  [LOCK, '40001 40P01 55P03'],
  [OVERLOAD, '53300 57P03'],
  [UNKNOWN, '57P01 57P02 40003'],
  [PERMANENT, '57014'],
  [LOCK, 'ER_LOCK_DEADLOCK ER_LOCK_WAIT_TIMEOUT ER_LOCK_NOWAIT'],
  [
    OVERLOAD,
    'ER_CON_COUNT_ERROR ER_TOO_MANY_USER_CONNECTIONS ER_USER_LIMIT_REACHED ER_GET_CONNECTION_TIMEOUT',
  ],
  [UNKNOWN, 'PROTOCOL_CONNECTION_LOST ER_SERVER_SHUTDOWN'],
  [LOCK, 'SQLITE_BUSY SQLITE_LOCKED'],
  [PERMANENT, 'SQLITE_CONSTRAINT SQLITE_ERROR SQLITE_MISMATCH SQLITE_READONLY'],
  [LOCK, 'P2034'],
  [OVERLOAD, 'P2024 P2037'],
  [NOT_DONE, 'P1001 P1002'],
  [UNKNOWN, 'P1008 P1017 P2028'],
);
/** By the first two characters of a SQLSTATE: connections; faults of the statement, data or rights. */
export const SQL_CLASSES: Table = table([UNKNOWN, '08'], [PERMANENT, '0A 21 22 23 26 28 2B 2F 3D 3F 42 44']);
export const SQLSTATE: RegExp = /^[0-9A-Z]{5}$/;
/** `errno` of MySQL; those of the system are negative. */
export const MYSQL_NUMBERS: ReadonlyMap<number, Verdict> = new Map([
  [1213, LOCK],
  [1205, LOCK],
  [3572, LOCK],
  [1040, OVERLOAD],
  [1203, OVERLOAD],
  [1226, OVERLOAD],
  [1053, UNKNOWN],
  [2006, UNKNOWN],
  [2013, UNKNOWN],
]);
/** Primary result codes of SQLite, in `errcode` of node:sqlite: busy, locked. */
export const SQLITE_LOCKS: ReadonlySet<number> = new Set([5, 6]);
/** `SQLITE_BUSY_SNAPSHOT` → `SQLITE_BUSY`. */
export const SQLITE_CODE: RegExp = /^SQLITE_[A-Z]+/;
export const PRISMA_CODE: RegExp = /^P[1-6]\d{3}$/;
/** A raw query failed: `meta` has the code of the database. */
export const PRISMA_RAW_QUERY = 'P2010';

/** Messages, where there is no code. */
export const TEXTS: readonly (readonly [RegExp, Verdict])[] = [
  // Terraform, whose exit code is 1 for everything.
  [/Error acquiring the state lock|Error locking state/, LOCK],
  // Dataverse, where the code was lost.
  [
    /Cannot start (?:another|the requested operation) \[\w+\] because there is (?:a previous|another) \[/,
    LOCK,
  ],
  // Pools of pg, Knex and Prisma: nothing was sent.
  [/timeout exceeded when trying to connect|Timeout acquiring a connection/, OVERLOAD],
  [/Unable to start a transaction in the given time/, OVERLOAD],
  // OpenAI's and Anthropic's SDK.
  [/^Request timed out\.?$/, TIMED_OUT],
];
/** Messages of a 403 that means a limit, as GitHub sends it. */
export const LIMIT_TEXT: RegExp = /rate limit exceeded|secondary rate limit|abuse detection/i;
export const SECONDARY_LIMIT_TEXT: RegExp = /secondary rate limit|abuse detection/i;
/** GitHub asks for at least a minute if it sends no header. */
export const SECONDARY_LIMIT_MS = 60_000;
/** A limit of concurrent calls, not of calls per window. */
export const CONCURRENCY_TEXT: RegExp = /\bconcurren(?:t|cy)\b/i;
