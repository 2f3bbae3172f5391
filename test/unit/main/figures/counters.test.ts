/** Counters: times of attempts, the rate, and the estimate of what is left. */

import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Counters } from '../../../../src/main/figures/counters.js';

let clock = 0;

beforeEach(() => {
  clock = 1000;
  vi.spyOn(performance, 'now').mockImplementation(() => clock);
});
afterEach(() => {
  vi.restoreAllMocks();
});

it('attempts are counted for each worker, with the time that each waited', () => {
  const counters = new Counters();
  counters.recordAttempts(new Float64Array([10, 12, 17]), 8, 1);
  counters.recordCutOff(5, 2);
  counters.recordAttempts(new Float64Array([20, 21]), 20, 1);

  expect(counters.busyMs).toBe(13);
  expect([...counters.workers]).toEqual([
    [1, { busyMs: 8, attempts: 3 }],
    [2, { busyMs: 5, attempts: 1 }],
  ]);
  expect([counters.durations.count, counters.durations.max, counters.queueWaits.max]).toEqual([4, 5, 4]);
});

it('what earlier runs settled is not this run’s', () => {
  const counters = new Counters();
  Object.assign(counters, { succeeded: 5, failed: 2, resumed: 4, aborted: 9 });

  expect([counters.settled, counters.settledHere]).toEqual([7, 3]);
});

it('a snapshot has all counters, and does not change', () => {
  const counters = new Counters();
  counters.read = 3;
  const before = counters.snapshot();
  counters.read = 4;

  expect(before).toMatchObject({ read: 3, running: 0, tasksPerSecond: 0, remainingMs: undefined });
});

describe('the rate', () => {
  /** Settles tasks over some time. */
  const settle = (counters: Counters, tasks: number, ms: number): ReturnType<Counters['snapshot']> => {
    counters.succeeded += tasks;
    clock += ms;
    return counters.snapshot();
  };

  it('is that of the last seconds, smoothed', () => {
    const counters = new Counters();
    expect(settle(counters, 100, 1000).tasksPerSecond).toBe(100);

    expect(settle(counters, 200, 1000).tasksPerSecond).toBeCloseTo(130);
  });

  it('does not count what earlier runs settled', () => {
    const counters = new Counters();
    counters.resumed = 1000;

    expect(settle(counters, 1100, 1000).tasksPerSecond).toBe(100);
  });

  it('gives an estimate once there is enough to go by', () => {
    const counters = new Counters();
    counters.total = 400;
    expect(settle(counters, 4, 1000).remainingMs, 'too few tasks').toBeUndefined();
    expect(settle(counters, 96, 500).remainingMs, 'too early').toBeUndefined();

    const { tasksPerSecond, remainingMs } = settle(counters, 100, 500);
    expect(remainingMs).toBeCloseTo((200 / tasksPerSecond) * 1000);
  });

  it('gives no estimate for a batch of unknown length', () => {
    expect(settle(new Counters(), 100, 5000).remainingMs).toBeUndefined();
  });
});
