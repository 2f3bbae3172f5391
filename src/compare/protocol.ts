/**
 * What `heddle bench` and its child processes say to each other, over Node's IPC with structured clone.
 *
 * One request, one answer, strictly in turn. `open` comes first, then `inputs` (in parts), then any number of rounds.
 *
 *   open     starts threads and loads the module: `opened` says how long that took
 *   inputs   adds to the sample, or begins a new one
 *   round    runs the sample once
 *   payload  times what it costs to copy some inputs and values as threads copy them
 */

import type { SerializedError } from '../main/index.js';

/** How a child is to run the sample. */
export interface ChildSpec {
  readonly kind: 'loop' | 'inline' | 'threads';
  /** Absolute path of the task module. */
  readonly module: string;
  readonly threads: number;
  readonly concurrency: number;
  readonly chunk: number | 'auto';
  readonly timeoutMs: number | undefined;
  readonly memoryLimitMb: number | undefined;
  /** Have the library check the module first, so that what is wrong with it is told in its words. */
  readonly checksModule: boolean;
}

export type Request =
  | { readonly type: 'open'; readonly spec: ChildSpec }
  | { readonly type: 'inputs'; readonly inputs: readonly unknown[]; readonly isFirst: boolean }
  | {
      readonly type: 'round';
      /** Hash every outcome: not for rounds whose time counts. */
      readonly hashes: boolean;
      /** Time every task; the loop only does so when it is asked. */
      readonly times: boolean;
      /** Also show the outcome of this position in words. */
      readonly show?: number;
    }
  | { readonly type: 'payload' };

/** The answer to `open`. */
export interface Opened {
  readonly type: 'opened';
  /** Time until the first task could start. */
  readonly startMs: number;
  /** Undefined where the library, not the child, has loaded the module. */
  readonly execution: 'at-least-once' | 'at-most-once' | undefined;
}

/** The answer to `round`. */
export interface Round {
  readonly type: 'round';
  readonly ms: number;
  /** Processor time of the whole process in that time. */
  readonly cpuMs: number;
  /** 95th percentile of the times of single tasks; undefined when they were not taken. */
  readonly taskP95Ms: number | undefined;
  readonly failed: number;
  readonly firstError: string | undefined;
  /** 8 bytes for each outcome, in input order. */
  readonly hashes: Uint8Array | undefined;
  /** The outcome that was to be shown. */
  readonly shown: string | undefined;
  /** Peak of the resident memory so far. */
  readonly peakBytes: number;
}

/** The answer to `payload`: means of a task. */
export interface Payload {
  readonly type: 'payload';
  /** Of input and value. */
  readonly bytes: number;
  /** To write and read both. */
  readonly moveMs: number;
}

export type Answer =
  | Opened
  | Round
  | Payload
  /** The task cannot be compared: becomes a BenchProblem. */
  | { readonly type: 'refused'; readonly message: string }
  | { readonly type: 'taken' }
  | { readonly type: 'problem'; readonly error: SerializedError };

/** The answer to a kind of request. */
export type AnswerTo<R extends Request> = Extract<
  Answer,
  { type: { open: 'opened'; inputs: 'taken'; round: 'round'; payload: 'payload' }[R['type']] }
>;
