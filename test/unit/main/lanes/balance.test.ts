/** Which account gets the next call. */

import { describe, expect, it } from 'vitest';
import { pickAccount } from '../../../../src/main/lanes/balance.js';

interface Account {
  readonly perSecond: number;
  /** When its bucket of one second would be full again. */
  fullAt: number;
  pausedUntil: number;
  calls: number;
}

function account(perSecond: number): Account {
  return { perSecond, fullAt: 0, pausedUntil: 0, calls: 0 };
}

/** An account's state as a lane sees it: a bucket that holds the calls of one second. */
function stateOf(of: Account, now: number) {
  const lag = Math.max(0, of.fullAt - now);
  const wait = Math.max(0, lag + 1000 / of.perSecond - 1000, of.pausedUntil - now);
  return { of, wait, headroom: 1 - lag / 1000 };
}

/**
 * Offers calls at an even pace for a minute; those that would have to wait for longer than the next are sent
 * when they may.
 */
function offer(accounts: readonly Account[], perSecond: number): number {
  let now = 0;
  let offered = 0;
  while (now < 60_000) {
    const { of, wait } = pickAccount(accounts.map((each) => stateOf(each, now)));
    now += wait;
    of.fullAt = Math.max(of.fullAt, now) + 1000 / of.perSecond;
    of.calls++;
    offered++;
    now = Math.max(now, (offered * 1000) / perSecond);
  }
  return offered;
}

describe('pickAccount', () => {
  const a = { wait: 5, headroom: 0.5 };

  it.each([
    ['the one that can start first', [a, { wait: 4, headroom: 0 }], 1],
    ['of equal ones the emptiest', [a, { wait: 5, headroom: 0.6 }, { wait: 5, headroom: 0.4 }], 1],
    ['of those the first', [a, { ...a }, { ...a }], 0],
    ['waits that differ by rounding are equal', [a, { wait: 5 + 1e-9, headroom: 0.6 }], 1],
    ['a full one never before one that only waits', [{ wait: Number.POSITIVE_INFINITY, headroom: 1 }, a], 1],
    [
      'when all are full, the emptiest',
      [
        { ...a, wait: Number.POSITIVE_INFINITY },
        { wait: Number.POSITIVE_INFINITY, headroom: 0.6 },
      ],
      1,
    ],
  ])('takes %s', (_, accounts, expected) => {
    expect(accounts.indexOf(pickAccount(accounts))).toBe(expected);
  });

  it('says so when there is none', () => {
    expect(() => pickAccount([])).toThrow(/a lane has no account/);
  });
});

describe('limits of 1 and 3 get calls 1 to 3', () => {
  it('when more calls come than the rates allow', () => {
    const accounts = [account(10), account(30)];
    offer(accounts, 100);

    const [one, three] = accounts.map(({ calls }) => calls) as [number, number];
    expect(three / one).toBeGreaterThan(2.7);
    expect(three / one).toBeLessThan(3.3);
  });

  it('when half of the calls at once are used', () => {
    const accounts = [
      { limit: 10, ends: [] as number[], calls: 0 },
      { limit: 30, ends: [] as number[], calls: 0 },
    ];
    for (let now = 0; now < 60_000; now += 20) {
      for (const each of accounts) each.ends = each.ends.filter((end) => end > now);
      const { of } = pickAccount(
        accounts.map((each) => ({ of: each, wait: 0, headroom: 1 - each.ends.length / each.limit })),
      );
      of.ends.push(now + 400);
      of.calls++;
    }

    const [one, three] = accounts.map(({ calls }) => calls) as [number, number];
    expect(three / one).toBeGreaterThan(2.7);
    expect(three / one).toBeLessThan(3.3);
  });
});

it('an account that is paused holds nobody up', () => {
  const accounts = [account(10), account(30), account(10)];
  (accounts[1] as Account).pausedUntil = 30_000;
  const offered = offer(accounts, 1000);

  // 20 a second for all of the minute, 30 a second for half of it, and a bucket of a second each.
  expect(offered).toBeGreaterThan(2100 * 0.98);
  expect(accounts.map(({ calls }) => calls / 60)).toEqual([
    expect.closeTo(10, 0),
    expect.closeTo(15.5, 0),
    expect.closeTo(10, 0),
  ]);
});
