/**
 * What a report says in words: where figures could be misread, what held the run back, and which knob to turn.
 *
 * Only what stands on a measured figure is said, and the figure with it. Runs below MIN_MS say nothing: they are too
 * short to learn from.
 */

import type { Report } from './report.js';

/** Fewer tasks ran at once than was asked for. */
export interface Clamp {
  readonly requested: number;
  readonly ran: number;
  readonly reason: string;
}

/** "requested 50, ran 4: the batch has 4 tasks" */
export function clampText({ requested, ran, reason }: Clamp): string {
  return `requested ${requested}, ran ${ran}: ${reason}`;
}

const MIN_MS = 200;
const MIN_TASKS = 20;
/** Below this an attempt is too small to be worth a message of its own, whatever the chunk. */
const TINY_MS = 0.002;

/** What held the tasks back in their lanes, and what became of it. */
function laneNotes({ lanes }: Pick<Report, 'lanes'>): string[] {
  return lanes.flatMap(({ lane, boundBy, throttled, opened, heldMs, accounts }) => {
    const held = Object.values(heldMs).reduce((sum, ms) => sum + ms, 0);
    const told = [
      ...(boundBy === undefined
        ? []
        : [`bound by ${boundBy}, which held tasks for ${(held / 1000).toFixed(1)} s`]),
      ...(throttled === 0
        ? []
        : [`${throttled} ${throttled === 1 ? 'attempt was' : 'attempts were'} refused and repeated`]),
      ...(opened === 0 ? [] : [`the provider was in trouble ${opened === 1 ? 'once' : `${opened} times`}`]),
      ...accounts.flatMap(({ learnedPerSecond }) =>
        learnedPerSecond === undefined || throttled === 0
          ? []
          : [
              `it bore ${learnedPerSecond >= 1 ? `${learnedPerSecond.toFixed(1)} calls/s` : `${(learnedPerSecond * 60).toFixed(1)} calls/min`}: declare that as its rate, and none is refused`,
            ],
      ),
    ];
    const name = lane === undefined ? 'locks' : lane === 'lane' ? 'lane' : `lane ${lane}`;
    return told.length === 0 ? [] : [`${name}: ${told.join('; ')}`];
  });
}

/** The notes of a report. */
export function notesOf(report: Omit<Report, 'notes'>, isInline: boolean): string[] {
  const notes: string[] = laneNotes(report);
  if (report.efficiency > 1.005) {
    notes.push(
      `efficiency is above 100 %: more attempts ran side by side than the ${report.concurrency} that count, ` +
        'because tasks were given up while they still ran or clocks of threads differ by microseconds',
    );
  }
  const settledHere = report.succeeded + report.failed - report.resumed;
  if (report.wallMs - report.startMs < MIN_MS || settledHere < MIN_TASKS) return notes;
  const shares = report.workers.flatMap(({ workerId, utilization }) =>
    workerId === 0 || utilization === undefined ? [] : [utilization],
  );
  const threadShare = isInline
    ? report.callerUtilization
    : shares.reduce((sum, share) => sum + share, 0) / Math.max(shares.length, 1);
  const placesFull = report.busyMs / (report.wallMs - report.startMs) > report.concurrency * 0.8;
  const percent = (share: number) => `${Math.round(share * 100)} %`;
  const isBound = report.lanes.some(({ boundBy }) => boundBy !== undefined);
  if (threadShare < 0.5 && placesFull && !isBound) {
    const place = isInline ? 'this thread' : 'the threads';
    notes.push(
      `tasks wait rather than compute: all ${report.concurrency} places were taken while ${place} worked ${percent(threadShare)} of the time; raise concurrency`,
    );
  } else if (!isInline && report.callerUtilization > 0.85 && threadShare < 0.7) {
    notes.push(
      `the coordinator is the bottleneck: it worked ${percent(report.callerUtilization)} of the time, the threads ${percent(threadShare)}; ` +
        (report.latency.p50 < TINY_MS
          ? 'tasks are so small that a plain loop is faster: run them inline or give each task more to do'
          : 'make inputs and values smaller, transfer buffers, or do less for each outcome'),
    );
  } else if (!isInline && threadShare > 0.85 && report.concurrency > report.threads) {
    notes.push(
      `tasks compute rather than wait: a concurrency above the ${report.threads} threads brings nothing`,
    );
  } else if (isInline && report.concurrency > 1 && threadShare > 0.9) {
    notes.push(
      'tasks compute rather than wait, on one thread: put the function into a task module to use more processors',
    );
  }
  return notes;
}
