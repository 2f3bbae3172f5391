/**
 * The notes of a report: where its figures mislead, what held the run back, and which option to change.
 *
 * Every note quotes the measured figure it relies on. A run that is too short gets no advice.
 */

import type { Clamp, Report } from './report.js';

/** "requested 50, ran 4: the batch has 4 tasks" */
export function clampText({ requested, ran, reason }: Clamp): string {
  return `requested ${requested}, ran ${ran}: ${reason}`;
}

const MIN_MS = 200;
const MIN_TASKS = 20;
/** Below this an attempt is too small to be worth a message of its own, whatever the chunk. */
const TINY_MS = 0.002;

type ReportFigures = Omit<Report, 'notes'>;

/** The notes of a report. */
export function notesOf(report: ReportFigures, isInline: boolean): string[] {
  const notes = report.lanes.flatMap(laneNotes);
  if (report.efficiency > 1.005) {
    notes.push(
      `efficiency is above 100 %: more attempts ran side by side than the ${report.concurrency} ` +
        'that count, because tasks were given up while they still ran ' +
        'or clocks of threads differ by microseconds',
    );
  }
  const settledHere = report.succeeded + report.failed - report.resumed;
  if (report.wallMs - report.startMs < MIN_MS || settledHere < MIN_TASKS) return notes;
  const bottleneck = isInline ? inlineBottleneck(report) : threadBottleneck(report);
  return bottleneck === undefined ? notes : [...notes, bottleneck];
}

/** What held tasks back in a lane, and what became of it. */
function laneNotes({
  lane,
  boundBy,
  throttled,
  opened,
  heldMs,
  accounts,
}: Report['lanes'][number]): string[] {
  const facts: string[] = [];
  if (boundBy !== undefined) {
    const held = Object.values(heldMs).reduce((sum, ms) => sum + ms, 0);
    facts.push(`bound by ${boundBy}, which held tasks for ${(held / 1000).toFixed(1)} s`);
  }
  if (throttled > 0)
    facts.push(`${throttled} ${throttled === 1 ? 'attempt was' : 'attempts were'} refused and repeated`);
  if (opened > 0) facts.push(`the provider was in trouble ${opened === 1 ? 'once' : `${opened} times`}`);
  for (const { learnedPerSecond } of throttled > 0 ? accounts : [])
    if (learnedPerSecond !== undefined)
      facts.push(`it bore ${rateText(learnedPerSecond)}: declare that as its rate, and none is refused`);
  return facts.length === 0 ? [] : [`${laneName(lane)}: ${facts.join('; ')}`];
}

function laneName(lane: string | undefined): string {
  if (lane === undefined) return 'locks';
  return lane === 'lane' ? 'lane' : `lane ${lane}`;
}

function rateText(perSecond: number): string {
  return perSecond >= 1 ? `${perSecond.toFixed(1)} calls/s` : `${(perSecond * 60).toFixed(1)} calls/min`;
}

function inlineBottleneck(report: ReportFigures): string | undefined {
  const share = report.callerUtilization;
  if (isWaiting(report, share)) return waitingNote(report, 'this thread', share);
  if (report.concurrency === 1 || share <= 0.9) return undefined;
  return (
    'tasks compute rather than wait, on one thread: ' +
    'put the function into a task module to use more processors'
  );
}

function threadBottleneck(report: ReportFigures): string | undefined {
  const share = threadShare(report);
  if (isWaiting(report, share)) return waitingNote(report, 'the threads', share);
  if (report.callerUtilization > 0.85 && share < 0.7) {
    return (
      `the coordinator is the bottleneck: it worked ${percent(report.callerUtilization)} of the time, ` +
      `the threads ${percent(share)}; ` +
      (report.latency.p50 < TINY_MS
        ? 'tasks are so small that a plain loop is faster: run them inline or give each task more to do'
        : 'make inputs and values smaller, transfer buffers, or do less for each outcome')
    );
  }
  if (share <= 0.85 || report.concurrency <= report.threads) return undefined;
  return `tasks compute rather than wait: a concurrency above the ${report.threads} threads brings nothing`;
}

/** The mean utilization of the threads that are still alive. */
function threadShare({ workers }: ReportFigures): number {
  const shares = workers.flatMap(({ workerId, utilization }) =>
    workerId === 0 || utilization === undefined ? [] : [utilization],
  );
  return shares.reduce((sum, share) => sum + share, 0) / Math.max(shares.length, 1);
}

/** All places are taken and no lane limits them, yet the event loops are idle most of the time. */
function isWaiting(report: ReportFigures, share: number): boolean {
  const placesFull = report.busyMs / (report.wallMs - report.startMs) > report.concurrency * 0.8;
  return share < 0.5 && placesFull && report.lanes.every(({ boundBy }) => boundBy === undefined);
}

function waitingNote({ concurrency }: ReportFigures, place: string, share: number): string {
  return (
    `tasks wait rather than compute: all ${concurrency} places were taken while ` +
    `${place} worked ${percent(share)} of the time; raise concurrency`
  );
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
