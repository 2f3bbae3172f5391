/** The rate of a lane: pace, burst, log, strict, seeds, announcements, shards. By virtual clock. */

import { describe, expect, it } from 'vitest';
import {
  divideRate,
  RateWindow,
  type ResolvedRate,
  shareOf,
} from '../../../../../src/main/lanes/limits/rate-window.js';
import {
  bucket,
  fixedWindow,
  type Provider,
  seededRandom,
  slidingCounter,
  slidingLog,
} from '../../../../support/provider-models.js';

const RATE: ResolvedRate = { limit: 100, perMs: 1000, burst: 5, guardMs: 50, strict: false };

/** Starts calls as soon as it may, from `from` on. */
function saturate(window: RateWindow, from: number, until: number): number[] {
  const starts: number[] = [];
  for (let now = from; ; ) {
    const wait = window.wait(now);
    if (now + wait >= until) return starts;
    now += wait;
    if (wait > 0) continue;
    window.take(now);
    starts.push(now);
  }
}

/** How many of these start at the same moment as the first. */
function atOnce(starts: readonly number[]): number {
  return starts.filter((start) => start === starts[0]).length;
}

describe('pace', () => {
  it('lets a burst go at once and the others at an even distance', () => {
    const starts = saturate(new RateWindow(RATE), 0, 900);
    expect(atOnce(starts)).toBe(5);
    const gaps = starts.slice(5).map((start, index) => start - (starts[index + 4] as number));
    for (const gap of gaps) expect(gap).toBeCloseTo(1050 / 100, 6);
  });

  it('is 0.98 of the limit when the guard is short against the window', () => {
    const rate = { ...RATE, perMs: 60_000, guardMs: 250 };
    const [first, second] = saturate(new RateWindow({ ...rate, burst: 1 }), 0, 2000) as [number, number];
    expect(second - first).toBeCloseTo(600 / 0.98, 6);
  });

  it('never lets more than a burst go at once after an idle time', () => {
    for (const idleMs of [10, 500, 1000, 5000, 1e9]) {
      const window = new RateWindow(RATE);
      const [last] = saturate(window, 0, 3000).slice(-1) as [number];
      expect(atOnce(saturate(window, last + idleMs, last + idleMs + 50))).toBeLessThanOrEqual(5);
    }
  });

  it('does not come back as a burst when the log lets calls go', () => {
    const starts = saturate(new RateWindow({ ...RATE, guardMs: 200 }), 0, 10_000);
    const later = starts.filter((start) => start > 0);
    for (const [index, start] of later.slice(1).entries()) expect(start).not.toBe(later[index]);
  });

  it('does not hold back a burst of the whole limit', () => {
    const starts = saturate(new RateWindow({ ...RATE, burst: 100 }), 0, 2 * 1050 + 1);
    expect(starts).toEqual([0, 1050, 2100].flatMap((at) => new Array(100).fill(at)));
  });

  it('is exact far from the zero of the clock', () => {
    const from = 1e12 + 0.3;
    const starts = saturate(new RateWindow(RATE), from, from + 60_000);
    expect(starts.length).toBeGreaterThan(5700);
    expect(starts.length).toBeLessThanOrEqual(6000);
  });
});

