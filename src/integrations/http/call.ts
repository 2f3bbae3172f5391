/**
 * A batch of requests to one endpoint: the options, the run, and its answers in input order.
 *
 *   inputs → prepare.request → http-task → prepare.data → answers
 *
 * Every item has an answer at its index. An item that was stopped before it had one is CANCELLED; so are
 * items that were never read, if their number is known. A failed request is an answer, never thrown. What
 * makes the whole batch impossible, such as a session that is in use, is thrown.
 *
 * With a concurrency of 1, an item is read when the one before it has its answer, retries included.
 */

import { createHash } from 'node:crypto';
import {
  type Clamp,
  createRuntime,
  isUnusableInput,
  type Progress,
  type Report,
  type Run,
  type Runtime,
  type TaskContext,
} from '../../main/index.js';
import { type BatchProgress, type CallOptions, checkCallOptions } from './call-options.js';
import { type ApiResponse, CANCELLED, responseOf } from './http-error.js';
import { type HttpTask, httpTask } from './http-task.js';
import { laneOf } from './lane-of.js';
import { type Prepared, prepare } from './prepare.js';
import type { Service } from './service-config.js';
import { limitsOf, wholeRate } from './service-limits.js';

/** An answer and the index of its item. */
export interface IndexedResponse<Data = unknown> {
  readonly index: number;
  readonly response: ApiResponse<Data>;
}

/** An item that equals an earlier one and needs another idempotency key. */
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

let makeCall: (service: Service, endpoint: string, items: Items, options: CallOptions) => Call;

/** A batch in progress. Made by {@link call}. */
export class Call implements AsyncIterable<IndexedResponse>, AsyncDisposable {
  readonly prepared: Prepared;
  /** Why fewer requests run at once than requested. */
  readonly clamps: readonly Clamp[];
  /** Requests at once, at most. */
  readonly concurrency: number;
  readonly total: number | undefined;
  /** The run, for its events and progress. Its outcomes are read here. */
  readonly run: Run<unknown>;
  readonly #runtime: Runtime;
  readonly #task: HttpTask;
  #report: Report | undefined;
  #closing: Promise<void> | undefined;

  private constructor(service: Service, endpoint: string, items: Items, given: CallOptions) {
    const options = checkCallOptions(given);
    const { rateLimit, burst } = options;
    const prepared = prepare(service, endpoint, options);
    const total = options.total ?? (Array.isArray(items) ? items.length : undefined);
    const rate = typeof rateLimit === 'number' ? { limit: rateLimit, perMs: 1000 } : rateLimit;
    const limits = limitsOf(prepared, {
      concurrency: options.concurrency ?? 1,
      isAsked: options.concurrency !== undefined,
      rate: rate && wholeRate(rate.limit, rate.perMs, burst),
      burst,
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
    this.run = this.#runtime.run(
      taskOf(prepared, this.#task, options),
      options.idempotencyKey === true ? distinct(items) : items,
      {
        concurrency: limits.concurrency,
        chunk: 1,
        window: limits.concurrency === 1 ? 1 : 'auto',
        failFast: options.failFast,
        lane: laneOf(limits),
        session: options.session,
        retryFailed: options.retryFailed,
        signal: options.signal,
        total,
        onProgress:
          onProgress === undefined ? undefined : (progress) => onProgress(this.#progressOf(progress)),
      },
    );
  }

  static {
    makeCall = (service, endpoint, items, options) => new Call(service, endpoint, items, options);
  }

  get progress(): BatchProgress {
    return this.#progressOf(this.run.progress);
  }

  /** The run's report; undefined before the last answer is returned. */
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
        // A run that was stopped rejects as well, but only what made the batch impossible is thrown.
        const report = await this.run.report();
        if (report.reason === undefined) throw error;
      }
      this.#report = await this.run.report();
      for (; next < (this.total ?? 0); next++) yield { index: next, response: CANCELLED };
    } finally {
      await this.close();
    }
  }

  /** Stops sending, and cancels the requests in progress. */
  abort(reason?: unknown): void {
    this.run.abort(reason);
  }

  /** Stops sending, and waits for the requests in progress. */
  drain(reason?: unknown, graceMs?: number): void {
    this.run.drain(reason, graceMs);
  }

  /** Ends the run and closes all connections. */
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
    const request = prepared.request(input instanceof RepeatedItem ? input.item : input);
    const idempotencyKey = options.idempotencyKey === true ? keyOf(prepared, ctx.key) : undefined;
    const isRepeatable = request.isRepeatable === true || isUnsafeAllowed || idempotencyKey !== undefined;
    const answer = await send({ ...request, idempotencyKey, isRepeatable }, ctx);
    return prepared.data(answer);
  };
  // A session identifies a function by its name and text. All batches share this function, so both are set
  // from the call: a session of another endpoint, server or parameter is not continued by accident, nor is
  // one whose definition has changed.
  return Object.defineProperties(task, {
    name: { value: nameOf(prepared) },
    toString: { value: () => prepared.fingerprint },
  });
}

/** "api.getUser at https://api.example.com" */
function nameOf({ label, origin, variant }: Prepared): string {
  return `${label} at ${origin}${variant === '' ? '' : `, with parameters ${variant}`}`;
}

/** The same for each attempt of a task, in any process. */
function keyOf(prepared: Prepared, taskKey: string): string {
  const hash = createHash('sha256')
    .update(`${nameOf(prepared)}\n${taskKey}`)
    .digest('hex');
  return hash.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/**
 * Equal items need different idempotency keys: a server would take the second for a repetition of the first.
 */
function distinct(items: Items): Items {
  const seen = new Map<string, number>();
  const numbered = (item: unknown): unknown => {
    if (isUnusableInput(item)) return item;
    const hash = createHash('sha256')
      .update(JSON.stringify(item) ?? '')
      .digest('base64')
      .slice(0, 22);
    const occurrence = (seen.get(hash) ?? 0) + 1;
    seen.set(hash, occurrence);
    return occurrence === 1 ? item : new RepeatedItem(item, occurrence);
  };
  return Array.isArray(items) ? items.map(numbered) : mapped(items, numbered);
}

async function* mapped(items: Items, map: (item: unknown) => unknown): AsyncGenerator<unknown> {
  for await (const item of items) yield map(item);
}

/** Starts a batch. It proceeds as its answers are read. */
export function call(service: Service, endpoint: string, items: Items, options: CallOptions = {}): Call {
  return makeCall(service, endpoint, items, options);
}
