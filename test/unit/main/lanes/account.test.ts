/** One set of limits: what holds a call back, what a call is charged, what the provider announces. */

import { describe, expect, it } from 'vitest';
import { Account } from '../../../../src/main/lanes/account.js';
import type { LaneLimits } from '../../../../src/main/lanes/lane-options.js';
import { Breaker } from '../../../../src/main/lanes/limits/breaker.js';
import { resolveWith } from '../../../../src/main/options/option-checks.js';
import { LANE } from '../../../../src/main/options/resolve-lane.js';
import { OptionError } from '../../../../src/protocol/errors.js';
import { request } from './lane-rig.js';

function accountOf(limits: LaneLimits, shards = 1): Account {
  const { limits: resolved } = resolveWith(LANE, limits, 'lane');
  return new Account('key', resolved, { index: 1, count: shards }, 'api');
}

const tokens = (changes: object = {}) => ({
  unit: 'tokens',
  limit: 40_000,
  burst: 40_000,
  estimate: () => 1000,
  ...changes,
});

describe('what holds a call back', () => {
  it('nothing, where nothing is declared', () => {
    const account = accountOf({});
    for (let i = 0; i < 100; i++) account.take(0, request());

    expect(account.hold(0, request())).toBeUndefined();
    expect(account.starts).toBe(100);
  });

  it('the concurrency, until a call ends', () => {
    const account = accountOf({ concurrency: 1 });
    const first = request();
    account.take(0, first);

    const hold = account.hold(1, request());
    expect(hold).toEqual({ waitMs: Infinity, bound: 'concurrency', text: '1 calls at once' });

    account.release(2, first);
    expect(account.hold(2, request())).toBeUndefined();
  });

  it('a poll is no concurrent call, but counts for the rate', () => {
    const account = accountOf({ concurrency: 1, rate: { limit: 1, perMs: 1000, guardMs: 0 } });
    account.take(0, request({ isPoll: true }));

    expect(account.inFlight).toBe(0);
    expect(account.hold(1, request({ isPoll: true }))?.bound).toBe('rate');
  });

  it.each<[string, LaneLimits]>([
    ['1 calls per 3 s', { rate: { limit: 1, perMs: 3000 } }],
    ['1 calls/s', { rate: { limit: 1 } }],
    ['40,000 tokens/min', { budgets: [tokens({ burst: 1000 })] }],
    ['7 points per 1500 ms', { budgets: [tokens({ unit: 'points', limit: 7, burst: 1, perMs: 1500 })] }],
  ])('in words: %s', (text, limits) => {
    const account = accountOf(limits);
    account.take(0, request());

    expect(account.hold(1, request())?.text).toBe(text);
  });

  it('the limit with the longest wait', () => {
    const account = accountOf({
      rate: [{ limit: 1, perMs: 1000 }, { limit: 1, perMs: 60_000 }, { limit: 1 }],
    });
    account.take(0, request());

    expect(account.hold(1, request())?.text).toBe('1 calls/min');
  });

  it('an open breaker', () => {
    const { breaker: options } = resolveWith(LANE, { breaker: { inARow: 1, openMs: 1000 } }, 'lane');
    if (options === undefined) throw new Error('no breaker');
    const breaker = new Breaker(
      options,
      () => 0.5,
      () => {},
    );
    const { limits } = resolveWith(LANE, {}, 'lane');
    const account = new Account('key', limits, { index: 1, count: 1 }, 'api', breaker);

    account.take(0, request());
    breaker.ended(10, 'failed', false, 0);

    expect(account.hold(10, request())).toMatchObject({ bound: 'breaker', waitMs: 1000 });
    expect(account.take(1010, request())).toBe(true);
  });

  it('a pause, which can be extended and not shortened', () => {
    const account = accountOf({});

    expect(account.pause(100, 0)).toBe(true);
    expect(account.pause(50, 0)).toBe(false);
    expect(account.hold(40, request())).toMatchObject({ bound: 'pause', waitMs: 60 });
    expect(account.hold(100, request())).toBeUndefined();
  });

  it('a pause of more than 15 minutes, or a suspension, is not worth waiting for', () => {
    const [paused, suspended] = [accountOf({}), accountOf({})];
    paused.pause(900_001, 0);
    suspended.suspend();

    expect(paused.isUnusable(0)).toBe(true);
    expect(paused.isUnusable(1)).toBe(false);
    expect(suspended.isUnusable(0)).toBe(true);
    expect(suspended.hold(0, request())).toMatchObject({ waitMs: Infinity, text: 'its quota is used up' });
  });
});

