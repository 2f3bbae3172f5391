/**
 * Messages between `heddle bench` and its child processes, over Node's IPC with structured clone.
 *
 * Each request gets one answer, and the next is sent only after it.
 *
 *   open     starts threads and loads the module
 *   inputs   adds to the sample, or begins a new one
 *   round    runs the sample once
 *   payload  measures what it costs to copy some inputs and values as threads copy them (the loop only)
 */

import type { SerializedError } from '../main/index.js';
import type { Variant } from './variants.js';

/**
 * Why there is nothing to compare. The cause is the task, not the command line: exit code 1, without a stack
 * trace.
 */
export class BenchProblem extends Error {
  override readonly name = 'BenchProblem';
}

/** How a child runs the sample. */
export interface ChildSpec extends Pick<Variant, 'kind' | 'threads' | 'concurrency' | 'chunk'> {
  /** Absolute path of the task module. */
  readonly module: string;
  readonly timeoutMs: number | undefined;
  readonly memoryLimitMb: number | undefined;
  /** Let heddle load the module first: its errors say what to do. */
  readonly checksModule: boolean;
}

export interface RoundRequest {
  readonly type: 'round';
  /** Hash every outcome. Such a round takes longer. */
  readonly hashes: boolean;
  /** Time every task. Variants of heddle always do; the loop only on request. */
  readonly times: boolean;
  /** Also show the outcome at this position as text. Needs `hashes`. */
  readonly show?: number;
}

export type ChildRequest =
  | { readonly type: 'open'; readonly spec: ChildSpec }
  | { readonly type: 'inputs'; readonly inputs: readonly unknown[]; readonly isFirst: boolean }
  | RoundRequest
  | { readonly type: 'payload' };

export interface Opened {
  /** Time until the first task could start. */
  readonly startMs: number;
  /** What the module declares; undefined in a process in which heddle loads it. */
  readonly execution: 'at-least-once' | 'at-most-once' | undefined;
}

export interface Round {
  readonly ms: number;
  /** Processor time of the whole process during the round. */
  readonly cpuMs: number;
  /** Peak of the resident memory of the process so far. */
  readonly peakBytes: number;
  readonly failed: number;
  /** 95th percentile of the times of single tasks, if they were measured. */
  readonly taskP95Ms?: number | undefined;
  readonly firstError?: string | undefined;
  /** 8 bytes for each outcome, in input order. */
  readonly hashes?: Uint8Array | undefined;
  readonly shown?: string | undefined;
}

/** Means of a task. */
export interface Payload {
  /** Size of input and value. */
  readonly bytes: number;
  /** Time to serialize and deserialize both. */
  readonly moveMs: number;
}

/** The value that each request is answered with. */
export interface ChildValues {
  readonly open: Opened;
  readonly inputs: undefined;
  readonly round: Round;
  readonly payload: Payload;
}

export type ChildAnswer =
  | { readonly type: 'done'; readonly value: ChildValues[keyof ChildValues] }
  /** A BenchProblem. */
  | { readonly type: 'refused'; readonly message: string }
  | { readonly type: 'failed'; readonly error: SerializedError };
