/**
 * Executors: where attempts run.
 *
 * The coordinator passes an executor one chunk at a time. Each task is either settled through the listener
 * (its attempt ended by itself) or, when the chunk is over, listed in the leftovers: what became of the tasks
 * that did not report. Threads and inline are such executors; child processes and other machines fit the same
 * contract.
 *
 * Invariant: each position of a chunk is either settled once or listed in the leftovers once, never both.
 */

import type { HeddleError } from '../../protocol/errors.js';
import type { ObservedMessage, SettledMessage } from '../../protocol/messages.js';
import type { LogLevel, TaskTraits } from '../../protocol/task.js';
import type { Chunk } from './chunk.js';

/** What an executor reports while it executes a chunk. Its methods do not throw. */
export interface ChunkListener {
  onSettled(chunk: Chunk, message: SettledMessage, workerId: number): void;
  onProgress(chunk: Chunk, position: number, fraction: number, note: string | undefined): void;
  onLog(chunk: Chunk, position: number, level: LogLevel, message: string, fields: unknown): void;
  /** A task passed on what its provider said. */
  onObserved(chunk: Chunk, position: number, observation: Pick<ObservedMessage, 'headers' | 'used'>): void;
}

/** Runs a function of the caller in the async context in which the run was started. */
export type InContext = <T>(work: () => T) => T;

/** A thread ended by itself and was replaced. */
export type OnWorkerExit = (workerId: number, error: HeddleError) => void;

/** What a chunk may take. */
export interface ChunkLimits {
  readonly timeoutMs: number | undefined;
  readonly graceMs: number;
}

/** What became of a task that did not report. */
export type Leftover =
  /** It did not begin, or was a bystander: run it again. `isHere`: its input is still on this side. */
  | { readonly position: number; readonly kind: 'again'; readonly isHere: boolean; readonly begun: boolean }
  /**
   * Its thread died before it began, with nothing to blame: run it again alone, a limited number of times.
   */
  | {
      readonly position: number;
      readonly kind: 'unexplained';
      readonly error: HeddleError;
      readonly workerId: number;
    }
  /** It may have killed its thread, as others may: run it again in a thread of its own. */
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

/** How a chunk is executed. */
export interface ExecutionOptions {
  /** Begin it only when no other exclusive chunk of this run executes on its thread. */
  readonly isExclusive: boolean;
  /** After this time the chunk ends when the running task does; what is left is listed in the leftovers. */
  readonly budgetMs: number | undefined;
}

/** A chunk in execution. */
export interface ChunkExecution {
  /** Resolves when the chunk is over. Never rejects. */
  readonly over: Promise<ChunkEnd>;
  /** Begins no further task of the chunk. */
  stop(): void;
  /** Also aborts the running task. Ends it by force after the grace time, at once if it does not listen. */
  abort(reason: Error): void;
}

/** Tasks of a chunk in flight, from a position on, that did not begin and will not. */
export interface Recalled {
  readonly chunk: Chunk;
  readonly from: number;
}

/** A place where the attempts of one run are executed. */
export interface Executor {
  /** How many chunks can truly execute at once; Infinity when nothing limits it. */
  readonly parallelism: number;
  /** Threads at work, for the report. */
  readonly threads: number;
  /**
   * Loads the task and returns what it declares.
   * @throws {@link HeddleError} when the task cannot be run at all
   */
  start(): Promise<TaskTraits>;
  execute(chunk: Chunk, options: ExecutionOptions, listener: ChunkListener): ChunkExecution;
  /**
   * Called when nothing can be started. Takes back tasks that wait behind others and could begin elsewhere.
   *
   * @param wanted - tasks that may execute at once
   */
  rebalance(wanted: number): Recalled | undefined;
  /** Releases what belongs to this run. */
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

/** Nothing of the chunk began, and its inputs are still here. */
export function notBegun(chunk: Chunk): Leftover[] {
  return leftoversFrom(chunk, 0, 0, true);
}
