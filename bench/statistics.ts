/** Medians and spread: a single number would hide how noisy the machine was. */

/** What is kept of the samples of one figure. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly samples: number;
}

/** The middle of the samples; between the two middle ones when their number is even. */
export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const upper = sorted.length >> 1;
  const lower = sorted.length % 2 === 0 ? upper - 1 : upper;
  return ((sorted[lower] ?? Number.NaN) + (sorted[upper] ?? Number.NaN)) / 2;
}

/** Reduces samples to their median and range. */
export function spreadOf(samples: readonly number[]): Spread {
  return {
    median: median(samples),
    min: Math.min(...samples),
    max: Math.max(...samples),
    samples: samples.length,
  };
}

/** A number with three significant digits, and a letter for thousands and millions. */
export function shown(value: number): string {
  if (Math.abs(value) >= 1e6) return `${digits(value / 1e6)} M`;
  if (Math.abs(value) >= 1e4) return `${digits(value / 1e3)} k`;
  return digits(value);
}

function digits(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

/** A median with its range, such as `3.1 (2.9-3.4)`; alone where all samples are the same. */
export function shownSpread({ median, min, max }: Spread): string {
  return min === max ? shown(median) : `${shown(median)} (${shown(min)}-${shown(max)})`;
}
