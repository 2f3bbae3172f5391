/**
 * Messages between the coordinator and a thread, in the order in which they occur.
 *
 * A request travels as a Piscina task: first `LoadRequest`, once per run, then any number of `ChunkRequest`s. Each chunk has
 * a MessagePort of its own, leased for as long as it is in flight. Outcomes come back over that port as they are known, so
 * those of a half-finished chunk survive the death of its thread; Piscina's own answer only says that the chunk is over.
 *
 * Everything here is plain data that structured clone can copy.
 */

import type { MessagePort } from 'node:worker_threads';
import type { SerializedError } from './serialized-error.js';
import type { LogLevel, TaskTraits } from './task.js';

/** Coordinator → thread: load the task module and answer whether it can be used. */
export interface LoadRequest {
  readonly type: 'load';
  /** URL of the task module. */
  readonly module: string;
  /** Memory of a ControlCell: says when the thread began to load. */
  readonly cell: SharedArrayBuffer;
}

/** Thread → coordinator, the answer to a LoadRequest. */
export type LoadAnswer =
  | { readonly ok: true; readonly traits: TaskTraits }
  | { readonly ok: false; readonly error: SerializedError };

/** Coordinator → thread: execute these tasks one after the other. */
export interface ChunkRequest {
  readonly type: 'chunk';
  /** Which run it belongs to; chunks of one run that are marked exclusive wait for each other within a thread. */
  readonly runId: number;
  readonly module: string;
  /** Index of the task at each position: `firstIndex + position`, unless `indexes` lists them. */
  readonly firstIndex: number;
  readonly indexes: readonly number[] | undefined;
  readonly inputs: readonly unknown[];
  /** Explicit keys; undefined when the key is the hash of the input. */
  readonly keys: readonly string[] | undefined;
  readonly attempt: number;
  readonly timeoutMs: number | undefined;
  readonly exclusive: boolean;
  /** After this time the chunk ends behind the running task, and what is left goes elsewhere. */
  readonly budgetMs: number | undefined;
  /** Number of the chunk: messages that a task sends late, when its channel is leased to another chunk, are told by it. */
  readonly chunkId: number;
  /** Memory of a ControlCell. */
  readonly cell: SharedArrayBuffer;
  /** Values are reported encoded (encoded-value.ts): a session keeps them. */
  readonly encoded: boolean;
  /** An earlier attempt at the one task of this chunk was cut off. */
  readonly interrupted: boolean;
  /** Names the port for ThreadMessage up and AbortMessage down. Filled in when the chunk's thread is known. */
  channel: number;
  /** The port itself, when this thread has not got it yet. */
  port: MessagePort | undefined;
}

/** Thread → coordinator, the answer to a ChunkRequest: it is over. Unanswered when the thread dies. */
export type ChunkAnswer = { readonly ok: true } | { readonly ok: false; readonly error: SerializedError };

/** What a thread tells over the port of a chunk. */
export type ThreadMessage = SettledMessage | ProgressMessage | LogMessage | ServicesMessage | CrashMessage;

/** Consecutive tasks of the chunk have ended. */
export interface SettledMessage {
  readonly type: 'settled';
  /** Position of the first of them. */
  readonly from: number;
  /**
   * When each began, in ms since `origin`, and behind them when the last one ended. Tasks of a chunk run one after the
   * other, so the end of one is the beginning of the next.
   */
  readonly times: Float64Array;
  /** The thread's time origin, in ms since the epoch: apart, because their sum has no room for nanoseconds. */
  readonly origin: number;
  /** Values by position - from, encoded where the request asks for it; undefined at the positions that failed. */
  readonly values: readonly unknown[];
  readonly failures: readonly AttemptFailure[] | undefined;
}

/** An attempt that did not succeed. */
export interface AttemptFailure {
  readonly position: number;
  readonly error: SerializedError;
  /** The attempt ended because the run was aborted: not the task's failure. */
  readonly aborted: boolean;
}

/** A task tells how far it is. */
export interface ProgressMessage {
  readonly type: 'progress';
  readonly chunkId: number;
  readonly position: number;
  readonly fraction: number;
  readonly note: string | undefined;
}

/** A task writes a log line. */
export interface LogMessage {
  readonly type: 'log';
  readonly chunkId: number;
  readonly position: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: unknown;
}

/** A task asked for the caller's services for the first time in this thread: the port to expose them on. */
export interface ServicesMessage {
  readonly type: 'services';
  readonly port: MessagePort;
}

/** Something threw outside a task function; the thread is about to exit because of it. */
export interface CrashMessage {
  readonly type: 'crash';
  readonly error: SerializedError;
}

/** Coordinator → thread, over the port of a chunk: abort the running task. The control cell says whether it still runs. */
export interface AbortMessage {
  readonly type: 'abort';
  readonly reason: SerializedError;
}

/** Thread → coordinator, over Piscina's own channel, with no chunk running: a task left something behind that threw. */
export interface StrayCrashMessage {
  readonly type: 'heddle:stray-crash';
  readonly threadId: number;
  readonly error: SerializedError;
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
