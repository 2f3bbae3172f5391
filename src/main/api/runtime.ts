/**
 * The runtime: a set of threads, and the runs on them.
 *
 * Threads start with the first run that needs them and stay for the next; `close()` ends them. Without
 * `close()`, idle threads do not keep the process alive.
 */

import { HeddleError, OptionError } from '../../protocol/errors.js';
import { loadingModule } from '../../protocol/loading-mark.js';
import type { Services, Submitted, TaskContext, TaskFunction } from '../../protocol/task.js';
import { functionIdentity, readModule } from '../../session/task-identity.js';
import type { Executor } from '../executor/executor.js';
import { InlineExecutor } from '../executor/inline.js';
import type { ThreadChunk } from '../executor/threads/thread-chunk.js';
import { callerLoad, ThreadPool } from '../executor/threads/thread-pool.js';
import { type SharedThreads, ThreadsExecutor } from '../executor/threads/threads.js';
import type { RunOptions, RuntimeOptions } from '../options/options.js';
import {
  isKept,
  type ResolvedRunOptions,
  type ResolvedRuntimeOptions,
  resolveRunOptions,
  resolveRuntimeOptions,
} from '../options/resolve-options.js';
import type { LanesInUse } from '../run/admission.js';
import { type ExecutorSetup, RunCore, type RunSetup } from '../run/run.js';
import type { Inputs } from '../run/source.js';
import { makeRun, type Run } from './run-handle.js';
import { type AnyTask, isTaskReference, type TaskReference } from './task-reference.js';

/** Input type of a task function. */
export type InputOf<T> = T extends (input: infer Input, ...rest: never[]) => unknown ? Input : never;
/** Value type of a task function. */
export type ValueOf<T> = T extends (...args: never[]) => infer Value
  ? Exclude<Awaited<Value>, Submitted>
  : never;
/** What a task function demands of the run option `services`. */
export type ServicesOf<T> = T extends (input: never, ctx: TaskContext<infer S extends Services>) => unknown
  ? S
  : Services;

/** Options of a run of a task. `services` is required if the task function names the services it calls. */
export type RunOptionsFor<T> = RunOptions<InputOf<T>, ValueOf<T>, ServicesOf<T>> &
  (string extends keyof ServicesOf<T> ? unknown : { readonly services: ServicesOf<T> });

let runCount = 0;
let makeRuntime: (options: ResolvedRuntimeOptions) => Runtime;

/** A set of threads to run batches on. Made by {@link createRuntime}. */
export class Runtime {
  readonly #options: ResolvedRuntimeOptions;
  readonly #threads: SharedThreads;
  readonly #lanes: LanesInUse = { lanes: new WeakMap(), locks: undefined };
  readonly #runs = new Set<RunCore>();
  #closing: Promise<void> | undefined;

  private constructor(options: ResolvedRuntimeOptions) {
    this.#options = options;
    this.#threads = {
      pool: new ThreadPool(options),
      chunks: new Set<ThreadChunk>(),
      isolated: new Set<ThreadPool>(),
      options,
    };
  }

  static {
    makeRuntime = (options) => new Runtime(options);
  }

  /** Number of worker threads. */
  get threads(): number {
    return this.#options.threads;
  }

  /**
   * Maps a task over a batch of inputs.
   *
   * @param task - a task module ({@link task}), which runs on threads, or a function, which runs on this
   *   thread
   * @param inputs - read lazily, no further than the window ahead
   * @throws {@link HeddleError} HEDDLE_INVALID_OPTION, HEDDLE_CLOSED. What goes wrong later rejects the
   *   promises of the run.
   */
  run<T extends AnyTask>(
    task: TaskReference<T> | T,
    inputs: Inputs<InputOf<T>>,
    ...[options]: string extends keyof ServicesOf<T>
      ? [options?: RunOptionsFor<T>]
      : [options: RunOptionsFor<T>]
  ): Run<ValueOf<T>> {
    if (this.#closing !== undefined)
      throw new HeddleError('HEDDLE_CLOSED', 'The runtime is closed; create another one');
    if (typeof task !== 'function' && !isTaskReference(task)) {
      throw new HeddleError(
        'HEDDLE_INVALID_OPTION',
        'Expected the task to be a function or the answer of task(url)',
      );
    }
    const resolved = resolveRunOptions(options, this.#options.lanes);
    const where =
      typeof task === 'function'
        ? this.#onThisThread(task as TaskFunction, resolved)
        : this.#asModule(task, resolved);
    const core = new RunCore({
      ...where,
      inputs,
      options: resolved,
      lanes: this.#lanes,
      refusal: refusalWhileLoading(),
      loads: () => [callerLoad(), ...this.#threads.pool.loads()],
    });
    this.#runs.add(core);
    void core.released().then(() => this.#runs.delete(core));
    return makeRun<ValueOf<T>>(core);
  }

  /** Aborts all runs, then ends the threads. Only a thread in a native call may outlive the promise. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #onThisThread(task: TaskFunction, options: ResolvedRunOptions): Where {
    if (options.cache !== undefined) {
      throw new OptionError(
        'cache',
        'The option `cache` needs a task module: the value of a function may depend on what it closes over',
      );
    }
    return {
      isInline: true,
      identify: () => functionIdentity(task),
      makeExecutor: (setup) => this.#inline(task, undefined, options, setup),
    };
  }

  #asModule({ module, inline }: TaskReference, options: ResolvedRunOptions): Where {
    const text = readModule(module);
    const version = isKept(options) ? text.version : undefined;
    return {
      isInline: inline,
      identify: () => text.identity(),
      makeExecutor: (setup) =>
        inline
          ? this.#inline(module, version, options, setup)
          : this.#onThreads(module, text.version, options, setup),
    };
  }

  #inline(
    task: TaskFunction | string,
    version: string | undefined,
    options: ResolvedRunOptions,
    { services }: ExecutorSetup,
  ): Executor {
    const { timeoutMs, graceMs } = options;
    const { loadTimeoutMs } = this.#options;
    const isEncoded = isKept(options);
    return new InlineExecutor({ task, version, services, timeoutMs, graceMs, loadTimeoutMs, isEncoded });
  }

  #onThreads(
    module: string,
    version: string,
    options: ResolvedRunOptions,
    { offer, onWorkerExit, onImbalance }: ExecutorSetup,
  ): Executor {
    const { timeoutMs, graceMs } = options;
    return new ThreadsExecutor(this.#threads, {
      runId: ++runCount,
      module,
      version,
      services: offer,
      timeoutMs,
      graceMs,
      isEncoded: isKept(options),
      onWorkerExit,
      onImbalance,
    });
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

/** Where the attempts of a run are executed. */
type Where = Pick<RunSetup, 'isInline' | 'identify' | 'makeExecutor'>;

/** A task module that starts a run while it is loaded would be loaded again by that run, without end. */
function refusalWhileLoading(): HeddleError | undefined {
  const module = loadingModule();
  if (module === undefined) return undefined;
  return new HeddleError(
    'HEDDLE_TASK_MODULE_LOAD',
    `A run was started while task module ${module} was being loaded: ` +
      'the module imports the program that runs it. ' +
      'Put the task into a file of its own that imports nothing of that program',
  );
}

/**
 * Makes a runtime. Its threads start with the first run that needs them.
 *
 * @throws {@link OptionError} HEDDLE_INVALID_OPTION
 */
export function createRuntime(options?: RuntimeOptions): Runtime {
  return makeRuntime(resolveRuntimeOptions(options));
}
