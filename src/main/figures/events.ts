/**
 * Events: everything that happens in a run, for observers. Nothing inside heddle listens to them.
 *
 * Each reader has its own queue. A reader that falls more than QUEUE_LIMIT behind loses the oldest events and
 * gets an `events-lost` event with their number. A run never waits for a reader.
 */

import type { HeddleError } from '../../protocol/errors.js';
import type { LogLevel } from '../../protocol/task.js';
import type { BreakerState } from '../lanes/limits/breaker.js';
import type { Progress } from './counters.js';
import type { Report } from './report.js';

/** Something that happened in a run. */
export type RunEvent =
  /** The task is loaded and the first tasks are about to start. */
  | {
      readonly type: 'run-started';
      readonly threads: number;
      readonly concurrency: number;
      readonly total: number | undefined;
    }
  /** At most ten times a second, and once at the end. */
  | { readonly type: 'progress'; readonly progress: Progress }
  /** An attempt failed and another one will follow. */
  | {
      readonly type: 'task-retry';
      readonly index: number;
      readonly key: string;
      readonly attempt: number;
      readonly error: Error;
      readonly delayMs: number;
    }
  /** A task failed for good. */
  | {
      readonly type: 'task-failed';
      readonly index: number;
      readonly key: string;
      readonly attempts: number;
      readonly error: Error;
    }
  /** A task called `ctx.progress`. */
  | {
      readonly type: 'task-progress';
      readonly index: number;
      readonly key: string;
      readonly fraction: number;
      readonly note: string | undefined;
    }
  /** A task called `ctx.log`. */
  | {
      readonly type: 'task-log';
      readonly index: number;
      readonly key: string;
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: unknown;
    }
  /** A thread ended by itself and was replaced. */
  | { readonly type: 'worker-exit'; readonly workerId: number; readonly error: HeddleError }
  /** A provider asked to be left alone for a while. */
  | {
      readonly type: 'lane-paused';
      readonly lane: string;
      /** The account, if the lane has several. */
      readonly account: string | undefined;
      readonly forMs: number;
      readonly reason: string;
    }
  /** A lane stopped calling a provider in trouble, sends one call to see whether it is over, or goes on. */
  | {
      readonly type: 'lane-breaker';
      readonly lane: string;
      /** The account, if the lane has several. */
      readonly account: string | undefined;
      readonly state: BreakerState;
      readonly reason: string | undefined;
    }
  /** No further task starts: abort, deadline, or too many failures. */
  | { readonly type: 'run-stopping'; readonly reason: Error }
  | { readonly type: 'run-ended'; readonly report: Report }
  | { readonly type: 'events-lost'; readonly count: number };

const QUEUE_LIMIT = 10_000;

/** Gives events to any number of readers. */
export class EventHub {
  readonly #readers = new Set<EventReader>();
  #isEnded = false;

  /** False when emitting would be wasted work. */
  get isRead(): boolean {
    return this.#readers.size > 0;
  }

  emit(event: RunEvent): void {
    for (const reader of this.#readers) reader.push(event);
  }

  end(): void {
    this.#isEnded = true;
    for (const reader of this.#readers) reader.end();
    this.#readers.clear();
  }

  read(): AsyncIterableIterator<RunEvent> {
    const reader = new EventReader(() => this.#readers.delete(reader));
    if (this.#isEnded) reader.end();
    else this.#readers.add(reader);
    return reader;
  }
}

class EventReader implements AsyncIterableIterator<RunEvent> {
  readonly #onClose: () => void;
  #queue: RunEvent[] = [];
  #lost = 0;
  #isEnded = false;
  #waiting: ((result: IteratorResult<RunEvent, undefined>) => void)[] = [];

  constructor(onClose: () => void) {
    this.#onClose = onClose;
  }

  push(event: RunEvent): void {
    const waiter = this.#waiting.shift();
    if (waiter !== undefined) return waiter({ value: event, done: false });
    if (this.#queue.length >= QUEUE_LIMIT) {
      this.#queue = this.#queue.slice(QUEUE_LIMIT / 2);
      this.#lost += QUEUE_LIMIT / 2;
    }
    this.#queue.push(event);
  }

  end(): void {
    this.#isEnded = true;
    for (const waiter of this.#waiting.splice(0)) waiter({ value: undefined, done: true });
  }

  next(): Promise<IteratorResult<RunEvent, undefined>> {
    if (this.#lost > 0) {
      const count = this.#lost;
      this.#lost = 0;
      return Promise.resolve({ value: { type: 'events-lost', count }, done: false });
    }
    const value = this.#queue.shift();
    if (value !== undefined) return Promise.resolve({ value, done: false });
    if (this.#isEnded) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<RunEvent, undefined>> {
    this.#onClose();
    this.#queue = [];
    this.#lost = 0;
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
