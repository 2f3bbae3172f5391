/** Whatever calls report, the limit of an adaptive concurrency is a whole number in its range. */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AdaptiveConcurrency } from '../../src/main/lanes/limits/adaptive.js';

const range = fc
  .tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 100 }), fc.integer({ min: 1, max: 200 }))
  .map(([min, more, start]) => ({ min, max: min + more, start }));
const event = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({
      calls: fc.integer({ min: 1, max: 60 }),
      elapsed: fc.double({ min: 0, max: 1e6, noNaN: true }),
      durationMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
      load: fc.double({ min: 0, max: 1.5, noNaN: true }),
      isOverload: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.constant('restart' as const) },
  { weight: 2, arbitrary: fc.double().map((hint) => ({ hint })) },
);

it('is whole and in its range after any history', () => {
  fc.assert(
    fc.property(range, fc.array(event, { maxLength: 60 }), (options, events) => {
      const adaptive = new AdaptiveConcurrency(options);
      let now = 0;
      const check = () => {
        const { limit } = adaptive;
        expect(Number.isInteger(limit) && limit >= options.min && limit <= options.max).toBe(true);
      };
      check();
      for (const each of events) {
        if (each === 'restart') adaptive.restart(now);
        else if ('hint' in each) adaptive.hint(each.hint);
        else
          for (let i = 0; i < each.calls; i++) {
            now += each.elapsed / each.calls;
            const inFlight = Math.max(1, Math.round(adaptive.limit * each.load));
            const { durationMs, isOverload } = each;
            adaptive.ended({ now, sentAt: now - durationMs, durationMs, inFlight, isOverload });
          }
        check();
      }
    }),
    { numRuns: 300 },
  );
});
