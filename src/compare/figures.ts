/** What was measured: plain data, from which the table, the JSON and the recommendation are made. */

import type { Timing } from './statistics.js';
import type { Variant } from './variants.js';

/** One variant with its figures. */
export interface Measured {
  readonly variant: Variant;
  /** Of a round, with threads started and the module loaded. */
  readonly timing: Timing;
  /** Until the first task could start: threads and module. Not part of a round. */
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

/** All that was measured. */
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
  /** Share of its time in which the loop computed, 0 to 1: of the round that was disturbed the least. */
  readonly cpuShare: number;
  /** Means of a task: bytes of input and value, and the time to copy both. */
  readonly payload: { readonly bytes: number; readonly moveMs: number };
  /** In the order of the table; the loop comes first. */
  readonly measured: readonly Measured[];
  readonly leftOut: readonly LeftOut[];
  /** What to know about the figures. */
  readonly warnings: readonly string[];
}

/**
 * Time to start a variant: the least of all that start the same threads. It is measured once for each, and whatever else the machine did
 * then is in it.
 */
export function startOf({ measured }: Figures, { variant }: Measured): number {
  const alike = measured.filter(
    (each) => each.variant.kind === variant.kind && each.variant.threads === variant.threads,
  );
  return Math.min(...alike.map(({ startMs }) => startMs));
}
