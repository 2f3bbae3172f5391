/** What a gate asks of its run, and what it answers. */

import type { HeddleError } from '../../protocol/errors.js';
import type { Chunk } from '../executor/executor.js';
import type { Lane } from './lane.js';
import type { Grant, LaneEvent } from './lane-call.js';
import type { LineStatistics } from './line-statistics.js';
import type { LockWant } from './lock-table.js';

/** What the gate needs of the rest of the run. */
export interface GateHost {
  /** The lane of a task; asked for each attempt. */
  laneOf(input: unknown, index: number): Lane | undefined;
  locksOf(input: unknown, index: number): readonly LockWant[];
  /** Whether tasks may differ in lane or locks: then reading on may find one that can start. */
  readonly isMixed: boolean;
  /** Ask the schedule to fill its slots. */
  onReady(): void;
  onEvent(event: LaneEvent, lane: string, account: string | undefined): void;
  /** A call starts: kept for a later process, which must know of it. */
  onStart(lane: Lane, grant: Grant): void;
}

/** What became of `take`. */
export type Taken =
  | { readonly kind: 'granted'; readonly chunk: Chunk }
  /** The task need not wait, or would wait for ever: it has failed, or a later run may try again. */
  | {
      readonly kind: 'refused';
      readonly chunk: Chunk;
      readonly status: 'failed' | 'aborted';
      readonly error: HeddleError;
    }
  | undefined;

/** The lines of one lane. */
export interface LaneLines {
  readonly lane: Lane | undefined;
  readonly statistics: LineStatistics;
  /** Looks at jobs, or tasks beside them. */
  readonly others: readonly LineStatistics[];
}
