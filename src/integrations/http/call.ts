/**
 * A batch of requests to one endpoint: the options, the run, and its answers in input order.
 *
 *   inputs → prepare.request → http-task → prepare.data → answers
 *
 * Every item has an answer at its index. What was stopped before it had one is CANCELLED, also items that were never read where their number is
 * known. A failed request is an answer, never thrown; what makes the whole batch impossible (a session that is in use) is thrown.
 *
 * One at a time means one after the other: the next item is read when the one before has its answer, retries included.
 */

import { createHash } from 'node:crypto';
import {
  type Clamp,
  createRuntime,
  type Progress,
  type Report,
  type Run,
  type Runtime,
  type SessionOptions,
  type TaskContext,
} from '../../main/index.js';
import { type ApiResponse, CANCELLED, HttpError, responseOf } from './http-error.js';
import { type HttpTask, httpTask } from './http-task.js';
import { laneOf } from './lane-of.js';
import { type Prepared, type PrepareOptions, prepare } from './prepare.js';
import type { Service } from './service-config.js';
import { limitsOf, wholeRate } from './service-limits.js';

/** Where a batch is. */
export interface BatchProgress {
  /** Undefined for a stream. */
  readonly total: number | undefined;
  /** With an answer, also a failed one. */
  readonly completed: number;
  readonly running: number;
  readonly failed: number;
}

/** Options of a batch. */
export interface CallOptions extends PrepareOptions {
  /** Requests at once; the endpoint and the service may allow fewer. `'auto'`: as many as the API bears. @defaultValue 1 */
  readonly concurrency?: number | 'auto' | undefined;
  /** Requests in a second, or in another time. @defaultValue what the service says */
  readonly rateLimit?: number | { readonly limit: number; readonly perMs: number } | undefined;
  /** Requests that may go at once before the rate holds them back. @defaultValue what the service says, else the lane's */
  readonly burst?: number | undefined;
  /** Stop at the first failure; the rest is CANCELLED. @defaultValue false */
  readonly failFast?: boolean | undefined;
  /** Further attempts after one that failed for a passing reason. @defaultValue what the endpoint says, else 0 */
  readonly retry?: number | undefined;
  /** Repeat what may have had an effect, such as a POST without an idempotency key. @defaultValue what the endpoint says, else false */
  readonly retryUnsafe?: boolean | undefined;
  /** Longest time for one attempt, in ms. @defaultValue what the endpoint says, else 30_000 */
  readonly timeoutMs?: number | undefined;
  /** Send a key that is the same for each attempt of an item, also after a resume, and other for each item. @defaultValue false */
  readonly idempotencyKey?: boolean | undefined;
  /** Name of a header that carries the id of each attempt. @defaultValue none */
  readonly correlationHeader?: string | undefined;
  /** Largest answer, in bytes. @defaultValue 32 MiB */
  readonly maxBodyBytes?: number | undefined;
  /** Folder that keeps each answer; a later batch with the same folder sends only what has none. @defaultValue none */
  readonly session?: string | SessionOptions | undefined;
  /** With a session: send again what failed. @defaultValue false */
  readonly retryFailed?: boolean | undefined;
  /** Stops the batch: what has no answer is CANCELLED. */
  readonly signal?: AbortSignal | undefined;
  /** Called at most ten times a second, and at the end. */
  readonly onProgress?: ((progress: BatchProgress) => void) | undefined;
  /** How many items there will be, when the inputs do not tell. */
  readonly total?: number | undefined;
}

/** An answer and the place of its item. */
export interface IndexedResponse<Data = unknown> {
  readonly index: number;
  readonly response: ApiResponse<Data>;
}

/** An item of a stream that could not be read: its answer is PARAM_INVALID with this reason. */
export class UnreadableItem {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/** One more item that equals an earlier one: its idempotency key must be another. */
class RepeatedItem {
  readonly item: unknown;
  readonly occurrence: number;

  constructor(item: unknown, occurrence: number) {
    this.item = item;
    this.occurrence = occurrence;
  }
}

/** Items: parameters by name. */
export type Items = Iterable<unknown> | AsyncIterable<unknown>;

/** A batch in progress. */
export class Call implements AsyncIterable<IndexedResponse>, AsyncDisposable {
  readonly prepared: Prepared;
  /** Where fewer requests ran at once than was asked for, and why. */
  readonly clamps: readonly Clamp[];
  /** Requests at once, at most. */
  readonly concurrency: number;
  readonly total: number | undefined;
  /** The run underneath: its events and progress. Its outcomes are read here. */
  readonly run: Run<unknown>;
  readonly #runtime: Runtime;
  readonly #task: HttpTask;
  #report: Report | undefined;
  #closing: Promise<void> | undefined;

