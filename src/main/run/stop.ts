/**
 * How a run stops: one state, with its first cause.
 *
 *   running ──► draining ──► aborting ──► over
 *
 * 1. The first cause wins; a later one can only turn a drain into an abort.
 * 2. From `draining` on nothing starts: what waits is given up, chunks in flight begin no further task.
 * 3. `aborting` also reaches the running tasks; the executor gives them the grace time, then ends them by
 * force.
 * 4. The run is `over` when nothing is in flight.
 *
 * Two things are kept beside the state. A fatal error makes the run reject, whatever stopped it first. And
 * tasks may be left for a later run although nothing stopped this one.
 */

import { HeddleError } from '../../protocol/errors.js';
import { isError } from '../../protocol/plain-data.js';
import { MAX_TIMER_MS } from '../executor/attempt-watch.js';

/** Why a run stops. */
export interface StopCause {
  /** `asked`: by the caller or its deadline. `failures`: too many tasks failed. `fatal`: it cannot go on. */
  readonly kind: 'asked' | 'failures' | 'fatal';
  /** What tasks that did not run have as their error. */
  readonly error: Error;
  /** What the caller catches. */
  readonly thrown: unknown;
}

/** Where the run stands. */
export type StopState =
  | { readonly kind: 'running' }
  | { readonly kind: 'draining' | 'aborting'; readonly cause: StopCause }
  | { readonly kind: 'over'; readonly cause: StopCause | undefined };

type Listener = (state: StopState, isFirst: boolean) => void;

/** What the caller gave as a reason, as a cause. */
export function asked(reason: unknown): StopCause {
  const error = isError(reason)
    ? reason
    : new HeddleError('HEDDLE_ABORTED', 'The run was aborted', { cause: reason });
  return { kind: 'asked', error, thrown: reason === undefined ? error : reason };
}

/** The stop state of one run. */
export class Stop {
  /** Resolves when the run is to stop. */
  readonly requested: Promise<void>;
  readonly #listeners = new Set<Listener>();
  #state: StopState = { kind: 'running' };
  #request: () => void = () => {};
  #fatal: { readonly error: unknown } | undefined;
  #left: Error | undefined;
  #drainTimer: NodeJS.Timeout | undefined;

  constructor() {
    this.requested = new Promise((resolve) => {
      this.#request = resolve;
    });
  }

  get state(): StopState {
    return this.#state;
  }

  /** No further attempt may start. */
  get isStopping(): boolean {
    return this.#state.kind !== 'running';
  }

  /** The first cause. */
  get cause(): StopCause | undefined {
    return this.#state.kind === 'running' ? undefined : this.#state.cause;
  }

  /** The error of tasks that do not run because of the stop. */
  get error(): Error {
    return this.cause?.error ?? new HeddleError('HEDDLE_ABORTED', 'The run was aborted');
  }

  /** Why not everything is done, if it is not. */
  get reason(): Error | undefined {
    return this.cause?.error ?? this.#left;
  }

  /** What made the run impossible. */
  get fatal(): { readonly error: unknown } | undefined {
    return this.#fatal;
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @param graceMs - how long the drain may take before it becomes an abort, in ms, or Infinity */
  drain(cause: StopCause, graceMs: number): void {
    this.#move('draining', cause);
    if (this.#state.kind !== 'draining' || graceMs === Number.POSITIVE_INFINITY) return;
    this.#drainTimer = setTimeout(() => this.abort(cause), Math.min(graceMs, MAX_TIMER_MS));
  }

  abort(cause: StopCause): void {
    this.#move('aborting', cause);
  }

  /** The run cannot go on: it rejects with this error. */
  fail(error: unknown): void {
    this.reject(error);
    this.abort({ ...asked(error), kind: 'fatal' });
  }

  /** The run goes on with what it has, and then rejects with this error. */
  reject(error: unknown): void {
    this.#fatal ??= { error: error === undefined ? asked(error).error : error };
    if (isError(error)) this.#left ??= error;
  }

  /** A task was left for a later run, although nothing stopped this one. */
  leave(error: Error): void {
    this.#left ??= error;
  }

  /** Nothing is in flight and nothing will start. */
  end(): void {
    clearTimeout(this.#drainTimer);
    this.#state = { kind: 'over', cause: this.cause };
    this.#listeners.clear();
  }

  #move(kind: 'draining' | 'aborting', cause: StopCause): void {
    if (this.#state.kind === 'over' || this.#state.kind === 'aborting') return;
    const first = this.cause;
    clearTimeout(this.#drainTimer);
    this.#state = { kind, cause: first ?? cause };
    this.#request();
    for (const listener of this.#listeners) listener(this.#state, first === undefined);
  }
}
