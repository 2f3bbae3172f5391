/**
 * Statistics of rounds, by tinybench.
 *
 * tinybench runs all iterations of one task before it begins the next, while rounds here are interleaved and
 * run in several processes. So rounds are measured first, and tinybench gets their times as overridden
 * durations.
 *
 * `spread` is the median absolute deviation, scaled to a standard deviation, as a share of the median: one
 * disturbed round does not move it.
 */

import { Bench } from 'tinybench';

/** Times of the rounds of one variant, in ms. */
export interface Timing {
  readonly medianMs: number;
  readonly meanMs: number;
  /** Half the 95 % confidence interval of the mean, as a share of it. */
  readonly rme: number;
  readonly spread: number;
  readonly minMs: number;
  readonly maxMs: number;
  /** In the order in which they were measured. */
  readonly samplesMs: readonly number[];
}

/** From median absolute deviation to standard deviation, for normal noise. */
const SCALE = 1.4826;
/** Clocks, schedulers and caches always differ this much. */
const LEAST_SPREAD = 0.01;

/** @param samplesMs - at least one */
export function timingOf(samplesMs: readonly number[]): Timing {
  let next = 0;
  const bench = new Bench({ iterations: samplesMs.length, time: 0, warmup: false, throws: true });
  bench.add('rounds', () => ({ overriddenDuration: samplesMs[next++] }), { async: false });
  const [task] = bench.runSync();
  const result = task?.result;
  if (result?.state !== 'completed') throw new Error(`no statistics of ${samplesMs.length} rounds`);
  const { p50, rme, mad, min, max } = result.latency;
  return {
    medianMs: p50,
    meanMs: result.latency.mean,
    rme: Number.isFinite(rme) ? rme / 100 : 0,
    spread: p50 === 0 ? LEAST_SPREAD : Math.max(LEAST_SPREAD, (mad * SCALE) / p50),
    minMs: min,
    maxMs: max,
    samplesMs: [...samplesMs],
  };
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The median; NaN if there are no values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low = Number.NaN, high = low] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return (low + high) / 2;
}

/** The value below which a share of the values lies; NaN if there are none. Sorts in place. */
export function percentile(values: Float64Array, share: number): number {
  values.sort();
  return values[Math.min(values.length - 1, Math.ceil(values.length * share) - 1)] ?? Number.NaN;
}
