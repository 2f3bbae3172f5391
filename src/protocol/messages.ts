/**
 * Messages between the coordinator and a thread, in the order in which they occur.
 *
 * Piscina carries one request to each thread, an `OpenRequest`. It brings the thread its end of a
 * MessagePort, and from then on everything travels over that port, in order, each message with the number of
 * the request that it is about. Outcomes leave as they are known, so those of a half-finished chunk survive
 * the death of its thread.
 *
 * Everything here is plain data that structured clone can copy.
 */

import type { MessagePort } from 'node:worker_threads';
import type { SerializedError } from './serialized-error.js';
import type { LogLevel, TaskTraits } from './task.js';

/** Coordinator → thread, through Piscina: listen to this port. */
export interface OpenRequest {
  readonly port: MessagePort;
}

/** What the coordinator sends over the port of a thread. */
export type CallerMessage = LoadRequest | ChunkRequest | AbortMessage;

/** Coordinator → thread: load the task module and answer whether it can be used. */
export interface LoadRequest {
  readonly type: 'load';
  readonly id: number;
  /** URL of the task module. */
  readonly module: string;
  /** The version that the run was started with (text-version.ts). */
  readonly version: string;
  /** Memory of a ControlCell: says when the thread began to load. */
  readonly cell: SharedArrayBuffer;
}

/**
 * Whether the task module can be used. `stale`: this thread loaded another version of it for an earlier run.
 */
export type LoadAnswer =
  | { readonly kind: 'loaded'; readonly traits: TaskTraits }
  | { readonly kind: 'stale' }
  | { readonly kind: 'failed'; readonly error: SerializedError };

/** Coordinator → thread: execute these tasks one after the other. */
export interface ChunkRequest {
  readonly type: 'chunk';
  readonly id: number;
  /** Which run it belongs to; exclusive chunks of one run wait for each other within a thread. */
  readonly runId: number;
  readonly module: string;
  readonly version: string;
  /** Index of the task at each position: `first + position`, unless `indexes` lists them. */
  readonly first: number;
  readonly indexes: readonly number[] | undefined;
  readonly inputs: readonly unknown[];
  /** Explicit keys; undefined when the key is the hash of the input. */
  readonly keys: readonly string[] | undefined;
  /** The account of the lane that its tasks use. */
  readonly account: string | undefined;
  readonly attempt: number;
  readonly timeoutMs: number | undefined;
  readonly isExclusive: boolean;
  /** After this time the chunk ends when the running task does; what is left runs elsewhere. */
  readonly budgetMs: number | undefined;
  /** Values are reported encoded (encoded-value.ts): a session keeps them. */
  readonly isEncoded: boolean;
  /** An earlier attempt at the one task of this chunk was cut off. */
  readonly interrupted: boolean;
  /** The one task of this chunk was submitted: ask what became of its job. */
  readonly job: Job | undefined;
  /** Memory of a ControlCell. */
  readonly cell: SharedArrayBuffer;
}

/** What a thread tells over its port. */
export type ThreadMessage =
  | OpenedMessage
  | LoadedMessage
  | SettledMessage
  | ProgressMessage
  | LogMessage
  | ObservedMessage
  | ServicesMessage
  | OverMessage
  | CrashMessage;

/** The first message of a thread: it has come up. */
export interface OpenedMessage {
  readonly type: 'opened';
}

/** The answer to a LoadRequest. */
export interface LoadedMessage {
  readonly type: 'loaded';
  readonly id: number;
  readonly answer: LoadAnswer;
}

/** Consecutive tasks of the chunk have ended. */
export interface SettledMessage {
  readonly type: 'settled';
  readonly id: number;
  /** Position of the first of them. */
  readonly from: number;
  /**
   * When each began, in ms since `origin`, followed by the time when the last one ended. Tasks of a chunk run
   * one after the other, so the end of one is the beginning of the next.
   */
  readonly times: Float64Array;
  /** The thread's time origin, in ms since the epoch. Kept apart: the sum could not hold nanoseconds. */
  readonly origin: number;
  /**
   * Values by position - from, encoded if the request asks for it; undefined at the positions of `others`.
   */
  readonly values: readonly unknown[];
  /** Attempts that ended without a value, by position. */
  readonly others: readonly (AttemptFailure | Submission)[] | undefined;
  /** The chunk is over, and this is the last message about it. */
  readonly isLast: boolean;
}

/** An attempt that did not succeed. */
export interface AttemptFailure {
  readonly position: number;
  readonly error: SerializedError;
  /** The attempt ended because the run was aborted: not the task's failure. */
  readonly aborted: boolean;
}

/** The attempt has submitted a job that goes on elsewhere, or asked about it and it is not over. */
export interface Submission {
  readonly position: number;
  readonly job: Job;
  /** Ask about it after this time. */
  readonly pollMs: number;
}

/** A job elsewhere. */
export interface Job {
  /** What its task said of it, as JSON. */
  readonly handle: string;
  /** The account of the lane through which it was submitted. */
  readonly account: string | undefined;
}

/** A task tells what its provider said. */
export interface ObservedMessage {
  readonly type: 'observed';
  readonly id: number;
  readonly position: number;
  /** Those that say something about limits, as they came, names in lower case. */
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly used: Readonly<Record<string, number>> | undefined;
}

/** A task tells how far it is. */
export interface ProgressMessage {
  readonly type: 'progress';
  readonly id: number;
  readonly position: number;
  readonly fraction: number;
  readonly note: string | undefined;
}

/** A task writes a log line. */
export interface LogMessage {
  readonly type: 'log';
  readonly id: number;
  readonly position: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: unknown;
}

/** A task asked for the caller's services for the first time in this thread: the port to expose them on. */
export interface ServicesMessage {
  readonly type: 'services';
  readonly id: number;
  readonly port: MessagePort;
}

/** The chunk is over: the last message about it, unless a SettledMessage was. */
export interface OverMessage {
  readonly type: 'over';
  readonly id: number;
  /** The thread loaded another version of the module for an earlier run: it cannot execute these tasks. */
  readonly isStale: boolean;
  /** Why its tasks could not be executed at all. */
  readonly error: SerializedError | undefined;
}

/** Something threw outside a task function; the thread is about to exit because of it. */
export interface CrashMessage {
  readonly type: 'crash';
  readonly error: SerializedError;
}

/** Coordinator → thread: abort the running task of a chunk. The control cell says whether it still runs. */
export interface AbortMessage {
  readonly type: 'abort';
  readonly id: number;
  readonly reason: SerializedError;
}

/** Given to every thread as its workerData. */
export interface ThreadSettings {
  /** Where `console.log` and `process.stdout` of tasks go. */
  readonly taskOutput: 'inherit' | 'stderr';
}

/** What the coordinator exposes on the port of a ServicesMessage, over Comlink. */
export interface ServiceDesk {
  call(name: string, args: readonly unknown[]): Promise<ServiceAnswer>;
}

/** The answer to a service call; it never throws, so that errors keep their code and cause. */
export type ServiceAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: SerializedError };
