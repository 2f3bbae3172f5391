/**
 * What a run has done so far: counts, times, rates. Each counter is kept here and nowhere else.
 *
 * Durations are kept in histograms, so that a batch of any length costs the same memory.
 */

import { performance } from 'node:perf_hooks';
import { Histogram } from './histogram.js';

/** A snapshot of a run. */
export interface Progress {
  /** Length of the batch, where it is known. */
  readonly total: number | undefined;
  /** Inputs read so far. */
  readonly read: number;
  /** Tasks given to an executor and not settled yet. */
  readonly running: number;
  /** Failed attempts that wait for their next one. */
  readonly waiting: number;
  /** Tasks whose job goes on elsewhere (`ctx.submitted`). */
  readonly submitted: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Of `succeeded` and `failed`: tasks whose outcome an earlier run of the session recorded. */
  readonly resumed: number;
  readonly aborted: number;
  readonly skipped: number;
  /** Attempts beyond the first, of all tasks. */
  readonly retries: number;
  readonly elapsedMs: number;
  /** Tasks settled per second, over the last seconds. */
  readonly tasksPerSecond: number;
  /** Estimated time to the end, in ms; undefined until it can be estimated. */
  readonly remainingMs: number | undefined;
}

/** The rate is measured over windows of this length and smoothed. */
const RATE_WINDOW_MS = 1000;

/** Counts what happens in one run. */
export class Counters {
  readonly durations: Histogram = new Histogram();
  readonly queueWaits: Histogram = new Histogram();
  /** Busy time and attempts of each worker. */
  readonly workers = new Map<number, { busyMs: number; attempts: number }>();
  /** Length of the batch, where it is known. */
  total: number | undefined;
  read = 0;
  running = 0;
  waiting = 0;
  submitted = 0;
  succeeded = 0;
  failed = 0;
  aborted = 0;
  skipped = 0;
  resumed = 0;
  reused = 0;
  retries = 0;
  busyMs = 0;
  readonly #startedAt = performance.now();
  #rate = 0;
  #rateAt = this.#startedAt;
  #rateCount = 0;

  get settled(): number {
    return this.succeeded + this.failed;
  }

  /** Tasks that this run settled. */
  get settledHere(): number {
    return this.settled - this.resumed;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  /**
   * Records consecutive attempts of one worker: their times, and their waits since `readyAt` on the same
   * clock.
   */
  recordAttempts(times: Float64Array, readyAt: number, workerId: number): void {
    const count = times.length - 1;
    for (let i = 0; i < count; i++) {
      const beganAt = times[i] as number;
      this.durations.record((times[i + 1] as number) - beganAt);
      this.queueWaits.record(beganAt - readyAt);
    }
    this.#busy((times[count] as number) - (times[0] as number), count, workerId);
  }

  /** Records an attempt that was cut off. */
  recordCutOff(durationMs: number, workerId: number): void {
    this.durations.record(durationMs);
    this.#busy(durationMs, 1, workerId);
  }

  snapshot(): Progress {
    const rate = this.#measureRate();
    const { total } = this;
    const left = total === undefined ? undefined : total - this.settled;
    const canTell = left !== undefined && rate > 0 && this.settledHere >= 5 && this.elapsedMs >= 2000;
    return {
      total,
      read: this.read,
      running: this.running,
      waiting: this.waiting,
      submitted: this.submitted,
      succeeded: this.succeeded,
      failed: this.failed,
      aborted: this.aborted,
      skipped: this.skipped,
      resumed: this.resumed,
      retries: this.retries,
      elapsedMs: this.elapsedMs,
      tasksPerSecond: rate,
      remainingMs: canTell ? (left / rate) * 1000 : undefined,
    };
  }

  #busy(ms: number, attempts: number, workerId: number): void {
    this.busyMs += ms;
    let worker = this.workers.get(workerId);
    if (worker === undefined) {
      worker = { busyMs: 0, attempts: 0 };
      this.workers.set(workerId, worker);
    }
    worker.busyMs += ms;
    worker.attempts += attempts;
  }

  #measureRate(): number {
    const at = performance.now();
    const sinceMs = at - this.#rateAt;
    if (this.#rate === 0 || sinceMs >= RATE_WINDOW_MS) {
      const newest = ((this.settledHere - this.#rateCount) / Math.max(sinceMs, 1)) * 1000;
      this.#rate = this.#rate === 0 ? newest : this.#rate * 0.7 + newest * 0.3;
      if (sinceMs >= RATE_WINDOW_MS) {
        this.#rateAt = at;
        this.#rateCount = this.settledHere;
      }
    }
    return this.#rate;
  }
}