  constructor(service: Service, endpoint: string, items: Items, options: CallOptions) {
    const prepared = prepare(service, endpoint, options);
    const total = options.total ?? (Array.isArray(items) ? items.length : undefined);
    const { rateLimit } = options;
    const limits = limitsOf(prepared, {
      concurrency: options.concurrency ?? 1,
      isAsked: options.concurrency !== undefined,
      rate:
        rateLimit === undefined
          ? undefined
          : typeof rateLimit === 'number'
            ? wholeRate(rateLimit, 1000, options.burst)
            : wholeRate(rateLimit.limit, rateLimit.perMs, options.burst),
      burst: options.burst,
      retries: options.retry,
      total,
    });
    this.prepared = prepared;
    this.clamps = limits.clamps;
    this.concurrency = limits.concurrency;
    this.total = total;
    this.#task = httpTask({
      concurrency: limits.concurrency,
      timeoutMs: options.timeoutMs ?? prepared.timeoutMs,
      maxBodyBytes: options.maxBodyBytes,
      correlationHeader: options.correlationHeader,
      secrets: prepared.secrets,
    });
    this.#runtime = createRuntime({ threads: 1 });
    const { onProgress } = options;
    this.run = this.#runtime.run(taskOf(prepared, this.#task, options), distinct(items, options), {
      concurrency: limits.concurrency,
      chunk: 1,
      window: limits.concurrency === 1 ? 1 : 'auto',
      failFast: options.failFast,
      lane: laneOf(limits),
      session: options.session,
      retryFailed: options.retryFailed,
      signal: options.signal,
      total,
      onProgress: onProgress === undefined ? undefined : (progress) => onProgress(this.#progressOf(progress)),
    });
  }

  get progress(): BatchProgress {
    return this.#progressOf(this.run.progress);
  }

  /** The run's report; undefined before the last answer was given out. */
  get report(): Report | undefined {
    return this.#report;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<IndexedResponse, void> {
    let next = 0;
    try {
      try {
        for await (const outcome of this.run) {
          for (; next < outcome.index; next++) yield { index: next, response: CANCELLED };
          yield { index: next, response: responseOf(outcome) };
          next++;
        }
      } catch (error) {
        // Rejects with what made the batch impossible; that it was stopped is no such thing.
        const report = await this.run.report();
        if (report.reason === undefined) throw error;
      }
      this.#report = await this.run.report();
      for (; next < (this.total ?? 0); next++) yield { index: next, response: CANCELLED };
    } finally {
      await this.close();
    }
  }

  /** Sends nothing any more, and gives up what is under way. */
  abort(reason?: unknown): void {
    this.run.abort(reason);
  }

  /** Sends nothing any more, and waits for what is under way. */
  drain(reason?: unknown, graceMs?: number): void {
    this.run.drain(reason, graceMs);
  }

  /** Leaves nothing: no run, no connection. */
  close(): Promise<void> {
    this.#closing ??= this.#runtime.close().then(() => this.#task.close());
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #progressOf({ total, succeeded, failed, running }: Progress): BatchProgress {
    return {
      total: this.total ?? total,
      completed: succeeded + failed,
      running: Math.min(running, this.concurrency),
      failed,
    };
  }
}

type CallTask = (input: unknown, ctx: TaskContext) => Promise<unknown>;

function taskOf(prepared: Prepared, send: HttpTask, options: CallOptions): CallTask {
  const isUnsafeAllowed = options.retryUnsafe ?? prepared.batchConfig.retryUnsafe ?? false;
  const task: CallTask = async (input, ctx) => {
    if (input instanceof UnreadableItem) throw new HttpError('PARAM_INVALID', input.reason);
    const request = prepared.request(input instanceof RepeatedItem ? input.item : input);
    const idempotencyKey = options.idempotencyKey === true ? keyOf(prepared, ctx.key) : undefined;
    const isRepeatable = request.isRepeatable === true || isUnsafeAllowed || idempotencyKey !== undefined;
    const answer = await send({ ...request, idempotencyKey, isRepeatable }, ctx);
    return prepared.data(answer);
  };
  // A session knows a function by its name and text, and takes it for the same when either is. All batches share this function, so it is given
  // those of the call: a session of another endpoint, server or parameter is not continued by accident. The text tells of a definition that changed.
  return Object.defineProperties(task, {
    name: { value: nameOf(prepared) },
    toString: { value: () => prepared.fingerprint },
  });
}

/** "api.getUser at https://api.example.com" */
function nameOf({ label, origin, variant }: Prepared): string {
  return `${label} at ${origin}${variant === '' ? '' : `, with parameters ${variant}`}`;
}

/** The same for each attempt of a task, whichever process makes it. */
function keyOf(prepared: Prepared, taskKey: string): string {
  const hash = createHash('sha256')
    .update(`${nameOf(prepared)}\n${taskKey}`)
    .digest('hex');
  return hash.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** With idempotency keys, items that are equal are told apart: a server would take the second for the first sent again. */
function distinct(items: Items, { idempotencyKey }: CallOptions): Items {
  if (idempotencyKey !== true) return items;
  const seen = new Map<string, number>();
  const tell = (item: unknown): unknown => {
    const hash = createHash('sha256')
      .update(JSON.stringify(item) ?? '')
      .digest('base64')
      .slice(0, 22);
    const occurrence = (seen.get(hash) ?? 0) + 1;
    seen.set(hash, occurrence);
    return occurrence === 1 ? item : new RepeatedItem(item, occurrence);
  };
  if (Array.isArray(items)) return items.map(tell);
  return told(items, tell);
}

async function* told(items: Items, tell: (item: unknown) => unknown): AsyncGenerator<unknown> {
  for await (const item of items) yield tell(item);
}

/** Makes a batch that goes as far as its answers are read. */
export function call(service: Service, endpoint: string, items: Items, options: CallOptions = {}): Call {
  return new Call(service, endpoint, items, options);
}
