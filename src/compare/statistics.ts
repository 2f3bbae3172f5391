/**
 * Statistics of rounds, by tinybench.
 *
 * tinybench's own loop runs all iterations of one task before it begins the next; rounds here are interleaved (A B C, C B A, …), so
 * that a slow minute of the machine hits all variants alike, and each is measured in a process of its own. So rounds are measured
 * first, and tinybench is given the times as what they are: overridden durations.
 *
 * `spread` is the median absolute deviation, scaled to what a standard deviation would be, as a share of the median: one disturbed
 * round does not move it. Two variants count as different only when their medians ± spread do not meet.
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
/** Clocks, schedulers and caches always differ by that much. */
const LEAST_SPREAD = 0.01;

/** @param samplesMs - one at least */
export function timingOf(samplesMs: readonly number[]): Timing {
  let next = 0;
  const bench = new Bench({ iterations: samplesMs.length, time: 0, warmup: false, throws: true });
  bench.add('rounds', () => ({ overriddenDuration: samplesMs[next++] }), { async: false });
  const [task] = bench.runSync();
  const result = task?.result;
  if (result?.state !== 'completed') throw new Error(`no statistics of ${samplesMs.length} rounds`);
  const { p50, mean, rme, mad, min, max } = result.latency;
  return {
    medianMs: p50,
    meanMs: mean,
    rme: Number.isFinite(rme) ? rme / 100 : 0,
    spread: p50 === 0 ? LEAST_SPREAD : Math.max(LEAST_SPREAD, (mad * SCALE) / p50),
    minMs: min,
    maxMs: max,
    samplesMs: [...samplesMs],
  };
}

/** The middle of some numbers; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** The value below which a share of the numbers lies; NaN of none. Sorts in place. */
export function percentile(values: Float64Array, share: number): number {
  values.sort();
  return values.length === 0
    ? Number.NaN
    : (values[Math.min(values.length - 1, Math.ceil(values.length * share) - 1)] as number);
}
