/** The options of a batch. */

import type { SessionOptions } from '../../main/index.js';
import {
  anything,
  boolean,
  integer,
  MAX_TIMER_MS,
  matching,
  number,
  object,
  optional,
  record,
  type Schema,
} from '../../text/schema.js';
import { checkOptions } from './checks.js';
import type { PrepareOptions } from './prepare.js';

/** Progress of a batch. */
export interface BatchProgress {
  /** Undefined for a stream. */
  readonly total: number | undefined;
  /** Items that have an answer, failures included. */
  readonly completed: number;
  readonly running: number;
  readonly failed: number;
}

/** Options of a batch. */
export interface CallOptions extends PrepareOptions {
  /**
   * Requests at once; the endpoint and the service may allow fewer. `'auto'` finds out how many the API can
   * take.
   * @defaultValue 1
   */
  readonly concurrency?: number | 'auto' | undefined;
  /** Requests per second, or per another time. @defaultValue that of the service */
  readonly rateLimit?: number | { readonly limit: number; readonly perMs: number } | undefined;
  /**
   * Requests that may start at once before the rate delays them.
   * @defaultValue that of the service, else the lane's
   */
  readonly burst?: number | undefined;
  /** Stop at the first failure; the other items are CANCELLED. @defaultValue false */
  readonly failFast?: boolean | undefined;
  /** Further attempts after a temporary failure. @defaultValue that of the endpoint, else 0 */
  readonly retry?: number | undefined;
  /**
   * Repeat requests that may have had an effect, such as a POST without an idempotency key.
   * @defaultValue that of the endpoint, else false
   */
  readonly retryUnsafe?: boolean | undefined;
  /** Longest time for one attempt, in ms. @defaultValue that of the endpoint, else 30_000 */
  readonly timeoutMs?: number | undefined;
  /**
   * Send an idempotency key: the same for all attempts of an item, also after a resume, and another for each
   * item.
   * @defaultValue false
   */
  readonly idempotencyKey?: boolean | undefined;
  /** Name of a header that carries the id of each attempt. @defaultValue none */
  readonly correlationHeader?: string | undefined;
  /** Largest answer, in bytes. @defaultValue 32 MiB */
  readonly maxBodyBytes?: number | undefined;
  /**
   * Folder that keeps each answer; a later batch with the same folder sends only the items without one.
   * @defaultValue none
   */
  readonly session?: string | SessionOptions | undefined;
  /** With a session: send failed items again. @defaultValue false */
  readonly retryFailed?: boolean | undefined;
  /** Stops the batch; items without an answer are CANCELLED. */
  readonly signal?: AbortSignal | undefined;
  /** Called at most ten times a second, and once at the end. */
  readonly onProgress?: ((progress: BatchProgress) => void) | undefined;
  /** Number of items, when the inputs do not have a length. */
  readonly total?: number | undefined;
}

const MOST = Number.MAX_SAFE_INTEGER;
const count = integer(1, MOST, 'a whole number from 1');
const callback: Schema<(progress: BatchProgress) => void> = matching(
  'a function',
  (value) => typeof value === 'function',
);
const above0 = (most: number) => number(Number.MIN_VALUE, most, 'a number above 0');
const window = object(
  { limit: above0(MOST), perMs: above0(MAX_TIMER_MS) },
  'a number above 0, or { limit, perMs }',
);

/** The name of a header. */
export const headerName: Schema<string> = matching(
  'the name of a header, such as X-Request-Id',
  (value) => typeof value === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(value),
);

/** What the runtime checks when the batch is started. */
function unchecked<T>(): Schema<T> {
  return anything as Schema<T>;
}

const CALL_OPTIONS = object<CallOptions>(
  {
    params: optional(record(anything)),
    env: unchecked(),
    concurrency: optional((value, at) =>
      value === 'auto' ? value : integer(1, MOST, 'a whole number from 1, or "auto"')(value, at),
    ),
    rateLimit: optional((value, at) =>
      typeof value === 'number' ? above0(MOST)(value, at) : window(value, at),
    ),
    burst: optional(count),
    failFast: optional(boolean),
    retry: optional(integer(0, MOST, 'a whole number from 0')),
    retryUnsafe: optional(boolean),
    timeoutMs: optional(number(1, MAX_TIMER_MS)),
    idempotencyKey: optional(boolean),
    correlationHeader: optional(headerName),
    maxBodyBytes: optional(number(1, MOST)),
    session: unchecked(),
    retryFailed: optional(boolean),
    signal: unchecked(),
    onProgress: optional(callback),
    total: optional(integer(0, MOST, 'a whole number from 0')),
  },
  'an object of options',
);

/** @throws OptionError HEDDLE_INVALID_OPTION */
export function checkCallOptions(options: CallOptions): CallOptions {
  return checkOptions(CALL_OPTIONS, options);
}
