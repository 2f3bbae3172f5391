/** Durations and counts. */

import { describe, expect, it } from 'vitest';
import {
  formatAge,
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  formatTime,
  parseDuration,
  plural,
} from '../../../src/text/durations.js';

describe('durations', () => {
  it('are numbers with a unit', () => {
    expect(['500ms', '5s', '1.5m', '1h', '2d', '0', ' 5 s '].map(parseDuration)).toEqual([
      500, 5000, 90_000, 3_600_000, 172_800_000, 0, 5000,
    ]);
    expect(['5', '5x', '', '-1s', '1e3ms', 's'].map(parseDuration)).toEqual(Array(6).fill(undefined));
  });

  it('and counts read well', () => {
    expect([0.4, 5.25, 350, 999.4, 12_340, 59_960, 125_000, 3_725_000].map(formatDuration)).toEqual([
      '400 µs',
      '5.3 ms',
      '350 ms',
      '999 ms',
      '12.3 s',
      '1 min 0 s',
      '2 min 5 s',
      '1 h 2 min',
    ]);
    expect([1, 1000, 1_234_567].map(formatCount)).toEqual(['1', '1 000', '1 234 567']);
    expect([0.25, 3.14, 4120].map(formatRate)).toEqual(['0.25/s', '3.1/s', '4 120/s']);
  });

  it('of ages, times, sizes and numbers of things', () => {
    expect([-5, 59_999, 60_000, 3_600_000, 172_800_000].map(formatAge)).toEqual([
      '0 s',
      '59 s',
      '1 min',
      '1 h',
      '2 d',
    ]);
    expect(formatTime(new Date(2026, 0, 2, 3, 4, 5))).toBe('2026-01-02 03:04:05');
    expect([0, 999, 1000, 99_600, 999_600, 5e12, 5e15].map(formatBytes)).toEqual([
      '0 B',
      '999 B',
      '1.0 kB',
      '100 kB',
      '1.0 MB',
      '5.0 TB',
      '5000 TB',
    ]);
    expect([plural(1, 'task'), plural(0, 'task'), plural(1200, 'retry', 'retries')]).toEqual([
      '1 task',
      '0 tasks',
      '1 200 retries',
    ]);
  });
});
