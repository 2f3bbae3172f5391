/**
 * The figures of a comparison: plain data, how variants compare by it, and how people read it. The report,
 * the JSON and the recommendation use nothing else.
 */

import type { Payload } from './child-protocol.js';
import type { Timing } from './statistics.js';
import type { Variant } from './variants.js';

/** One variant with its figures. */
export interface Measured {
  readonly variant: Variant;
  /** Times of rounds, with threads started and the module loaded. */
  readonly timing: Timing;
  /** Time until the first task could start: threads and module. Not part of a round. */
  readonly startMs: number;
  /** Processor time of a round, of all threads. */
  readonly cpuMs: number;
  /** 95th percentile of the times of single tasks. */
  readonly taskP95Ms: number;
  /** Peak of the resident memory of its process. */
  readonly peakBytes: number;
}

/** A variant that was not measured. */
export interface LeftOut {
  readonly name: string;
  readonly reason: string;
}

export interface Figures {
  readonly cores: number;
  readonly sample: {
    readonly count: number;
    /** Inputs of the batch; undefined for a stream that was not read to its end. */
    readonly total: number | undefined;
    readonly how: 'all' | 'evenly spread' | 'head';
  };
  /** Rounds of each variant. */
  readonly rounds: number;
  /** Tasks of the sample that fail, in every variant alike. */
  readonly failed: number;
  /** Share of its time in which the loop computed, 0 to 1, in the round that was disturbed least. */
  readonly cpuShare: number;
  readonly payload: Payload;
  /** In the order of the table; the loop comes first. */
  readonly measured: readonly Measured[];
  readonly leftOut: readonly LeftOut[];
  readonly warnings: readonly string[];
}

/** How much faster a variant must be. Noise must not recommend flags. */
const MARGIN = 1.1;

/** The time of the loop, divided by that of a variant. */
export function speedupOf(loop: Measured, { timing }: Measured): number {
  return loop.timing.medianMs / timing.medianMs;
}

/** Speed-up per thread; undefined if more tasks than threads run at once, because they mostly wait. */
export function efficiencyOf(loop: Measured, measured: Measured): number | undefined {
  const { kind, concurrency, threads } = measured.variant;
  return kind === 'loop' || concurrency > threads ? undefined : speedupOf(loop, measured) / threads;
}

/**
 * Time to start a variant: the shortest of all variants that start the same threads. Each is measured only
 * once, and includes whatever else the machine did at that moment.
 */
export function startOf({ measured }: Figures, { variant }: Measured): number {
  const alike = measured.filter(
    (each) => each.variant.kind === variant.kind && each.variant.threads === variant.threads,
  );
  return Math.min(...alike.map(({ startMs }) => startMs));
}

/**
 * Time of the whole batch, start included. The length of a stream is unknown: for one it is the time of a
 * round.
 *
 * @param factor - of the median of the rounds
 */
export function wholeMs(figures: Figures, measured: Measured, factor = 1): number {
  const { count, total } = figures.sample;
  const roundMs = measured.timing.medianMs * factor;
  return total === undefined ? roundMs : startOf(figures, measured) + (roundMs * total) / count;
}

/** True if the whole batch takes less time, beyond the spread of both. */
export function isFaster(figures: Figures, a: Measured, b: Measured): boolean {
  return wholeMs(figures, a, 1 + a.timing.spread) < wholeMs(figures, b, 1 - b.timing.spread);
}

/** True if `a` is faster, and by more than the margin. */
export function isBetter(figures: Figures, a: Measured, b: Measured): boolean {
  return isFaster(figures, a, b) && wholeMs(figures, b) > wholeMs(figures, a) * MARGIN;
}

/** Like {@link isBetter}, by the rounds alone. */
export function isQuicker({ timing: a }: Measured, { timing: b }: Measured): boolean {
  return a.medianMs * MARGIN < b.medianMs && a.medianMs * (1 + a.spread) < b.medianMs * (1 - b.spread);
}

/** "0.41 µs", "85.1 ms", "1.02 s" */
export function time(ms: number): string {
  if (Number.isNaN(ms)) return '–';
  if (ms >= 999.5) return `${digits(ms / 1000)} s`;
  return ms >= 0.9995 ? `${digits(ms)} ms` : `${digits(ms * 1000)} µs`;
}

/** "1.84x", "31x", "<0.01x" */
export function times(factor: number): string {
  if (factor < 0.005) return '<0.01x';
  return `${factor >= 9.95 ? Math.round(factor) : factor.toFixed(2)}x`;
}

/** "92 %" */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function digits(value: number): string {
  return value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
}
