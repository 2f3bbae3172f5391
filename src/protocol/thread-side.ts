/**
 * What the thread side offers to whoever runs a chunk: a thread's entry, or the caller's own thread (inline
 * executor, which loads the modules by URL, as a thread does).
 */

import type { ControlCell } from './control-cell.js';
import type { ChunkRequest, ObservedMessage, SettledMessage } from './messages.js';
import type { LoadedTask, LogLevel, RemoteServices, Services, TaskFunction, Transferable } from './task.js';

/** Sends a report, moving the listed buffers. Throws when the message cannot be cloned. */
export type SendSettled = (message: SettledMessage, transferList: readonly Transferable[]) => void;

/** What a chunk needs of its surroundings: a thread's port, or the caller itself. */
export interface ChunkChannel {
  readonly settled: SendSettled;
  /** Whether the last report may also say that the chunk is over. */
  mayEnd(): boolean;
  progress(position: number, fraction: number, note: string | undefined): void;
  log(position: number, level: LogLevel, message: string, fields: unknown): void;
  observed(position: number, observation: Pick<ObservedMessage, 'headers' | 'used'>): void;
  services(): RemoteServices<Services>;
  /** Why the run is being aborted, as far as is known here. */
  abortReason(): Error;
  /**
   * Calls back when the running task should look at the control cell. Requested once a task keeps the chunk
   * waiting.
   */
  onAbort(callback: () => void): void;
}

/** workers/run-chunk.ts */
export interface ChunkRunner {
  runChunk(
    task: LoadedTask,
    request: ChunkRequest,
    cell: ControlCell,
    channel: ChunkChannel,
  ): Promise<boolean>;
}

/** workers/load-task.ts */
export interface TaskLoader {
  loadTask(module: string): Promise<LoadedTask>;
  taskOf(run: TaskFunction, named: Readonly<Record<string, unknown>>, shown: string): LoadedTask;
}
