/**
 * Compares variants.
 *
 * They are judged by the time that the whole batch would take, starting included; of a stream, whose length nobody knows, by the rounds
 * alone. One is better than another only if it is by more than MARGIN and beyond the spread of both: noise must not recommend flags.
 */

import { type Figures, type Measured, startOf } from './figures.js';

const MARGIN = 1.1;

/** What the loop's time is, divided by a variant's. */
export function speedupOf(loop: Measured, { timing }: Measured): number {
  return loop.timing.medianMs / timing.medianMs;
}

/** Speed-up by thread; undefined where more tasks than threads are in progress, for waiting is no work. */
export function efficiencyOf(loop: Measured, measured: Measured): number | undefined {
  const { kind, concurrency, threads } = measured.variant;
  return kind === 'loop' || concurrency > threads ? undefined : speedupOf(loop, measured) / threads;
}

/** By its rounds alone, without starting. */
export function isQuicker({ timing: a }: Measured, { timing: b }: Measured): boolean {
  return a.medianMs * MARGIN < b.medianMs && a.medianMs * (1 + a.spread) < b.medianMs * (1 - b.spread);
}

/** Compares variants by the time of the whole batch. */
export class Judge {
  readonly #figures: Figures;
  readonly #scale: number | undefined;

  constructor(figures: Figures) {
    const { sample } = figures;
    this.#figures = figures;
    this.#scale = sample.total === undefined ? undefined : sample.total / sample.count;
  }

  /** Time of the whole batch; of a stream, that of the sample. */
  wholeMs(measured: Measured): number {
    return this.#at(measured, 1);
  }

  isBetter(a: Measured, b: Measured): boolean {
    return this.isFaster(a, b) && this.wholeMs(b) > this.wholeMs(a) * MARGIN;
  }

  /** Beyond the spread of both. */
  isFaster(a: Measured, b: Measured): boolean {
    return this.#at(a, 1 + a.timing.spread) < this.#at(b, 1 - b.timing.spread);
  }

  #at(measured: Measured, factor: number): number {
    const roundMs = measured.timing.medianMs * factor;
    return this.#scale === undefined ? roundMs : startOf(this.#figures, measured) + roundMs * this.#scale;
  }
}
