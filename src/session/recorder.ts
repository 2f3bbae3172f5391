/**
 * The seam between a run and its durable record.
 *
 * Every outcome passes through exactly one call of `record` before anybody is shown it (main/settle.ts). Without a
 * session nothing is kept and the call answers at once.
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
   * Records final outcomes. They may be shown once the answer is there: at once when it is undefined, else when the
   * promise fulfils. A rejection ends the run; the outcomes are then not shown.
   */
  record(block: RecordableBlock): Promise<void> | undefined;
  /** Keeps the job that a task waits for. The same holds. */
  submit(key: string, job: Job): Promise<void> | undefined;
}

/** For runs without a session: keeps nothing. */
export const noSession: Recorder = { record: () => undefined, submit: () => undefined };
