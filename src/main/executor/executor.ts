/**
 * Executors: where attempts run.
 *
 * The coordinator hands an executor one chunk at a time and learns of each task either through `onSettled` (the attempt
 * ended by itself) or, when the chunk is over, through the `leftovers`: what became of the tasks that never
 * reported. Threads and inline are such executors; child processes and other machines fit the same interface.
 *
 * Invariant: each position of a chunk is either settled once or stands in the leftovers once, never both.
 */

import type { HeddleError } from '../../protocol/errors.js';
import type { Job, ObservedMessage, SettledMessage } from '../../protocol/messages.js';
import type { LogLevel, TaskTraits } from '../../protocol/task.js';

/** Consecutive tasks on the same attempt. */
export interface Chunk {
  /** Index of the first task. */
  readonly first: number;
  /** Index of each task, ascending; undefined when they follow the first without a gap. */
  readonly indexes: readonly number[] | undefined;
  readonly inputs: readonly unknown[];
  readonly keys: readonly string[] | undefined;
  /** Hashes of the inputs as they were read, when values are to be cached. */
  readonly hashes: readonly string[] | undefined;
  readonly attempt: number;
  /** Attempts of its one task that were not counted: a provider was to blame, not the task. */
  readonly refunds: number;
  /** The account of the lane that it uses. */
  readonly account: string | undefined;
  /** Its one task has submitted this job: ask what became of it. */
  readonly job: Job | undefined;
  /** Execute it in a thread of its own: somebody died here, and this task may be why. */
  readonly isolated: boolean;
  /** An attempt at its one task was cut off, in this run or in an earlier one of the session. */
  readonly interrupted: boolean;
  /** How often it came back without an attempt and with nobody to blame; such a task travels alone. */
  readonly troubles: number;
  /** When its tasks became ready to run, ms since the epoch. */
  readonly readyAt: number;
}

/** What an executor tells while it executes a chunk. */
export interface ChunkListener {
  onSettled(chunk: Chunk, message: SettledMessage, workerId: number): void;
  /** Tasks of a chunk in flight from this position on will not begin: run them again, nothing happened. */
  onRecalled(chunk: Chunk, from: number): void;
  onProgress(chunk: Chunk, position: number, fraction: number, note: string | undefined): void;
  onLog(chunk: Chunk, position: number, level: LogLevel, message: string, fields: unknown): void;
  /** A task told what its provider said. */
  onObserved(chunk: Chunk, position: number, observation: Pick<ObservedMessage, 'headers' | 'used'>): void;
  /** A thread ended and was replaced. */
  onWorkerExit(workerId: number, error: HeddleError): void;
}

/** What became of a task that did not report. */
export type Leftover =
  /**
   * It never began, or was a bystander: run it again, nothing happened. `isHere`: its input never left this thread. `begun`: it was being
   * executed.
   */
  | { readonly position: number; readonly kind: 'again'; readonly isHere: boolean; readonly begun: boolean }
  /** Its thread died before it began, with nobody to blame: run it again by itself, and not for ever. */
  | {
      readonly position: number;
      readonly kind: 'unexplained';
      readonly error: HeddleError;
      readonly workerId: number;
    }
  /** It may have killed its thread, others may have as well: run it again in a thread of its own. */
  | { readonly position: number; readonly kind: 'suspect' }
  /** Its attempt failed. */
  | {
      readonly position: number;
      readonly kind: 'failed';
      readonly error: Error;
      readonly startedAt: number;
      readonly workerId: number;
    }
  /** It was ended because the run is. */
  | { readonly position: number; readonly kind: 'aborted' };

/** How a chunk ended. */
export interface ChunkEnd {
  readonly leftovers: readonly Leftover[];
  /** What makes the whole run impossible. */
  readonly fatal?: Error;
}

/** A chunk in execution. */
export interface Execution {
  /** Fulfils when the chunk is over. Never rejects. */
  readonly over: Promise<ChunkEnd>;
  /** Begins no further task of the chunk. */
  stop(): void;
  /** Also aborts the running task; ends it by force after the grace time, or at once if it cannot hear. */
  abort(reason: Error): void;
}

/** A place where attempts run, for one run. */
export interface Executor {
  /** How many chunks can truly execute at once; Infinity when nothing limits it. */
  readonly parallelism: number;
  /** Threads at work, for the report. */
  readonly threads: number;
  /** Makes ready, and says what the task declares. @throws {@link HeddleError} when the task cannot be run at all */
  start(): Promise<TaskTraits>;
  /**
   * @param exclusive - begin it only when no other exclusive chunk of this run executes on its thread
   * @param budgetMs - end behind the task that runs at this time; what is left comes back
   */
  execute(chunk: Chunk, exclusive: boolean, budgetMs: number | undefined): Execution;
  /** Called when nothing can be started: moves tasks that wait to where they can begin. @param wanted - tasks that may execute at once */
  rebalance(wanted: number): void;
  /** Lets go of what belongs to this run. */
  close(): Promise<void>;
}

/**
 * Leftovers for all tasks of a chunk from a position on: run them again.
 *
 * @param begun - tasks of the chunk that began
 */
export function leftoversFrom(chunk: Chunk, from: number, begun: number, isHere = false): Leftover[] {
  return Array.from(
    { length: chunk.inputs.length - from },
    (_, i) => ({ position: from + i, kind: 'again', isHere, begun: from + i < begun }) as const,
  );
}

/** Index of a task of a chunk. */
export function indexOf(chunk: Pick<Chunk, 'first' | 'indexes'>, position: number): number {
  return chunk.indexes?.[position] ?? chunk.first + position;
}
