/** The statistics of rounds. */

import { describe, expect, it } from 'vitest';
import { median, percentile, timingOf } from '../../../src/compare/statistics.js';

describe('the statistics of rounds', () => {
  it('are those of tinybench', () => {
    const timing = timingOf([10, 12, 11, 30, 9]);

    expect(timing).toMatchObject({ medianMs: 11, meanMs: 14.4, minMs: 9, maxMs: 30 });
    expect(timing.samplesMs).toEqual([10, 12, 11, 30, 9]);
    expect(timing.rme).toBeCloseTo(0.758, 2);
  });

  it('have a spread that one disturbed round does not move', () => {
    expect(timingOf([100, 102, 98, 101, 99]).spread).toBeCloseTo(0.0148, 4);
    expect(timingOf([100, 102, 98, 101, 900]).spread).toBeCloseTo(0.0147, 4);
  });

  it('never claim to be exact', () => {
    expect(timingOf([5, 5, 5]).spread).toBe(0.01);
    expect(timingOf([5])).toMatchObject({ medianMs: 5, rme: 0, spread: 0.01 });
  });

  it('have medians and percentiles', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, Number.NaN]);
    const hundred = Float64Array.from({ length: 100 }, (_, i) => 100 - i);
    expect([percentile(hundred, 0.95), percentile(hundred, 1), percentile(new Float64Array(), 0.5)]).toEqual([
      95,
      100,
      Number.NaN,
    ]);
  });
});
