/** The report: figures of a run, none of which is ever not a number. */

import { performance } from 'node:perf_hooks';
import { afterEach, expect, it, vi } from 'vitest';
import { buildReport, type ReportInput } from '../../../../src/main/figures/build-report.js';
import { Counters } from '../../../../src/main/figures/counters.js';

afterEach(() => {
  vi.restoreAllMocks();
});

function inputOf(changes: Partial<ReportInput> = {}): ReportInput {
  return {
    status: 'completed',
    reason: undefined,
    counters: new Counters(),
    startMs: 0,
    threads: 2,
    concurrency: 2,
    isInline: false,
    clamps: [],
    lanes: () => [],
    failures: [],
    removed: 0,
    sessionNotes: [],
    loads: { before: [], after: [] },
    ...changes,
  };
}

it('figures come from the attempts and the time of the run without its start', () => {
  let clock = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => clock);
  const counters = new Counters();
  counters.recordAttempts(new Float64Array([0, 100]), 0, 2);
  counters.recordAttempts(new Float64Array([0, 50]), 0, 1);
  Object.assign(counters, { succeeded: 4, resumed: 2, total: 4, read: 4 });
  clock = 150;
  const report = buildReport(inputOf({ counters, startMs: 50 }));

  expect(report).toMatchObject({
    wallMs: 150,
    busyMs: 150,
    speedup: 1.5,
    efficiency: 0.75,
    tasksPerSecond: 20,
    latency: { max: 100 },
    workers: [
      { workerId: 1, attempts: 1, busyMs: 50 },
      { workerId: 2, attempts: 1, busyMs: 100 },
    ],
  });
});

it('a run in which nothing happened has figures, too', () => {
  vi.spyOn(performance, 'now').mockReturnValue(0);
  const { notes, ...report } = buildReport(inputOf());
  const numbers = [
    report.speedup,
    report.efficiency,
    report.tasksPerSecond,
    ...Object.values(report.latency),
  ];

  expect(numbers.every(Number.isFinite)).toBe(true);
  expect(notes).toEqual([]);
});

it('the load of an event loop is that of the run; a thread that ended has none', () => {
  const counters = new Counters();
  for (const workerId of [1, 2, 3]) counters.recordCutOff(1, workerId);
  const load = (workerId: number, activeMs: number, idleMs: number) => ({ workerId, activeMs, idleMs });
  const { workers, callerUtilization } = buildReport(
    inputOf({
      counters,
      loads: {
        before: [load(0, 100, 100), load(1, 100, 0), load(3, 1, 1)],
        after: [load(0, 130, 110), load(1, 100, 0), load(2, 30, 70)],
      },
    }),
  );

  expect(callerUtilization).toBe(0.75);
  expect(workers.map(({ utilization }) => utilization)).toEqual([0, 0.3, undefined]);
});

it('what the session has to say comes first in the notes', () => {
  expect(buildReport(inputOf({ sessionNotes: ['damaged'] })).notes[0]).toBe('damaged');
});

it('lanes are asked with the length of the run', () => {
  let clock = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => clock);
  const counters = new Counters();
  clock = 120;
  const asked: number[] = [];
  buildReport(
    inputOf({
      counters,
      startMs: 20,
      lanes: (runMs) => {
        asked.push(runMs);
        return [];
      },
    }),
  );

  expect(asked).toEqual([100]);
});
