/** The breaker of a lane: when it opens, the pause, the probe, calls that end late. By virtual clock. */

import { describe, expect, it } from 'vitest';
import {
  Breaker,
  type BreakerState,
  type ResolvedBreaker,
} from '../../../../../src/main/lanes/limits/breaker.js';
import { seededRandom, VirtualTime } from '../../../../support/provider-models.js';

const OPTIONS: ResolvedBreaker = {
  failures: 0.5,
  inARow: 5,
  openMs: 2000,
  maxOpenMs: 60_000,
  onOpen: 'wait',
  giveUpMs: 900_000,
};

function rig(options: Partial<ResolvedBreaker> = {}, random: () => number = () => 0.5) {
  const changes: [BreakerState, number][] = [];
  const breaker = new Breaker({ ...OPTIONS, ...options }, random, (state, now) => changes.push([state, now]));
  const call = (now: number, how: 'ok' | 'failed' | 'neutral') => {
    breaker.take(now);
    breaker.ended(now, how, false, now);
  };
  /** Opens it at this time. */
  const open = (now: number) => {
    for (let failure = 0; failure < 5; failure++) call(now, 'failed');
    expect(breaker.state).toBe('open');
  };
  /** Sends a probe and lets it end. */
  const probe = (now: number, how: 'ok' | 'failed' | 'neutral', retryAfterMs?: number) => {
    expect(breaker.wait(now)).toBe(0);
    expect(breaker.take(now)).toBe(true);
    breaker.ended(now, how, true, now, retryAfterMs);
  };
  return { breaker, changes, call, open, probe };
}

describe('opening', () => {
  it('takes failures in a row when there are few calls', () => {
    const { breaker, call, changes } = rig();
    for (const how of ['failed', 'failed', 'failed', 'failed', 'ok', 'failed', 'failed', 'failed'] as const)
      call(100, how);
    call(150, 'neutral');
    call(200, 'failed');
    expect(breaker.state).toBe('closed');
    expect(breaker.wait(200)).toBe(0);
    call(300, 'failed');
    expect(breaker.state).toBe('open');
    expect(breaker.openSince).toBe(300);
    expect(changes).toEqual([['open', 300]]);
  });

  it('takes a share of the calls when there are many', () => {
    const { breaker, call } = rig({ inARow: 1000 });
    for (let index = 0; index < 19; index++) call(index * 100, index % 2 === 0 ? 'ok' : 'failed');
    expect(breaker.state).toBe('closed');
    // The twentieth, and every second failed.
    call(1900, 'failed');
    expect(breaker.state).toBe('open');
  });

  it('does not follow a short row when the share of many calls is small', () => {
    const { breaker, call } = rig();
    for (let index = 0; index < 30; index++) call(0, 'ok');
    for (let index = 0; index < 12; index++) call(100, 'failed');
    expect(breaker.state).toBe('closed');
    call(100, 'ok');
    call(100, 'failed');
    expect(breaker.state).toBe('open');
  });

  it('does not wait for the share of 10 s when many of the latest calls failed', () => {
    for (const [failures, needed] of [
      [0.5, 13],
      [0.8, 18],
      [1, 20],
    ] as const) {
      const { breaker, call } = rig({ failures });
      for (let index = 0; index < 1000; index++) call(index, 'ok');
      let failed = 0;
      for (; breaker.state === 'closed'; failed++) call(1000, 'failed');
      expect(failed).toBe(needed);
    }
  });

  it('stays closed while 20 % of many calls fail at random', () => {
    const random = seededRandom(1);
    const { breaker, call } = rig();
    for (let index = 0; index < 50_000; index++) call(index * 10, random() < 0.2 ? 'failed' : 'ok');
    expect(breaker.state).toBe('closed');
  });

  it('forgets what is 10 s old', () => {
    const { breaker, call } = rig({ inARow: 1000 });
    for (let index = 0; index < 19; index++) call(250, 'failed');
    call(10_250, 'failed');
    expect(breaker.state).toBe('closed');
    for (let index = 0; index < 18; index++) call(19_900, 'failed');
    expect(breaker.state).toBe('closed');
    call(19_900, 'failed');
    expect(breaker.state).toBe('open');
  });

  it('does not count neutral ends', () => {
    const { breaker, call } = rig();
    for (let index = 0; index < 100; index++) call(index, 'neutral');
    for (let index = 0; index < 4; index++) call(100, 'failed');
    expect(breaker.state).toBe('closed');
  });

  it('may be done from outside, once', () => {
    const { breaker, changes } = rig();
    breaker.trip(10);
    breaker.trip(1500);
    expect(changes).toEqual([['open', 10]]);
    expect(breaker.wait(10)).toBe(2000);
    breaker.take(2010);
    breaker.trip(2020);
    expect(breaker.state).toBe('half-open');
  });
});