describe('providers that count in different ways', () => {
  const kinds: Record<string, (rate: ResolvedRate, jitterMs: number, random: () => number) => Provider> = {
    'sliding log': ({ limit, perMs }) => slidingLog(limit, perMs),
    'fixed window': ({ limit, perMs }, _, random) => fixedWindow(limit, perMs, random() * perMs),
    'sliding counter': ({ limit, perMs }, _, random) => slidingCounter(limit, perMs, random() * perMs),
    // As promised: the burst, and the calls of one delay difference.
    bucket: ({ limit, perMs, burst }, jitterMs) => bucket(limit, perMs, burst + (limit / perMs) * jitterMs),
  };
  const rates: ResolvedRate[] = [
    RATE,
    { ...RATE, burst: 1 },
    { ...RATE, limit: 1000, burst: 50 },
    { ...RATE, limit: 20, burst: 1 },
    { ...RATE, perMs: 60_000, guardMs: 250 },
    { limit: 6000, perMs: 300_000, burst: 300, guardMs: 250, strict: false },
  ];
  for (const [kind, make] of Object.entries(kinds))
    it.each(rates)(`${kind}: refuses none of $limit per $perMs ms, burst $burst`, (rate) => {
      const windows = rate.limit >= 1000 ? 8 : 60;
      const starts = saturate(new RateWindow(rate), 0, windows * rate.perMs);
      expect(starts.length / (rate.limit * windows)).toBeGreaterThanOrEqual(0.95);
      for (const jitterMs of [0, rate.guardMs * 0.6, rate.guardMs])
        for (let seed = 1; seed <= 3; seed++) {
          const random = seededRandom(seed);
          const arrivals = starts.map((start) => start + 20 + random() * jitterMs).sort((a, b) => a - b);
          const provider = make(rate, jitterMs, random);
          expect(arrivals.filter((at) => !provider(at))).toEqual([]);
        }
    });

  it('a guard shorter than the jitter would not do', () => {
    const random = seededRandom(1);
    const arrivals = saturate(new RateWindow({ ...RATE, burst: 100, guardMs: 1 }), 0, 60_000)
      .map((start) => start + random() * 50)
      .sort((a, b) => a - b);
    const provider = slidingLog(100, 1000);
    expect(arrivals.filter((at) => !provider(at)).length).toBeGreaterThan(100);
  });
});

