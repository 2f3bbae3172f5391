import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Histogram } from '../../../../src/main/figures/histogram.js';

it('percentiles are within a sixty-fourth of the truth', () => {
  const times = fc.array(fc.double({ min: 1e-5, max: 1e8, noNaN: true }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(times, fc.constantFrom(0.01, 0.5, 0.95, 0.99, 1), (values, share) => {
      const histogram = new Histogram();
      for (const ms of values) histogram.record(ms);
      const sorted = [...values].sort((a, b) => a - b);
      const truth = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] as number;

      expect(Math.abs(histogram.percentile(share) - truth)).toBeLessThanOrEqual(truth / 64);
      expect(histogram.max).toBe(sorted.at(-1));
      expect(histogram.count).toBe(values.length);
    }),
  );
});

it('knows nothing, zero and what clocks do at their worst', () => {
  const empty = new Histogram();
  expect([empty.percentile(0.5), empty.max]).toEqual([0, 0]);

  const odd = new Histogram();
  for (const ms of [0, -0.001, 1e-9, Number.MAX_VALUE]) odd.record(ms);
  expect(odd.percentile(0.5)).toBe(0);
  expect(odd.count).toBe(4);
});
