/**
 * In any schedule, no window has more calls than declared: idle times, seeds, announcements, ends, shards.
 */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { divideRate, RateWindow, type ResolvedRate } from '../../src/main/lanes/limits/rate-window.js';
import { fixedWindow, seededRandom, slidingLog } from '../support/provider-models.js';

const anyRate = fc
  .record({
    limit: fc.integer({ min: 1, max: 30 }),
    perMs: fc.integer({ min: 10, max: 3000 }),
    burst: fc.integer({ min: 1, max: 30 }),
    guardMs: fc.integer({ min: 0, max: 200 }),
  })
  .map((rate): ResolvedRate => ({ ...rate, burst: Math.min(rate.burst, rate.limit), strict: false }));

/** What a lane does next: stay idle, or call so often as soon as it may. */
const anySteps = fc.array(
  fc.record({
    idleMs: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 4000, noNaN: true })),
    calls: fc.integer({ min: 0, max: 40 }),
    announce: fc.option(fc.integer({ min: -1, max: 40 }), { nil: undefined, freq: 4 }),
  }),
  { maxLength: 12 },
);
const anyBegin = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e10, noNaN: true }));

/** The time at which a call may start; a clock that does not get there would be found here. */
function due(window: RateWindow, from: number): number {
  let now = from;
  for (let tries = 0; ; tries++) {
    const wait = window.wait(now);
    if (wait === 0) return now;
    expect(tries).toBeLessThan(3);
    now += wait;
  }
}

function expectWindows(starts: readonly number[], limit: number, spanMs: number): void {
  const tooEarly = starts.filter((start, index) => start < (starts[index - limit] ?? -Infinity) + spanMs);
  expect(tooEarly).toEqual([]);
}

it('no window and guard has more than the limit, no moment more than the burst', () => {
  fc.assert(
    fc.property(anyRate, anySteps, anyBegin, (rate, steps, begin) => {
      const window = new RateWindow(rate);
      const starts: number[] = [];
      let now = begin;
      for (const { idleMs, calls } of steps) {
        now += idleMs;
        for (let call = 0; call < calls; call++) {
          now = due(window, now);
          window.take(now);
          starts.push(now);
        }
      }
      expectWindows(starts, rate.limit, rate.perMs + rate.guardMs);
      expectWindows(starts, rate.burst, Number.MIN_VALUE);
      // At any time no more than the burst and what the pace lets pass since then.
      if (rate.burst < rate.limit) {
        const paceMs = rate.perMs / (0.98 * rate.limit);
        // Calls ahead of the pace, against the fewest so far.
        let fewest = Number.POSITIVE_INFINITY;
        let most = 0;
        for (const [index, start] of starts.entries()) {
          const ahead = index - (start - begin) / paceMs;
          fewest = Math.min(fewest, ahead);
          most = Math.max(most, ahead + 1 - fewest);
        }
        expect(most).toBeLessThanOrEqual(rate.burst + 1e-3);
      }
    }),
    { numRuns: 500 },
  );
});

it('seeds of an earlier process count like its own calls', () => {
  const anyGaps = fc.array(fc.double({ min: 0, max: 500, noNaN: true }), { maxLength: 80 });
  fc.assert(
    fc.property(anyRate, anyGaps, fc.double({ min: 0, max: 2000, noNaN: true }), (rate, gaps, downMs) => {
      // The earlier process kept the same limit.
      const earlier = new RateWindow(rate);
      const starts: number[] = [];
      let now = -20_000;
      for (const gap of gaps) {
        now = due(earlier, now + gap);
        earlier.take(now);
        starts.push(now);
      }
      const window = new RateWindow(rate);
      window.seed(starts);
      now += downMs;
      const seeds = starts.length;
      for (let call = 0; call < rate.limit * 3; call++) {
        now = due(window, now);
        window.take(now);
        starts.push(now);
      }
      expectWindows(starts, rate.limit, rate.perMs + rate.guardMs);
      expect(starts.slice(seeds).filter((start) => start === starts[seeds]).length).toBeLessThanOrEqual(
        rate.burst,
      );
    }),
    { numRuns: 300 },
  );
});

it('what the provider announced holds from then on', () => {
  fc.assert(
    fc.property(anyRate, anySteps, (rate, steps) => {
      const window = new RateWindow(rate);
      const starts: number[] = [];
      let now = 0;
      let limit = rate.limit;
      for (const { idleMs, calls, announce } of steps) {
        now += idleMs;
        window.announce(announce);
        limit = announce === undefined ? rate.limit : Math.max(1, Math.min(rate.limit, announce));
        for (let call = 0; call < calls; call++) {
          now = due(window, now);
          window.take(now);
          starts.push(now);
          // Also together with calls from before the announcement.
          const back = starts[starts.length - 1 - limit];
          if (back !== undefined) expect(now).toBeGreaterThanOrEqual(back + (rate.perMs + rate.guardMs));
        }
      }
    }),
    { numRuns: 500 },
  );
});

it('shards together keep the limit, whenever each of them starts', () => {
  fc.assert(
    fc.property(
      anyRate,
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.double({ min: 0, max: 3000, noNaN: true }), { minLength: 8, maxLength: 8 }),
      (rate, count, begins) => {
        const starts: number[] = [];
        for (let index = 1; index <= count; index++) {
          const window = new RateWindow(divideRate(rate, index, count));
          let now = begins[index - 1] as number;
          for (let call = 0; call < rate.limit * 3; call++) {
            now = due(window, now);
            window.take(now);
            starts.push(now);
          }
        }
        starts.sort((a, b) => a - b);
        if (rate.limit >= count) return expectWindows(starts, rate.limit, rate.perMs + rate.guardMs);
        // Fewer calls than shards: one each in the longer window.
        expectWindows(starts, count, Math.ceil((rate.perMs * count) / rate.limit) + rate.guardMs);
      },
    ),
    { numRuns: 300 },
  );
});

it('strict: no provider that counts in windows ever sees too many, whatever the delays', () => {
  fc.assert(
    fc.property(
      anyRate,
      fc.integer(),
      fc.integer({ min: 0, max: 5000 }),
      fc.boolean(),
      (loose, seed, delayMs, isBursting) => {
        const rate = { ...loose, strict: true, guardMs: 0, burst: isBursting ? loose.limit : loose.burst };
        const random = seededRandom(seed);
        const window = new RateWindow(rate);
        const arrivals: number[] = [];
        const ends: number[] = [];
        let now = 0;
        for (let call = 0; call < rate.limit * 4; ) {
          const wait = window.wait(now);
          const nextEnd = ends[0] ?? Number.POSITIVE_INFINITY;
          if (wait === 0) {
            window.take(now);
            const arrival = now + random() * delayMs;
            arrivals.push(arrival);
            ends.push(arrival + random() * delayMs);
            ends.sort((a, b) => a - b);
            call++;
          } else if (nextEnd <= now + wait) {
            // Without a call to wait for there would be no way on.
            now = Math.max(now, nextEnd);
            ends.shift();
            window.ended(now);
          } else now += wait;
        }
        arrivals.sort((a, b) => a - b);
        for (const provider of [
          slidingLog(rate.limit, rate.perMs),
          fixedWindow(rate.limit, rate.perMs, random() * rate.perMs),
        ])
          expect(arrivals.filter((at) => !provider(at))).toEqual([]);
      },
    ),
    { numRuns: 300 },
  );
});
