/** The report of a run, as its users see it. build-report.ts makes it. */

import type { LaneReport } from '../lanes/lane-report.js';
import type { FailureGroup } from './failure-groups.js';

/** How a run ended: all succeeded, some failed, or it was stopped before the end. */
export type RunStatus = 'completed' | 'failed' | 'aborted';

/** Percentiles of a time, in ms. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** One worker's share. */
export interface WorkerReport {
  /** Thread id; 0 is the caller's own thread. */
  readonly workerId: number;
  readonly attempts: number;
  /** Sum of the times of its attempts, in ms. Beyond the wall time when attempts waited side by side. */
  readonly busyMs: number;
  /** Share of the run in which its event loop was at work, 0 to 1; undefined for a thread that has ended. */
  readonly utilization: number | undefined;
}

/** Fewer tasks ran at once than was asked for. */
export interface Clamp {
  readonly requested: number;
  readonly ran: number;
  readonly reason: string;
}

/** What a run did and how well. Times in ms. */
export interface Report {
  readonly status: RunStatus;
  /** Why the run was stopped early. */
  readonly reason: Error | undefined;
  readonly total: number | undefined;
  readonly read: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Of `succeeded` and `failed`: tasks whose outcome an earlier run of the session recorded. */
  readonly resumed: number;
  /** Tasks of the session that the batch no longer has. 0 when the batch was not read to its end. */
  readonly removed: number;
  /** Tasks that got the value of an identical task from the cache. */
  readonly reused: number;
  readonly aborted: number;
  readonly skipped: number;
  readonly retries: number;
  readonly wallMs: number;
  /** Time until the task was loaded and the first tasks could start. */
  readonly startMs: number;
  /** Sum of the times of all attempts: what one thread would have needed. */
  readonly busyMs: number;
  readonly threads: number;
  readonly concurrency: number;
  readonly speedup: number;
  readonly efficiency: number;
  readonly tasksPerSecond: number;
  /** Of one attempt. */
  readonly latency: Percentiles;
  /** From being ready to run until the attempt began. */
  readonly queueWait: Percentiles;
  readonly workers: readonly WorkerReport[];
  /** Share of the run in which the caller's event loop was at work, 0 to 1. */
  readonly callerUtilization: number;
  /** What each lane of the run did. */
  readonly lanes: readonly LaneReport[];
  /** Where fewer tasks ran at once than was asked for, and why. */
  readonly clamps: readonly Clamp[];
  /** Failures by message, the most frequent first. */
  readonly failures: readonly FailureGroup[];
  /** What to know about the figures, and which knob to turn. */
  readonly notes: readonly string[];
}
