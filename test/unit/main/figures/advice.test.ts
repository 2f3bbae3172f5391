/** What a report says in words: each note only when its figures are there. */

import { describe, expect, it } from 'vitest';
import { clampText, notesOf } from '../../../../src/main/figures/advice.js';
import type { Report } from '../../../../src/main/figures/report.js';

const worker = (utilization: number) => ({ workerId: 1, attempts: 100, busyMs: 1000, utilization });

function report(over: Partial<Report>): Report {
  return {
    status: 'completed',
    reason: undefined,
    total: 1000,
    read: 1000,
    succeeded: 1000,
    failed: 0,
    resumed: 0,
    removed: 0,
    reused: 0,
    aborted: 0,
    skipped: 0,
    retries: 0,
    wallMs: 1000,
    startMs: 0,
    busyMs: 1900,
    threads: 2,
    concurrency: 2,
    speedup: 1.9,
    efficiency: 0.95,
    tasksPerSecond: 1000,
    latency: { p50: 2, p95: 2, p99: 2, max: 2 },
    queueWait: { p50: 0, p95: 0, p99: 0, max: 0 },
    workers: [worker(0.95), worker(0.95)],
    callerUtilization: 0.1,
    lanes: [],
    clamps: [],
    failures: [],
    notes: [],
    ...over,
  };
}

describe('notes', () => {
  it.each([
    ['threads that compute: nothing to say', {}, false, []],
    [
      'waiting tasks: raise concurrency',
      { workers: [worker(0.02), worker(0.03)] },
      false,
      [/wait rather than compute.*raise concurrency/],
    ],
    [
      'a busy coordinator with tiny tasks: a loop is faster',
      {
        callerUtilization: 0.99,
        workers: [worker(0.3)],
        busyMs: 400,
        latency: { p50: 0.0005, p95: 0, p99: 0, max: 0 },
      },
      false,
      [/coordinator is the bottleneck.*99 %.*30 %.*plain loop/],
    ],
    [
      'a busy coordinator with large values: make them smaller',
      { callerUtilization: 0.95, workers: [worker(0.3)], busyMs: 400 },
      false,
      [/coordinator.*smaller/],
    ],
    [
      'concurrency beyond the threads for computing tasks',
      { concurrency: 50 },
      false,
      [/compute rather than wait.*2 threads/],
    ],
    [
      'a computing closure',
      { concurrency: 10, callerUtilization: 0.99, workers: [] },
      true,
      [/one thread.*task module/],
    ],
    ['efficiency above 100 % is explained', { efficiency: 1.2 }, false, [/above 100 %.*because/]],
    ['a short run says nothing', { wallMs: 50, workers: [worker(0.02)] }, false, []],
  ] as const)('%s', (_, over, isInline, expected) => {
    const notes = notesOf(report(over as Partial<Report>), isInline);

    expect(notes.length).toBe(expected.length);
    for (const [i, pattern] of expected.entries()) expect(notes[i]).toMatch(pattern);
  });
});

it('a clamp is told with its reason', () => {
  expect(clampText({ requested: 50, ran: 4, reason: 'the batch has 4 tasks' })).toBe(
    'requested 50, ran 4: the batch has 4 tasks',
  );
});
