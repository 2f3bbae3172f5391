/**
 * The runtime: a set of threads, and the runs on them. This is what callers hold.
 *
 * Threads start with the first run that needs them and stay for the next; `close()` ends them. Without `close()` idle threads
 * do not keep the process alive.
 */

import { HeddleError, OptionError } from '../../protocol/errors.js';
import type { Services, Submitted, TaskContext, TaskFunction } from '../../protocol/task.js';
import { functionIdentity, moduleIdentity } from '../../session/task-identity.js';
import { InlineExecutor } from '../executor/inline.js';
import type { ThreadChunk } from '../executor/threads/thread-chunk.js';
import { callerLoad, ThreadPool } from '../executor/threads/thread-pool.js';
import { type SharedThreads, ThreadsExecutor } from '../executor/threads/threads.js';
import type { RunOptions, RuntimeOptions } from '../options/options.js';
import {
  isKept,
  type ResolvedRuntimeOptions,
  resolveRunOptions,
  resolveRuntimeOptions,
} from '../options/resolve-options.js';
import { RunCore } from '../run/run.js';
import type { LanesInUse } from '../run/run-lanes.js';
import type { Inputs } from '../run/source.js';
import { Run } from './run-handle.js';
import { type AnyTask, isTaskReference, type TaskReference } from './task-reference.js';

// biome-ignore lint/suspicious/noExplicitAny: stands for the types of any task function, which are inferred from it
type Any = any;

/** Input type of a task function. */
export type InputOf<T> = T extends (input: infer Input, ...rest: Any[]) => unknown ? Input : never;
/** Value type of a task function. */
export type ValueOf<T> = T extends (...args: Any[]) => infer Value
  ? Exclude<Awaited<Value>, Submitted>
  : never;
/** What a task function demands of the run option `services`. */
export type ServicesOf<T> = T extends (input: Any, ctx: TaskContext<infer S extends Services>) => unknown
  ? S
  : Services;

/** Options of a run of the given task; `services` is demanded if the task function names the services it calls. */
export type RunOptionsFor<T> = RunOptions<InputOf<T>, ValueOf<T>, ServicesOf<T>> &
  (string extends keyof ServicesOf<T> ? unknown : { readonly services: ServicesOf<T> });

type OptionsArgument<T> = string extends keyof ServicesOf<T>
  ? [options?: RunOptionsFor<T>]
  : [options: RunOptionsFor<T>];

let runCount = 0;

/** A set of threads to run batches on. Made by {@link createRuntime}. */
export class Runtime {
  readonly #options: ResolvedRuntimeOptions;
  readonly #threads: SharedThreads;
  readonly #lanes: LanesInUse = { lanes: new WeakMap(), locks: undefined };
  readonly #runs = new Set<RunCore>();
  #closing: Promise<void> | undefined;

  constructor(options: ResolvedRuntimeOptions) {
    this.#options = options;
    this.#threads = {
      pool: new ThreadPool(options),
      chunks: new Set<ThreadChunk>(),
      isolated: new Set<ThreadPool>(),
      options,
    };
  }

  /** Number of worker threads. */
  get threads(): number {
    return this.#options.threads;
  }

  /**
   * Maps a task over a batch of inputs.
   *
   * @param task - a task module ({@link task}), which runs on threads, or a function, which runs on this thread
   * @param inputs - read lazily, no further than the window ahead
   * @throws {@link HeddleError} HEDDLE_INVALID_OPTION, HEDDLE_CLOSED. What goes wrong later rejects the run's promises.
   */
  run<T extends AnyTask>(
    task: TaskReference<T> | T,
    inputs: Inputs<InputOf<T>>,
    ...[options]: OptionsArgument<T>
  ): Run<ValueOf<T>> {
    if (this.#closing !== undefined)
      throw new HeddleError('HEDDLE_CLOSED', 'The runtime is closed; create another one');
    const isInline = typeof task === 'function';
    if (!isInline && !isTaskReference(task)) {
      throw new HeddleError(
        'HEDDLE_INVALID_OPTION',
        'Expected the task to be a function or the answer of task(url)',
      );
    }
    const resolved = resolveRunOptions(options, this.#options.lanes);
    if (isInline && resolved.cache !== undefined) {
      throw new OptionError(
        'cache',
        'The option `cache` needs a task module: what a function gives depends on what it closes over, which nobody can see',
      );
    }
    const { timeoutMs, graceMs } = resolved;
    const isEncoded = isKept(resolved);
    const runId = ++runCount;
    const core = new RunCore({
      inputs,
      options: resolved,
      isInline: isInline || task.inline,
      lanes: this.#lanes,
      makeExecutor: (listener, services) =>
        isInline || task.inline
          ? new InlineExecutor({
              task: isInline ? (task as TaskFunction) : task.module,
              services,
              listener,
              timeoutMs,
              graceMs,
              isEncoded,
            })
          : new ThreadsExecutor(this.#threads, {
              runId,
              module: task.module,
              services,
              listener,
              timeoutMs,
              graceMs,
              isEncoded,
            }),
      identify: () => (isInline ? functionIdentity(task as TaskFunction) : moduleIdentity(task.module)),
      loads: () => [callerLoad(), ...this.#threads.pool.loads()],
    });
    this.#runs.add(core);
    void core.released().then(() => this.#runs.delete(core));
    return new Run<ValueOf<T>>(core);
  }

  /** Aborts what runs, then ends the threads. Nothing is left when it fulfils. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const reason = new HeddleError('HEDDLE_CLOSED', 'The runtime was closed while the run was in progress');
    await Promise.all(
      [...this.#runs].map((core) => {
        core.abort(reason);
        return core.ended;
      }),
    );
    for (const core of this.#runs) core.release();
    await Promise.all([this.#threads.pool, ...this.#threads.isolated].map((pool) => pool.close()));
  }
}

/**
 * Makes a runtime. Its threads start with the first run that needs them.
 *
 * @throws {@link OptionError} HEDDLE_INVALID_OPTION
 */
export function createRuntime(options?: RuntimeOptions): Runtime {
  return new Runtime(resolveRuntimeOptions(options));
}
