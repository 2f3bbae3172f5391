/**
 * Outcomes: how a task ended.
 *
 * `succeeded` and `failed` are final. `aborted` (the task was running, or waiting for its next attempt) and
 * `skipped` (it never began) are not: a later run executes the task again.
 *
 * A run may make millions of outcomes, so the key of an outcome is computed on first read: hashing every
 * input would cost more than small tasks do. `toJSON` and inspection include it.
 */

import { inspect } from 'node:util';
import { type SerializedError, serializeError } from './serialized-error.js';
import { reportedKey } from './task-key.js';

/** What every outcome has. */
export interface OutcomeBase {
  /** Position of the input in the batch, from 0. */
  readonly index: number;
  /**
   * Stable name of the task: what the `key` option returned, else the hash of the input, else
   * `unkeyed-<index>` for an input that cannot be hashed (see {@link taskKey}).
   */
  readonly key: string;
  /** Number of executions that count as attempts. 0 when the task never began. */
  readonly attempts: number;
  /** When the last attempt began, in milliseconds since the epoch; undefined when none did. */
  readonly startedAt: number | undefined;
  /** How long the last attempt took. */
  readonly durationMs: number;
  /** Thread id of the worker that executed the last attempt; 0 is the caller's own thread. */
  readonly workerId: number | undefined;
}

/** The task has a value. */
export interface Succeeded<Value> extends OutcomeBase {
  readonly status: 'succeeded';
  readonly value: Value;
}

/** The task failed and its attempts are used up. */
export interface Failed extends OutcomeBase {
  readonly status: 'failed';
  readonly error: Error;
}

/** The run ended before the task did. */
export interface Unfinished extends OutcomeBase {
  readonly status: 'aborted' | 'skipped';
  /** Why the run ended. */
  readonly error: Error;
}

/** How a task ended. */
export type Outcome<Value = unknown> = Succeeded<Value> | Failed | Unfinished;

/** An outcome as one line of JSON. */
export interface OutcomeRecord {
  readonly index: number;
  readonly key: string;
  readonly status: Outcome['status'];
  readonly value?: unknown;
  readonly error?: SerializedError;
  readonly attempts: number;
  readonly startedAt?: string;
  readonly durationMs: number;
}

/** The task of an outcome: its explicit key, else the input to hash. */
export interface OutcomeTask {
  readonly key: string | undefined;
  readonly input: unknown;
}

class SettledTask {
  readonly index: number;
  readonly status: Outcome['status'];
  readonly attempts: number;
  readonly startedAt: number | undefined;
  readonly durationMs: number;
  readonly workerId: number | undefined;
  #key: string | undefined;
  #input: unknown;

  constructor(
    index: number,
    status: Outcome['status'],
    attempts: number,
    startedAt: number | undefined,
    durationMs: number,
    workerId: number | undefined,
    key: string | undefined,
    input: unknown,
  ) {
    this.index = index;
    this.status = status;
    this.attempts = attempts;
    this.startedAt = startedAt;
    this.durationMs = durationMs;
    this.workerId = workerId;
    this.#key = key;
    this.#input = input;
  }

  get key(): string {
    if (this.#key === undefined) {
      this.#key = reportedKey(this.#input, this.index);
      this.#input = undefined;
    }
    return this.#key;
  }

  toJSON(): OutcomeRecord {
    const { value, error } = this as { value?: unknown; error?: Error };
    return {
      index: this.index,
      key: this.key,
      status: this.status,
      ...(this.status === 'succeeded' ? { value: value ?? null } : { error: serializeError(error) }),
      attempts: this.attempts,
      ...(this.startedAt !== undefined && { startedAt: new Date(this.startedAt).toISOString() }),
      durationMs: Math.round(this.durationMs * 1000) / 1000,
    };
  }

  [inspect.custom](): object {
    const { index, key, ...rest } = { ...this, key: this.key };
    return { index, key, ...rest };
  }
}

class SucceededTask extends SettledTask {
  readonly value: unknown;

  constructor(
    index: number,
    value: unknown,
    attempts: number,
    startedAt: number,
    durationMs: number,
    workerId: number,
    key: string | undefined,
    input: unknown,
  ) {
    super(index, 'succeeded', attempts, startedAt, durationMs, workerId, key, input);
    this.value = value;
  }
}

class UnsuccessfulTask extends SettledTask {
  readonly error: Error;

  constructor(
    status: 'failed' | 'aborted' | 'skipped',
    error: Error,
    times: AttemptTimes,
    task: OutcomeTask & { index: number },
  ) {
    super(
      task.index,
      status,
      times.attempts,
      times.startedAt,
      times.durationMs,
      times.workerId,
      task.key,
      task.input,
    );
    this.error = error;
  }
}

/** When and where the last attempt of a task ran. */
export interface AttemptTimes {
  readonly attempts: number;
  readonly startedAt: number | undefined;
  readonly durationMs: number;
  readonly workerId: number | undefined;
}

/** Of a task that was never executed. */
export const NEVER_BEGAN: AttemptTimes = {
  attempts: 0,
  startedAt: undefined,
  durationMs: 0,
  workerId: undefined,
};

/**
 * Makes the outcome of a task that has a value. The arguments are positional because it runs once for each
 * task.
 */
export function succeeded(
  index: number,
  value: unknown,
  attempts: number,
  startedAt: number,
  durationMs: number,
  workerId: number,
  key: string | undefined,
  input: unknown,
): Outcome {
  return new SucceededTask(index, value, attempts, startedAt, durationMs, workerId, key, input) as Outcome;
}

/** Makes the outcome of a task that has no value. */
export function unsuccessful(
  status: 'failed' | 'aborted' | 'skipped',
  error: Error,
  times: AttemptTimes,
  task: OutcomeTask & { readonly index: number },
): Outcome {
  return new UnsuccessfulTask(status, error, times, task) as Outcome;
}
