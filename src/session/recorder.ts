/**
 * The seam between a run and its durable record.
 *
 * Every outcome passes through exactly one call of `record` before it is shown (main/run/settle.ts). A run
 * without a session keeps nothing (main/run/recording.ts).
 */

import type { Job } from '../protocol/messages.js';
import type { NewRecord } from './record.js';

/** Final outcomes of tasks. */
export interface RecordableBlock {
  readonly length: number;
  recordAt(i: number): NewRecord;
}

/** Keeps outcomes. */
export interface Recorder {
  /**
   * Records final outcomes. They may be shown at once if it returns undefined, else when the promise
   * resolves. A rejection ends the run, and the outcomes are not shown.
   */
  record(block: RecordableBlock): Promise<void> | undefined;
  /** Keeps the job that a task waits for. The same holds. */
  submit(key: string, job: Job): Promise<void> | undefined;
}