describe('strict', () => {
  it('counts a call until one window after its end', () => {
    const window = new RateWindow({ ...RATE, limit: 2, burst: 2, strict: true });
    window.take(0);
    window.take(0);
    expect(window.wait(5000)).toBe(Number.POSITIVE_INFINITY);
    window.ended(5000);
    expect(window.wait(5000)).toBe(1000);
    window.ended(5400);
    expect(window.wait(5999)).toBe(1);
    window.take(6000);
    expect(window.wait(6000)).toBe(400);
    window.take(6400);
    expect(window.wait(6400)).toBe(Number.POSITIVE_INFINITY);
  });

  it('an end without a start takes a slot rather than give one', () => {
    const window = new RateWindow({ ...RATE, limit: 1, burst: 1, strict: true });
    window.ended(10);
    expect(window.wait(10)).toBe(1000);
    window.take(1010);
    expect(window.wait(1010)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('ends', () => {
  it('mean nothing unless strict', () => {
    const window = new RateWindow({ ...RATE, limit: 1, burst: 1 });
    window.take(0);
    window.ended(500);
    expect(window.wait(500)).toBe(550);
  });
});

describe('seeds', () => {
  it('hold the window', () => {
    const window = new RateWindow({ ...RATE, burst: 100 });
    window.seed(Array.from({ length: 100 }, (_, index) => index - 500));
    expect(window.wait(0)).toBe(550);
  });

  it('count as many as the limit even if there were more', () => {
    const window = new RateWindow({ ...RATE, limit: 2, burst: 2 });
    window.seed([-900, -800, -700, -600]);
    expect(window.wait(0)).toBe(350);
  });

  it('continue the pace instead of another burst', () => {
    const window = new RateWindow(RATE);
    window.seed([-1]);
    expect(atOnce(saturate(window, 0, 100))).toBe(1);
    expect(new RateWindow(RATE).wait(0)).toBe(0);
    expect(atOnce(saturate(new RateWindow(RATE), 0, 100))).toBe(5);
  });

  it('of long ago change nothing', () => {
    const window = new RateWindow(RATE);
    window.seed([-90_000, -80_000]);
    expect(atOnce(saturate(window, 0, 100))).toBe(5);
    window.seed([]);
  });
});

describe('announcements', () => {
  const tight: ResolvedRate = { ...RATE, burst: 100 };

  it('lower the limit at once, for calls that already started as well', () => {
    const window = new RateWindow(tight);
    for (let start = 0; start < 10; start++) window.take(start);
    window.announce(4);
    expect(window.wait(10)).toBe(6 + 1050 - 10);
    window.announce(20);
    expect(window.wait(10)).toBe(0);
  });

  it('lower pace and burst in proportion', () => {
    const window = new RateWindow({ ...RATE, burst: 50 });
    window.announce(10);
    const starts = saturate(window, 0, 900);
    expect(atOnce(starts)).toBe(5);
    expect((starts[6] as number) - (starts[5] as number)).toBeCloseTo(105, 6);
  });

  it('never raise it, and undefined lifts them', () => {
    const window = new RateWindow(tight);
    window.announce(1000);
    expect(saturate(window, 0, 1)).toHaveLength(100);
    const other = new RateWindow(tight);
    other.announce(1);
    other.announce(undefined);
    expect(saturate(other, 0, 1)).toHaveLength(100);
  });

  it('count as 1 below 1, and nonsense is ignored', () => {
    for (const announced of [0, -5, 0.4, Number.NEGATIVE_INFINITY]) {
      const window = new RateWindow(tight);
      window.announce(announced);
      expect(saturate(window, 0, 1)).toHaveLength(1);
    }
    const window = new RateWindow(tight);
    window.announce(Number.NaN);
    window.announce(Number.POSITIVE_INFINITY);
    expect(saturate(window, 0, 1)).toHaveLength(100);
  });

  it('of strict rates let running calls end first', () => {
    const window = new RateWindow({ ...tight, strict: true });
    for (let call = 0; call < 5; call++) window.take(0);
    window.announce(3);
    expect(window.wait(0)).toBe(Number.POSITIVE_INFINITY);
    for (const end of [10, 20, 30, 40, 50]) window.ended(end);
    expect(window.wait(50)).toBe(1030 - 50);
  });

  it('that come and go do not hand out the burst again', () => {
    const window = new RateWindow(RATE);
    expect(saturate(window, 0, 1)).toHaveLength(5);
    window.announce(20);
    window.announce(undefined);
    expect(window.wait(0)).toBeCloseTo(10.5, 6);
  });
});

describe('shards', () => {
  it('have shares that add up', () => {
    for (const [whole, count] of [
      [100, 3],
      [7, 7],
      [1, 4],
      [1000, 999],
    ] as const) {
      const shares = Array.from({ length: count }, (_, index) => shareOf(whole, index + 1, count));
      expect(shares.reduce((sum, share) => sum + share)).toBe(whole);
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
    }
  });

  it('have at least one call in a burst each', () => {
    const shares = [1, 2, 3].map((index) => divideRate({ ...RATE, burst: 2 }, index, 3).burst);
    expect(shares).toEqual([1, 1, 1]);
  });

  it('keep a burst of the whole limit', () => {
    for (const index of [1, 2, 3]) {
      const share = divideRate({ ...RATE, burst: 100 }, index, 3);
      expect(share.burst).toBe(share.limit);
    }
  });

  it('of fewer calls than shards have longer windows, together not more than the rate', () => {
    const shares = [1, 2, 3, 4, 5, 6, 7].map((index) => divideRate({ ...RATE, limit: 3 }, index, 7));
    for (const share of shares) expect(share).toMatchObject({ limit: 1, burst: 1, perMs: 2334 });
    const perSecond = shares.reduce((sum, { limit, perMs }) => sum + limit / perMs, 0) * 1000;
    expect(perSecond).toBeLessThanOrEqual(3);
    expect(perSecond).toBeGreaterThan(2.99);
  });

  it('that are alone have it all', () => {
    expect(divideRate(RATE, 1, 1)).toEqual(RATE);
  });
});
