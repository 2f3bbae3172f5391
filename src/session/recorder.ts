/**
 * What settling needs of a session. Every outcome passes exactly one call of `record` before it is shown
 * (main/run/settle.ts).
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
   * Records final outcomes. They may be shown at once if this returns undefined, else when the promise
   * resolves. A rejection ends the run, and the outcomes are not shown.
   */
  record(block: RecordableBlock): Promise<void> | undefined;
  /** Keeps the job that a task waits for. The same holds. */
  submit(key: string, job: Job): Promise<void> | undefined;
}
