/** The learned rate: cuts, growth, pauses, and providers whose limit is hidden. By virtual clock. */

import { describe, expect, it } from 'vitest';
import { LearnedRate } from '../../../../../src/main/lanes/limits/learned-rate.js';
import { seededRandom, VirtualTime } from '../../../../support/provider-models.js';

/** Calls at an even rate for so long; answers the time after. */
function send(rate: LearnedRate, from: number, perSecond: number, ms: number): number {
  for (let now = from; now < from + ms; now += 1000 / perSecond) rate.take(now);
  return from + ms;
}

describe('before the first throttle', () => {
  it('nothing is held back, and there is nothing to report', () => {
    const rate = new LearnedRate();
    for (let call = 0; call < 1000; call++) {
      expect(rate.wait(5)).toBe(0);
      rate.take(5);
    }
    expect(rate.perSecond).toBeUndefined();
  });
});

describe('a throttle', () => {
  it('cuts to 0.7 of what was sent', () => {
    const rate = new LearnedRate();
    const now = send(rate, 0, 100, 10_000);
    rate.throttled(now, now - 20);
    expect(rate.perSecond).toBeCloseTo(70, 0);
    rate.take(now);
    expect(rate.wait(now)).toBeCloseTo(1000 / 70, 0);
  });

  it('knows nothing of the time before the first call', () => {
    const rate = new LearnedRate();
    for (let call = 0; call < 100; call++) rate.take(60_000 + call);
    rate.throttled(60_120, 60_100);
    expect(rate.perSecond).toBeCloseTo(70, 6);
  });

  it('within the first second counts the flight as the rate of a second', () => {
    const rate = new LearnedRate();
    for (let call = 0; call < 100; call++) rate.take(0);
    rate.throttled(30, 0);
    expect(rate.perSecond).toBeCloseTo(70, 6);
  });

  it('cuts once per flight', () => {
    const rate = new LearnedRate();
    const now = send(rate, 0, 100, 10_000);
    for (let call = 0; call < 50; call++) rate.throttled(now + call, now - call);
    expect(rate.perSecond).toBeCloseTo(70, 0);
    rate.take(now + 100);
    rate.throttled(now + 120, now + 100);
    expect(rate.perSecond).toBeLessThan(55);
  });

  it('leaves a call per minute', () => {
    const rate = new LearnedRate();
    let now = 0;
    for (let round = 0; round < 100; round++) {
      rate.take(now);
      rate.throttled(now + 10, now);
      now += 10 + rate.wait(now + 10);
      rate.take(now);
      expect(rate.wait(now)).toBeLessThanOrEqual(60_000 + 1e-6);
      now += rate.wait(now);
    }
    expect(rate.perSecond).toBeGreaterThanOrEqual(1 / 60);
  });
});

/** Calls as soon as it may. */
function saturate(rate: LearnedRate, from: number, ms: number): number {
  let calls = 0;
  for (let now = from + rate.wait(from); now < from + ms; now += rate.wait(now)) {
    rate.take(now);
    calls++;
  }
  return (calls / ms) * 1000;
}

