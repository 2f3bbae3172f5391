/**
 * The contract between a task module and heddle: what a task function is and what it receives.
 *
 * A task module default-exports a task function. It need not import anything from heddle; these types are
 * optional.
 */

/** Severity of a task's log line. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Functions of the caller that tasks may call. Called from a thread, each returns a promise. */
export type Services = Readonly<Record<string, (...args: never[]) => unknown>>;

/** The services as a task calls them: every call is asynchronous. */
export type RemoteServices<S extends Services> = {
  readonly [Name in keyof S]: (...args: Parameters<S[Name]>) => Promise<Awaited<ReturnType<S[Name]>>>;
};

/** What a task function receives in addition to its input. */
export interface TaskContext<S extends Services = Services> {
  /**
   * Aborted when the attempt must end because of its timeout or an abort of the run. A task that has read
   * `signal` may clean up within the grace time; otherwise its thread is terminated at once. CPU-bound code
   * can poll `signal.aborted`, which is up to date without returning to the event loop.
   */
  readonly signal: AbortSignal;
  /** Position of the input in this batch, from 0. */
  readonly index: number;
  /**
   * Stable name of the task: the caller's key, else the hash of the input.
   *
   * @throws HeddleError HEDDLE_INVALID_KEY on reading, when there is no key and the input cannot be hashed
   */
  readonly key: string;
  /** Which execution this is, from 1. */
  readonly attempt: number;
  /** The account of the run's lane to use; undefined when the lane has no accounts. */
  readonly account: string | undefined;
  /**
   * Reports to the run's lane what the provider returned: the headers of its response, which may describe
   * limits, and how much of the lane's budgets the call has actually used, by unit.
   */
  observe(observation: Observation): void;
  /**
   * For a task whose work continues elsewhere, as a job: `return ctx.submitted(handle)`. The handle is kept,
   * durably if the run has a session. The task then occupies no thread and no slot of its lane. After
   * `pollMs` the module's `poll(handle, ctx)` is called. It returns the value, or `ctx.submitted(handle)`
   * while the job continues, or throws.
   *
   * @param handle - plain JSON that identifies the job
   */
  submitted(handle: unknown, options?: SubmittedOptions): Submitted;
  /** Reports progress, from 0 to 1. At most ten reports a second are sent; the others are dropped. */
  progress(fraction: number, note?: string): void;
  /** Emits a log event of the run. Fields that cannot be sent are replaced by a description. */
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** The caller's functions (run option `services`). */
  readonly services: RemoteServices<S>;
  /**
   * Moves buffers of a value to the caller instead of copying them: `return ctx.transfer(value,
   * [value.buffer])`.
   */
  transfer<T>(value: T, buffers: readonly Transferable[]): T;
}

/** What a provider returned to a task. */
export interface Observation {
  /** Headers of the response: `Headers`, a plain object, or pairs. */
  readonly headers?: unknown;
  /** What the call used, by unit of a budget: `{ tokens: 812 }`. */
  readonly used?: Readonly<Record<string, number>> | undefined;
}

/** How a submitted job is polled. */
export interface SubmittedOptions {
  /** Time until the next poll, in ms. @defaultValue 1000 */
  readonly pollMs?: number | undefined;
}

declare const SUBMITTED: unique symbol;

/** A job that continues elsewhere. Made by `ctx.submitted`. */
export class Submitted {
  readonly handle: unknown;
  readonly pollMs: number;
  /** Makes the type nominal: no other value of a task is assignable to it. */
  declare readonly [SUBMITTED]: true;

  constructor(handle: unknown, pollMs: number) {
    this.handle = handle;
    this.pollMs = pollMs;
  }
}

/**
 * Whether a task may run again after an attempt was cut off (its thread died, it timed out, the process was
 * killed). `at-least-once`: it may. `at-most-once`: it must not, and fails with HEDDLE_INTERRUPTED instead.
 */
export type Execution = 'at-least-once' | 'at-most-once';

/**
 * What a task module exports in addition to its function, such as `export const execution = 'at-most-once'`.
 */
export interface TaskTraits {
  readonly execution: Execution;
  /** It exports `adopt(input, ctx)`, which finds out how an attempt that was cut off ended. */
  readonly adopts: boolean;
  /** It exports `poll(handle, ctx)`, which returns the state of a job that the task submitted. */
  readonly polls: boolean;
}

/**
 * What `adopt` returns: the value that the attempt produced before it was cut off, `ctx.submitted(handle)`
 * when its job continues, or undefined when the attempt had no effect and the task can run again.
 */
export type Adopted<Value> = { readonly value: Value } | Submitted | undefined;

/** A task function and the other exports of its module. */
export interface LoadedTask {
  readonly run: TaskFunction;
  readonly adopt: TaskFunction | undefined;
  readonly poll: TaskFunction | undefined;
  readonly execution: Execution;
  /** Of the text that was loaded (text-version.ts); empty for a function. */
  readonly version: string;
}

/** An object that can be moved between threads. */
export type Transferable =
  | ArrayBuffer
  | import('node:worker_threads').MessagePort
  | ReadableStream
  | WritableStream;

/** A task function: maps one input to one value. */
export type TaskFunction<Input = never, Value = unknown, S extends Services = never> = (
  input: Input,
  ctx: TaskContext<S>,
) => Value | Promise<Value>;