describe('the pause', () => {
  it('doubles with each probe that fails, up to the maximum, and begins anew after closing', () => {
    const { breaker, open, probe } = rig();
    open(0);
    let now = 0;
    for (const pauseMs of [2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
      expect(breaker.wait(now)).toBe(pauseMs);
      now += pauseMs;
      probe(now, 'failed');
      expect(breaker.openSince).toBe(0);
    }
    now += 60_000;
    probe(now, 'ok');
    expect(breaker.state).toBe('closed');
    expect(breaker.openSince).toBeUndefined();
    open(now + 1);
    expect(breaker.wait(now + 1)).toBe(2000);
  });

  it('is up to a fifth shorter or longer, never above the maximum', () => {
    for (const [random, pauseMs] of [
      [0, 1600],
      [0.25, 1800],
      [1, 2400],
    ] as const) {
      const { breaker, open } = rig({}, () => random);
      open(0);
      expect(breaker.wait(0)).toBeCloseTo(pauseMs, 6);
      const capped = rig({ openMs: 60_000 }, () => random);
      capped.open(0);
      expect(capped.breaker.wait(0)).toBeLessThanOrEqual(60_000);
    }
  });

  it('is what the provider asks for, if that is longer', () => {
    const { breaker, call, probe } = rig();
    for (let index = 0; index < 4; index++) call(0, 'failed');
    breaker.ended(0, 'failed', false, 0, 90_000);
    expect(breaker.wait(0)).toBe(90_000);
    probe(90_000, 'failed', 10);
    expect(breaker.wait(90_000)).toBe(4000);
    probe(94_000, 'failed', 5 * 60_000);
    expect(breaker.wait(94_000)).toBe(5 * 60_000);
  });
});

describe('the probe', () => {
  it('is exactly one', () => {
    const { breaker, open, changes } = rig();
    open(0);
    expect(breaker.wait(1999)).toBe(1);
    expect(breaker.wait(2000)).toBe(0);
    expect(breaker.state).toBe('open');
    expect(breaker.take(2000)).toBe(true);
    expect(breaker.state).toBe('half-open');
    expect(breaker.wait(2000)).toBe(Number.POSITIVE_INFINITY);
    expect(breaker.wait(1e9)).toBe(Number.POSITIVE_INFINITY);
    expect(breaker.take(2001)).toBe(false);
    breaker.ended(2500, 'ok', true, 2000);
    expect(changes).toEqual([
      ['open', 0],
      ['half-open', 2000],
      ['closed', 2500],
    ]);
    expect(breaker.take(2500)).toBe(false);
    expect(breaker.wait(2500)).toBe(0);
  });

  it('closes it when the provider answered, whatever it said', () => {
    const { breaker, open, probe } = rig();
    open(0);
    probe(2000, 'neutral');
    expect(breaker.state).toBe('closed');
  });

  it('that was aborted makes room for another, at once', () => {
    const { breaker, open, changes, probe } = rig();
    open(0);
    breaker.take(2000);
    breaker.abandon(false);
    expect(breaker.wait(2100)).toBe(Number.POSITIVE_INFINITY);
    breaker.abandon(true);
    expect(breaker.wait(2100)).toBe(0);
    probe(2100, 'ok');
    expect(changes.map(([state]) => state)).toEqual(['open', 'half-open', 'closed']);
  });
});

describe('calls that had started when it opened', () => {
  it('change nothing while it is open: neither the pause nor the state', () => {
    const { breaker, open, changes } = rig();
    open(1000);
    for (const how of ['failed', 'ok', 'neutral'] as const) {
      breaker.ended(1500, how, false, 900, 100_000);
      breaker.ended(1500, how, false, 1000, 100_000);
    }
    expect(breaker.wait(1500)).toBe(1500);
    breaker.take(3000);
    breaker.ended(3100, 'ok', false, 900);
    breaker.ended(3100, 'failed', false, 900);
    expect(breaker.wait(3100)).toBe(Number.POSITIVE_INFINITY);
    expect(changes.map(([state]) => state)).toEqual(['open', 'half-open']);
  });

  it('do not open it again after it closed, however many they are', () => {
    const { breaker, open, probe, call } = rig();
    open(1000);
    probe(3000, 'ok');
    for (let index = 0; index < 100; index++)
      breaker.ended(3001, 'failed', false, 999 + (index % 2), 100_000);
    expect(breaker.state).toBe('closed');
    // Nor do they break a row, or add to one.
    for (let index = 0; index < 4; index++) call(3002, 'failed');
    breaker.ended(3003, 'ok', false, 999);
    call(3004, 'failed');
    expect(breaker.state).toBe('open');
  });
});

it('onChange may call the breaker: it is consistent by then', () => {
  const seen: number[] = [];
  const breaker = new Breaker(
    { ...OPTIONS, inARow: 1 },
    () => 0.5,
    (_, now) => seen.push(breaker.wait(now)),
  );
  breaker.ended(0, 'failed', false, 0);
  breaker.take(2000);
  breaker.ended(2100, 'failed', true, 2000);
  breaker.take(6100);
  breaker.ended(6200, 'ok', true, 6100);
  expect(seen).toEqual([2000, Number.POSITIVE_INFINITY, 4000, Number.POSITIVE_INFINITY, 0]);
});

/** 2000 calls of 150 to 250 ms in 20 slots; from 5 s to 65 s the provider refuses after 50 ms. */
function outage(seed: number) {
  const random = seededRandom(seed);
  const time = new VirtualTime();
  const breaker = new Breaker(OPTIONS, random, () => pump());
  let waiting = 2000;
  let running = 0;
  let wasted = 0;
  let wakeAt = -1;
  const pump = () => {
    while (running < 20 && waiting > 0) {
      const wait = breaker.wait(time.now);
      if (wait === Number.POSITIVE_INFINITY) return;
      if (wait > 0) {
        if (wakeAt <= time.now) {
          wakeAt = time.now + wait;
          time.at(wakeAt, pump);
        }
        return;
      }
      waiting--;
      running++;
      const startedAt = time.now;
      const isProbe = breaker.take(startedAt);
      const isDown = startedAt >= 5000 && startedAt < 65_000;
      time.at(startedAt + (isDown ? 50 : 150 + 100 * random()), () => {
        running--;
        if (isDown) {
          wasted++;
          waiting++;
        }
        breaker.ended(time.now, isDown ? 'failed' : 'ok', isProbe, startedAt);
        pump();
      });
    }
  };
  time.at(0, pump);
  time.run();
  return { end: time.now, wasted, lost: waiting + running };
}

it('an outage of 60 s wastes 40 calls at most, but for some cases, loses none, and ends with the first probe after it', () => {
  const all: number[] = [];
  for (let seed = 1; seed <= 200; seed++) {
    const { end, wasted, lost } = outage(seed);
    expect(lost).toBe(0);
    all.push(wasted);
    // 20 s of work and the outage; the last pause may reach a whole one beyond it.
    expect(end).toBeGreaterThan(79_000);
    expect(end).toBeLessThan(80_000 + 1000 + OPTIONS.maxOpenMs);
  }
  // Up to 19 are on their way when it opens, and there are 5 to 6 probes: the others are what it takes to
  // notice.
  expect(all.filter((wasted) => wasted <= 40).length).toBeGreaterThanOrEqual(180);
  expect(Math.max(...all)).toBeLessThanOrEqual(50);
});