describe('budgets', () => {
  it('an input is estimated once, in the context of its run', () => {
    const inputs: unknown[] = [];
    let contexts = 0;
    const estimate = (input: unknown) => inputs.push(input);
    const account = accountOf({ budgets: [tokens({ estimate })] });
    const inContext = <T>(work: () => T): T => {
      contexts++;
      return work();
    };
    const call = request({ input: 'a', inContext });

    account.hold(0, call);
    account.take(0, call);

    expect(inputs).toEqual(['a']);
    expect(contexts).toBe(1);
  });

  it.each([[Number.NaN], [-1], [Infinity], ['12'], [undefined]])('an estimate of %s is refused', (cost) => {
    const account = accountOf({ budgets: [tokens({ estimate: () => cost })] });

    expect(() => account.hold(0, request())).toThrow(OptionError);
  });

  it('reported use takes the place of the estimate', () => {
    const account = accountOf({ budgets: [tokens({ estimate: () => 40_000 })] });
    const call = request();
    account.take(0, call);
    expect(account.hold(1, request())?.bound).toBe('budget');

    call.used = { tokens: 0, others: 5 };
    account.release(2, call);

    expect(account.hold(2, request())).toBeUndefined();
  });
});

describe('what the provider announces', () => {
  const window = (changes: object) => ({
    windows: [{ name: 'default', unit: 'requests', ...changes }],
  });

  it('is adopted as a rate where none is declared', () => {
    const account = accountOf({});
    account.announce(window({ limit: 1, perMs: 1000 }), 0);
    account.take(0, request());

    expect(account.hold(1, request())?.text).toBe('1 calls/s');
  });

  it('lowers a declared rate of the same window, divided among the shards', () => {
    const account = accountOf({ rate: { limit: 100, burst: 100, perMs: 1000, guardMs: 0 } }, 2);
    account.announce(window({ limit: 4, perMs: 1000 }), 0);
    for (let i = 0; i < 2; i++) {
      expect(account.hold(0, request())).toBeUndefined();
      account.take(0, request());
    }

    expect(account.hold(0, request())?.bound).toBe('rate');
  });

  it('says when a used-up window is renewed', () => {
    const account = accountOf({});

    expect(account.announce(window({ remaining: 0, resetMs: 500 }), 100)).toBe(600);
    expect(account.announce(window({ remaining: 1, resetMs: 500 }), 100)).toBeUndefined();
  });

  it('recommends a concurrency to an adaptive one', () => {
    const account = accountOf({ concurrency: 'auto' });
    account.announce({ concurrencyHint: 12, windows: [] }, 0);

    expect(account.concurrency).toBe(12);
    expect(account.mostAtOnce).toBe(64);
  });
});

it('a rate is learned from refusals where none is declared', () => {
  const account = accountOf({});
  for (let now = 0; now <= 2000; now += 50) account.take(now, request());
  account.throttled(2000, 1990);

  expect(account.learnedPerSecond).toBeGreaterThan(10);
  expect(account.learnedPerSecond).toBeLessThan(20);
  account.take(2000, request());
  expect(account.hold(2001, request())?.text).toMatch(/^1\d\.\d calls\/s, which was learned$/);
});

it('the headroom compares accounts with and without a limit', () => {
  const [limited, unlimited] = [accountOf({ concurrency: 4 }), accountOf({})];
  for (const account of [limited, unlimited]) account.take(0, request());

  expect(limited.headroom).toBe(0.75);
  expect(unlimited.headroom).toBe(-1);
});

it('calls of an earlier process count as far back as the longest window', () => {
  const account = accountOf({
    rate: { limit: 2, perMs: 1000, guardMs: 100, burst: 2 },
    budgets: [tokens({ perMs: 5000 })],
  });
  account.seed(
    [
      { at: -500, costs: [40_000] },
      { at: -400, costs: [0] },
    ],
    0,
  );

  expect(account.memoryMs).toBe(5000);
  expect(account.hold(0, request({ isPoll: true }))).toMatchObject({ bound: 'rate', waitMs: 600 });
  expect(account.hold(0, request())?.bound).toBe('budget');
});