describe('growth', () => {
  it('is back after the cube root of time, then goes beyond, at most twice the measured rate', () => {
    const rate = new LearnedRate();
    const now = send(rate, 0, 100, 10_000);
    rate.throttled(now, now - 1);
    // K = ∛(100 · 0.3 / 0.4) = 4.2 s
    expect(saturate(rate, now, 1000)).toBeLessThan(90);
    saturate(rate, now + 1000, 3000);
    const plateau = saturate(rate, now + 4000, 500);
    expect(plateau).toBeGreaterThan(95);
    expect(plateau).toBeLessThan(105);
    let before = saturate(rate, now + 4500, 1000);
    expect(before).toBeGreaterThan(99);
    for (let second = 0; second < 20; second++) {
      const rateNow = saturate(rate, now + 5500 + second * 1000, 1000);
      expect(rateNow).toBeLessThanOrEqual(before * 2.1);
      before = rateNow;
    }
    expect(before).toBeGreaterThan(1000);
  });

  it('does not happen in a pause beyond the rate that was refused', () => {
    const rate = new LearnedRate();
    const now = send(rate, 0, 100, 10_000);
    rate.throttled(now, now - 1);
    const first = saturate(rate, now + 60_000, 1000);
    // 20 ms may be made up for.
    expect(first).toBeLessThan(103);
    expect(first).toBeGreaterThan(70);
  });

  it('does not suffer from a long pause: of it only the beginning counts for the measured rate', () => {
    const rate = new LearnedRate();
    const now = send(rate, 0, 100, 10_000);
    rate.throttled(now, now - 1);
    saturate(rate, now + 60_000, 1500);
    rate.throttled(now + 61_500, now + 61_490);
    expect(rate.perSecond).toBeGreaterThan(35);
  });

  it('does not happen without calls: a lane with little to do learns nothing', () => {
    const rate = new LearnedRate();
    const now = send(rate, 0, 100, 10_000);
    rate.throttled(now, now - 1);
    const later = send(rate, now, 2, 60_000);
    // By the curve alone it would be some 70,000.
    expect(saturate(rate, later, 1000)).toBeLessThan(110);
  });
});

interface Hidden {
  readonly perSecond: number;
  readonly size: number;
  /** Calls while it is locked make that longer. */
  readonly isVindictive: boolean;
}

/** 5000 tasks, 100 at once, Retry-After 2 s for the whole lane. */
function hiddenLimit({ perSecond, size, isVindictive }: Hidden, seed: number) {
  const random = seededRandom(seed);
  const time = new VirtualTime();
  const rate = new LearnedRate();
  let tokens = size;
  let last = 0;
  let lockedUntil = 0;
  let waiting = 5000;
  let running = 0;
  let refused = 0;
  let done = 0;
  let pausedUntil = 0;
  let wakeAt = Number.POSITIVE_INFINITY;
  const isLetIn = () => {
    tokens = Math.min(size, tokens + ((time.now - last) * perSecond) / 1000);
    last = time.now;
    if (time.now >= lockedUntil && tokens >= 1) {
      tokens--;
      return true;
    }
    if (isVindictive) lockedUntil = time.now + 2000;
    return false;
  };
  const pump = () => {
    while (running < 100 && waiting > 0) {
      const due = time.now + Math.max(pausedUntil - time.now, rate.wait(time.now));
      if (due > time.now) {
        if (due >= wakeAt) return;
        wakeAt = due;
        time.at(due, () => {
          wakeAt = Number.POSITIVE_INFINITY;
          pump();
        });
        return;
      }
      rate.take(time.now);
      waiting--;
      running++;
      const sentAt = time.now;
      const isIn = isLetIn();
      time.at(sentAt + (isIn ? 150 + random() * 100 : 20 + random() * 20), () => {
        running--;
        if (isIn) done++;
        else {
          refused++;
          waiting++;
          rate.throttled(time.now, sentAt);
          pausedUntil = Math.max(pausedUntil, time.now + 2000);
        }
        pump();
      });
    }
  };
  time.at(0, pump);
  time.run(3_600_000);
  return { done, share: refused / (refused + 5000), ms: time.now, learned: rate.perSecond as number };
}

describe('a hidden limit of 50 per second', () => {
  const idealMs = ((5000 - 50) / 50) * 1000;

  it.each([{ isVindictive: false }, { isVindictive: true }])(
    '$isVindictive: no task lost, at most 3 % refused, at most 1.35 times the ideal time',
    ({ isVindictive }) => {
      for (let seed = 1; seed <= 10; seed++) {
        const { done, share, ms, learned } = hiddenLimit({ perSecond: 50, size: 50, isVindictive }, seed);
        expect(done).toBe(5000);
        expect(share).toBeLessThanOrEqual(0.03);
        expect(ms).toBeLessThanOrEqual(1.35 * idealMs);
        expect(learned).toBeGreaterThan(35);
        expect(learned).toBeLessThan(70);
      }
    },
  );

  it('and a small bucket: no task lost', () => {
    const { done, share } = hiddenLimit({ perSecond: 50, size: 5, isVindictive: true }, 1);
    expect(done).toBe(5000);
    expect(share).toBeLessThan(0.05);
  });
});
