/**
 * What a task function is and what it receives: the contract between a task module and heddle.
 *
 * A task module default-exports a function of this shape. It needs no import from heddle; the types here
 * are for those who want them.
 */

/** Severity of a task's log line. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Functions of the caller that tasks may call. Called from a thread, each answers with a promise. */
export type Services = Readonly<Record<string, (...args: never[]) => unknown>>;

/** The services as a task sees them: every call is asynchronous. */
export type RemoteServices<S extends Services> = {
  readonly [Name in keyof S]: (...args: Parameters<S[Name]>) => Promise<Awaited<ReturnType<S[Name]>>>;
};

/** What a task function receives beside its input. */
export interface TaskContext<S extends Services = Services> {
  /**
   * Aborted when the attempt must end: timeout, abort of the run. A task that reads it may clean up within the
   * grace time; one that never reads it is ended with its thread at once. CPU-bound code can poll
   * `signal.aborted`: it is kept up to date without returning to the event loop.
   */
  readonly signal: AbortSignal;
  /** Position of the input in this batch, from 0. */
  readonly index: number;
  /** Stable name of the task: the caller's key, else the hash of the input. */
  readonly key: string;
  /** Which execution this is, from 1. */
  readonly attempt: number;
  /** Which account of the run's lane to use; undefined when the lane has none. */
  readonly account: string | undefined;
  /**
   * Tells the run's lane what the provider said: the headers of its answer, from which limits are learned, and what the call has truly
   * used up of the lane's budgets, by unit.
   */
  observe(observation: Observation): void;
  /**
   * For a task whose work goes on elsewhere: `return ctx.submitted(handle)`. The handle is kept, with a session durably; the task holds no thread
   * and no place of its lane, and after a while the module's `poll(handle, ctx)` is asked what became of it. It answers with the value, with
   * `ctx.submitted(handle)` when it is not over, or throws.
   *
   * @param handle - plain JSON
   */
  submitted(handle: unknown, options?: SubmittedOptions): Submitted;
  /** Tells how far the task is, from 0 to 1. At most ten reports a second leave the thread; the rest is dropped. */
  progress(fraction: number, note?: string): void;
  /** Writes a line to the run's log events. Fields that cannot be sent are described instead. */
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** The caller's functions (run option `services`). */
  readonly services: RemoteServices<S>;
  /** Marks buffers of a value to be moved to the caller instead of copied: `return ctx.transfer(result, [result.buffer])`. */
  transfer<T>(value: T, buffers: readonly Transferable[]): T;
}

/** What a task learned from its provider. */
export interface Observation {
  /** Headers of the answer: `Headers`, a plain object, or pairs. */
  readonly headers?: unknown;
  /** What the call used up, by unit of a budget: `{ tokens: 812 }`. */
  readonly used?: Readonly<Record<string, number>> | undefined;
}

/** How a job elsewhere is asked about. */
export interface SubmittedOptions {
  /** Asked about again after this time, in ms. @defaultValue 1000 */
  readonly pollMs?: number | undefined;
}

declare const SUBMITTED: unique symbol;

/** A job that goes on elsewhere. Made by `ctx.submitted`. */
export class Submitted {
  readonly handle: unknown;
  readonly pollMs: number;
  /** No value of a task is one by chance. */
  declare readonly [SUBMITTED]: true;

  constructor(handle: unknown, pollMs: number) {
    this.handle = handle;
    this.pollMs = pollMs;
  }
}

/**
 * What a task promises. `at-least-once`: an attempt that was cut off (its thread died, its time was up, the process was killed) may be
 * executed again. `at-most-once`: it must not; the task then fails with HEDDLE_INTERRUPTED.
 */
export type Execution = 'at-least-once' | 'at-most-once';

/** What a task module declares beside its function: `export const execution = …`, `export function adopt(input, ctx) {…}`. */
export interface TaskTraits {
  readonly execution: Execution;
  /** It exports `adopt`, which finds out what became of an attempt that was cut off. */
  readonly adopts: boolean;
  /** It exports `poll`, which finds out what became of a job that it submitted. */
  readonly polls: boolean;
}

/**
 * What `adopt` answers: the value that the cut-off attempt had after all, `ctx.submitted(handle)` when its job goes on, or undefined when
 * nothing came of it.
 */
export type Adopted<Value> = { readonly value: Value } | Submitted | undefined;

/** A task function with what its module declares. */
export interface LoadedTask {
  readonly run: TaskFunction;
  readonly adopt: TaskFunction | undefined;
  readonly poll: TaskFunction | undefined;
  readonly execution: Execution;
  /** Of the text that was loaded (text-version.ts); empty for a function. */
  readonly version: string;
}

/** What can be moved between threads. */
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
