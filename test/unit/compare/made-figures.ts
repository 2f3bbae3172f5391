/** Figures for tests, as if they had been measured on four processors. */

import type { Figures, Measured } from '../../../src/compare/figures.js';
import { chooseVariants, type Variant } from '../../../src/compare/variants.js';

const CORES = 4;
const VARIANTS = new Map(
  chooseVariants({
    cores: CORES,
    sampleCount: 1e6,
    taskMs: 1,
    taskBytes: 100,
    waits: false,
    threads: undefined,
    chunks: [1, 16, 256],
    concurrencies: [64],
  }).map((variant) => [variant.name, variant]),
);

export type Made = Partial<Omit<Measured, 'variant'>> & { readonly ms: number; readonly spread?: number };

function measured(name: string, { ms, spread = 0.02, ...rest }: Made): Measured {
  const variant = VARIANTS.get(name) as Variant;
  return {
    variant,
    timing: { medianMs: ms, meanMs: ms, rme: 0.02, spread, minMs: ms, maxMs: ms, samplesMs: [ms] },
    startMs: variant.kind === 'threads' ? 50 : 5,
    cpuMs: 1000,
    taskP95Ms: 2,
    peakBytes: 50e6,
    ...rest,
  };
}

/** Figures of 1000 of 100 000 tasks, each of which takes a millisecond on the main thread. */
export function figures(
  times: Readonly<Record<string, number | Made>>,
  more: Partial<Figures> = {},
): Figures {
  return {
    cores: CORES,
    sample: { count: 1000, total: 100_000, how: 'evenly spread' },
    rounds: 5,
    failed: 0,
    cpuShare: 1,
    payload: { bytes: 100, moveMs: 0.001 },
    measured: Object.entries(times).map(([name, made]) =>
      measured(name, typeof made === 'number' ? { ms: made } : made),
    ),
    leftOut: [],
    warnings: [],
    ...more,
  };
}
