/**
 * The report of a run: counts, times, failures by message, and what to change to be faster.
 *
 * Speed-up is the time that the attempts took one after the other, divided by the wall time; efficiency is speed-up
 * divided by the concurrency that ran. Both come from times measured inside the attempts, so an attempt that was slowed
 * down by its neighbours counts as longer: `notes` says so whenever a figure could be misread.
 */

import type { ThreadLoad } from '../executor/threads/thread-pool.js';
import type { LaneReport } from '../lanes/lane-report.js';
import { type Clamp, notesOf } from './advice.js';
import type { Counters } from './counters.js';
import type { FailureGroup } from './failure-groups.js';
import type { Histogram } from './histogram.js';

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
  /** Tasks with an outcome in the session that the batch has no longer. 0 when the batch was not read to its end. */
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

/** What a report is made of. */
export interface ReportInput {
  readonly status: RunStatus;
  readonly reason: Error | undefined;
  readonly counters: Counters;
  readonly startMs: number;
  readonly threads: number;
  readonly concurrency: number;
  readonly isInline: boolean;
  readonly clamps: readonly Clamp[];
  /** Given the length of the run, in ms. */
  readonly lanes: (runMs: number) => readonly LaneReport[];
  readonly failures: readonly FailureGroup[];
  readonly removed: number;
  /** What the session has to tell. */
  readonly sessionNotes: readonly string[];
  /** Loads of the threads and of the caller at the start and at the end. */
  readonly loads: { readonly before: readonly ThreadLoad[]; readonly after: readonly ThreadLoad[] };
}

/** Builds the report of an ended run. */
export function buildReport(input: ReportInput): Report {
  const { counters, concurrency } = input;
  const wallMs = counters.elapsedMs;
  const runMs = Math.max(wallMs - input.startMs, 0.001);
  const speedup = counters.busyMs / runMs;
  const utilizations = utilizationsOf(input.loads.before, input.loads.after);
  const figures = {
    status: input.status,
    reason: input.reason,
    total: counters.total,
    read: counters.read,
    succeeded: counters.succeeded,
    failed: counters.failed,
    resumed: counters.resumed,
    removed: input.removed,
    reused: counters.reused,
    aborted: counters.aborted,
    skipped: counters.skipped,
    retries: counters.retries,
    wallMs,
    startMs: input.startMs,
    busyMs: counters.busyMs,
    threads: input.threads,
    concurrency,
    speedup,
    efficiency: speedup / concurrency,
    tasksPerSecond: (counters.settledHere / runMs) * 1000,
    latency: percentiles(counters.durations),
    queueWait: percentiles(counters.queueWaits),
    workers: [...counters.workers]
      .map(([workerId, { attempts, busyMs }]) => ({
        workerId,
        attempts,
        busyMs,
        utilization: utilizations.get(workerId),
      }))
      .sort((a, b) => a.workerId - b.workerId),
    callerUtilization: utilizations.get(0) ?? 0,
    lanes: input.lanes(runMs),
    clamps: input.clamps,
    failures: input.failures,
  };
  return { ...figures, notes: [...input.sessionNotes, ...notesOf(figures, input.isInline)] };
}

function percentiles(histogram: Histogram): Percentiles {
  const at = (share: number) => histogram.percentile(share);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: histogram.max };
}

/** The share of time between two looks in which each event loop was active. */
function utilizationsOf(before: readonly ThreadLoad[], after: readonly ThreadLoad[]): Map<number, number> {
  const first = new Map(before.map((load) => [load.workerId, load]));
  return new Map(
    after.map(({ workerId, activeMs, idleMs }) => {
      const active = activeMs - (first.get(workerId)?.activeMs ?? 0);
      const idle = idleMs - (first.get(workerId)?.idleMs ?? 0);
      return [workerId, active + idle <= 0 ? 0 : active / (active + idle)];
    }),
  );
}
