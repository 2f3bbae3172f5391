/**
 * Makes the report of a run from its counters.
 *
 * Speed-up is the sum of the times of all attempts, divided by the wall time. Efficiency is speed-up divided
 * by the concurrency. Both use times measured inside the attempts, so an attempt that was slowed down by its
 * neighbours counts as longer. `notes` says where a figure could be misread.
 */

import type { ThreadLoad } from '../executor/threads/thread-pool.js';
import type { LaneReport } from '../lanes/lane-report.js';
import { notesOf } from './advice.js';
import type { Counters } from './counters.js';
import type { FailureGroup } from './failure-groups.js';
import type { Histogram } from './histogram.js';
import type { Clamp, Percentiles, Report, RunStatus } from './report.js';

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
