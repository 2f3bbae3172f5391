/**
 * The options of a runtime and of a run, as the caller writes them: meaning, units, defaults.
 *
 * resolve-options.ts is the only place that checks them and fills in defaults; the rest of the coordinator
 * sees nothing but the resolved form.
 */

import type { Outcome } from '../../protocol/outcome.js';
import type { Services } from '../../protocol/task.js';
import type { Progress } from '../figures/counters.js';
import type { LaneOptions, Lock } from '../lanes/lane-options.js';

/** Options of {@link createRuntime}. */
export interface RuntimeOptions {
  /** Worker threads. `'auto'` is the number of processors this process may use. @defaultValue 'auto' */
  readonly threads?: number | 'auto' | undefined;
  /**
   * Heap limit of each thread in MB, at least 16. A task that goes beyond fails with HEDDLE_OUT_OF_MEMORY and
   * its thread is replaced. Buffers do not count.
   * @defaultValue Node's own limit
   */
  readonly memoryLimitMb?: number | undefined;
  /** Environment of the threads. @defaultValue a copy of this process's */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Where the standard output of tasks goes. @defaultValue 'inherit' */
  readonly taskOutput?: 'inherit' | 'stderr' | undefined;
  /** Lanes by name, for the option `lane` of runs. Their limits hold for all runs of the runtime together. */
  readonly lanes?: Readonly<Record<string, LaneOptions>> | undefined;
  /** Longest time for a task module to load, in ms. @defaultValue 60_000 */
  readonly loadTimeoutMs?: number | undefined;
}

/** When and how often a failed attempt is repeated. */
export interface RetryOptions {
  /** Attempts in all, the first included. @defaultValue 1 */
  readonly attempts?: number | undefined;
  /** Upper bound of the wait before the second attempt, in ms. @defaultValue 100 */
  readonly backoffMs?: number | undefined;
  /** By how much that bound grows from attempt to attempt. @defaultValue 2 */
  readonly factor?: number | undefined;
  /** Highest bound, in ms. @defaultValue 30_000 */
  readonly maxDelayMs?: number | undefined;
  /** `'full'`: wait a random time up to the bound; `'none'`: wait the bound itself. @defaultValue 'full' */
  readonly jitter?: 'full' | 'none' | undefined;
  /** Whether this failure is worth another attempt. @defaultValue every failure is */
  readonly retryIf?: ((error: Error, attempt: number) => boolean) | undefined;
}

/** A session, with what is rarely needed. */
export interface SessionOptions {
  readonly path: string;
  /** Continue even if the session belongs to another task or batch. @defaultValue false */
  readonly force?: boolean | undefined;
  /**
   * How long an owner that may be alive must not have responded before it is replaced, in ms, at least 2000.
   * @defaultValue 10_000
   */
  readonly staleMs?: number | undefined;
  /** What the `key` option stands for, as text; another text is another batch. @defaultValue 'function' */
  readonly keys?: string | undefined;
  /** Kept in the session for whoever continues it: plain JSON. */
  readonly command?: unknown;
  /**
   * Called when the session has outcomes: whether this batch belongs to it. `has` says whether a task has
   * one.
   * @defaultValue for an array: whether any input has one; else not called
   */
  readonly isBatch?: ((has: (key: string) => boolean) => boolean | Promise<boolean>) | undefined;
}

/** Options of {@link Runtime.run}. */
export interface RunOptions<Input = unknown, Value = unknown, S extends Services = Services> {
  /**
   * Tasks in execution at once. More than `threads` helps tasks that wait (network, timers).
   * @defaultValue that of the lane, else the number of threads
   */
  readonly concurrency?: number | undefined;
  /** Order in which outcomes are given out. @defaultValue 'input' */
  readonly order?: 'input' | 'completion' | undefined;
  /**
   * How many tasks may be read from the inputs ahead of what the consumer has taken. Bounds memory.
   * @defaultValue 'auto': as many as keep the threads busy, fewer when inputs or values are large
   */
  readonly window?: number | 'auto' | undefined;
  /** Longest time for one attempt, in ms. @defaultValue none */
  readonly timeoutMs?: number | undefined;
  /**
   * How long an attempt that listens to `ctx.signal` may continue after it was aborted, in ms.
   * @defaultValue 10_000
   */
  readonly graceMs?: number | undefined;
  /** Longest time for the whole run, in ms; then it is aborted. @defaultValue none */
  readonly deadlineMs?: number | undefined;
  /** Repetition of failed attempts. @defaultValue one attempt */
  readonly retry?: RetryOptions | undefined;
  /**
   * What limits the tasks: a lane, the name of one of the runtime's, or a function that names it for each
   * task. Its own policy decides on retries; of `retry`, if given, the attempts, the waits and `retryIf`.
   * @defaultValue none: nothing limits them but `concurrency`
   */
  readonly lane?: string | LaneOptions | ((input: Input, index: number) => string) | undefined;
  /**
   * What a task must have for itself: tasks that name the same key never run at the same time, unless all of
   * them only share it. Holds among all runs of the runtime.
   * @defaultValue nothing
   */
  readonly locks?: ((input: Input, index: number) => Lock | readonly Lock[] | undefined) | undefined;
  /** End the run at the first failed task. The same as `maxFailures: 0`. @defaultValue false */
  readonly failFast?: boolean | undefined;
  /** Failed tasks that are put up with: a count, or a share of the batch such as `'5%'`. @defaultValue all */
  readonly maxFailures?: number | `${number}%` | undefined;
  /**
   * Tasks that travel to a thread in one message. `'auto'` adapts to how long tasks take.
   * @defaultValue 'auto'
   */
  readonly chunk?: number | 'auto' | undefined;
  /**
   * Stable name of a task. Two equal keys in a batch end the run. Keys cost memory for every task.
   * @defaultValue a hash of the input
   */
  readonly key?: ((input: Input, index: number) => string | number) | undefined;
  /** How many inputs there will be, when heddle cannot know; for progress and time left. */
  readonly total?: number | undefined;
  /** Aborts the run. Its reason is what the run then rejects with. */
  readonly signal?: AbortSignal | undefined;
  /** Called with a fresh snapshot, at most ten times a second and once at the end. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Functions of the caller that tasks may call as `ctx.services`. */
  readonly services?: S | undefined;
  /**
   * Folder in which each outcome is recorded before it is shown. A later run with the same folder continues:
   * tasks with an outcome are not executed again, they are known by their keys. Made if it is not there.
   * @defaultValue none: nothing is kept
   */
  readonly session?: string | SessionOptions | undefined;
  /** With a session: execute tasks again that failed in an earlier run. @defaultValue false */
  readonly retryFailed?: boolean | undefined;
  /**
   * The share of the batch to work on: every task falls to one of `count` shards, by its key. Several
   * processes may work on the shards of one session at the same time.
   * @defaultValue the whole batch
   */
  readonly shard?: { readonly index: number; readonly count: number } | undefined;
  /**
   * Folder with values of earlier runs, of any session: an input that this very task module was given before
   * gets the value that it had then. What the module imports is not looked at. Not for functions.
   * @defaultValue none
   */
  readonly cache?: string | undefined;
  /** Called with each outcome before it is given out, in the order in which tasks end. */
  readonly onOutcome?: ((outcome: Outcome<Value>) => void) | undefined;
}
