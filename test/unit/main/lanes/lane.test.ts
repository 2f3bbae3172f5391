/** A lane: which account a call gets, what a failure means for the task and for the others. */

import { describe, expect, it } from 'vitest';
import type { CallRequest, Hold } from '../../../../src/main/lanes/account.js';
import type { Lane } from '../../../../src/main/lanes/lane.js';
import type { Grant, LaneEvent } from '../../../../src/main/lanes/lane-call.js';
import type { FailedAttempt, RetryDecision } from '../../../../src/main/lanes/retry-decision.js';
import { OptionError } from '../../../../src/protocol/errors.js';
import { answer, failedAttempt, laneOf, request } from './lane-rig.js';

/** Starts a call that must be able to start. */
function start(lane: Lane, now = 0, call: CallRequest = request()): Grant {
  const grant = lane.admit(now, call);
  if ('waitMs' in grant) throw new Error(`held by ${grant.bound}: ${grant.text}`);
  return grant;
}

/** A call that starts, fails and is over, all at one time. */
function fail(lane: Lane, error: Error, now = 0, changes: Partial<FailedAttempt> = {}): RetryDecision {
  const grant = start(lane, now);
  const decision = lane.failed(grant, failedAttempt(error, changes), now);
  lane.over(grant, now);
  return decision;
}

function succeed(lane: Lane, now = 0): void {
  const grant = start(lane, now);
  lane.succeeded(grant, now);
  lane.over(grant, now);
}

const hold = (lane: Lane, now = 0): Hold | undefined => lane.look(now, request());

function eventsOf(lane: Lane): LaneEvent[] {
  const events: LaneEvent[] = [];
  lane.subscribe({ onFree: () => {}, onEvent: (event) => events.push(event) });
  return events;
}

const free = (afterMs: number) => ({ kind: 'again', afterMs, isCharged: false });

describe('accounts', () => {
  it('calls spread by headroom: limits of 1 and 3 get 1 and 3 of 4', () => {
    const lane = laneOf({ accounts: { a: { concurrency: 1 }, b: { concurrency: 3 } } });
    const names = [1, 2, 3, 4].map(() => start(lane).account.name);

    expect(names.sort()).toEqual(['a', 'b', 'b', 'b']);
    expect(hold(lane)?.bound).toBe('concurrency');
    expect(lane.mostAtOnce).toBe(4);
  });

  it('what the lane limits holds for all of them', () => {
    const lane = laneOf({ concurrency: 2, accounts: { a: {}, b: {} } });
    start(lane);
    const second = start(lane);

    expect(hold(lane)).toMatchObject({ bound: 'concurrency', text: '2 calls at once' });
    lane.over(second, 1);
    expect(hold(lane, 1)).toBeUndefined();
  });

  it('a poll goes to the account of its job', () => {
    const lane = laneOf({ accounts: { a: {}, b: {} } });

    const poll = start(lane, 0, request({ isPoll: true, account: 'b' }));

    expect(poll.account.name).toBe('b');
    expect(lane.cannotReach('b')).toBe(false);
    expect(lane.cannotReach('gone')).toBe(true);
    expect(lane.cannotReach(undefined)).toBe(false);
  });

  it('a call is charged the budgets of its account, then those of the lane', () => {
    const budgets = (cost: number) => [{ unit: 'tokens', limit: 100, burst: 100, estimate: () => cost }];
    const lane = laneOf({ budgets: budgets(7), accounts: { a: { budgets: budgets(3) } } });

    expect(lane.costsOf(start(lane))).toEqual([3, 7]);
  });

  it('calls of an earlier process count for their account and for the lane', () => {
    const rate = { limit: 1, perMs: 1000, guardMs: 0 };
    const lane = laneOf({ rate: { ...rate, limit: 2, burst: 2 }, accounts: { a: { rate }, b: { rate } } });
    lane.seed([{ account: 'a', at: -100, costs: [] }], 0);

    expect(start(lane).account.name).toBe('b');
    expect(hold(lane)?.waitMs).toBe(900);
    expect(lane.memoryMs).toBe(1000);
  });

  it('an account without quota leaves its calls to the others', () => {
    const lane = laneOf({ accounts: { a: {}, b: {} } });
    const quota = Object.assign(new Error('pay'), { code: 'insufficient_quota', status: 429 });

    expect(fail(lane, quota)).toEqual(free(0));
    expect(lane.cannotReach('a')).toBe(true);
    expect(start(lane).account.name).toBe('b');
    expect(lane.isDead(0)).toBe(false);

    expect(fail(lane, quota)).toEqual({ kind: 'failed' });
    expect(lane.isDead(0)).toBe(true);
    expect(lane.patience(0, 0)).toBe(0);
    expect(lane.whyClosed(0)).toBe('the quota of each of its accounts is used up');
  });
});

describe('throttled', () => {
  it('the account waits, the task is not charged', () => {
    const lane = laneOf({});
    const events = eventsOf(lane);

    expect(fail(lane, answer(429, { 'retry-after': '2' }))).toEqual(free(0));

    // Half of the jitter of a tenth.
    expect(hold(lane)).toMatchObject({ bound: 'pause', waitMs: 2100 });
    expect(events).toEqual([{ type: 'lane-paused', forMs: 2100, reason: 'the provider refuses calls' }]);
  });

  it('refusals of calls that overlapped are one pause', () => {
    const lane = laneOf({});
    const events = eventsOf(lane);
    const grants = [start(lane), start(lane), start(lane)];
    for (const grant of grants) lane.failed(grant, failedAttempt(answer(429)), 10);

    expect(events).toHaveLength(1);
    expect(hold(lane, 10)?.waitMs).toBe(750);
  });

  it('without a delay the pauses double until a call succeeds', () => {
    const lane = laneOf({});
    const pauses: (number | undefined)[] = [];
    let now = 0;
    for (const isLast of [false, false, false, true]) {
      if (isLast) succeed(lane, now - 50_000);
      fail(lane, answer(429), now);
      pauses.push(hold(lane, now)?.waitMs);
      now += 100_000;
    }

    expect(pauses).toEqual([750, 1500, 3000, 750]);
  });

  it('for the whole lane: all accounts wait', () => {
    const lane = laneOf({
      accounts: { a: {}, b: {} },
      classify: (_, usual) => ({ ...usual, scope: 'lane' }),
    });
    fail(lane, answer(429, { 'retry-after': '1' }));

    expect(hold(lane)).toMatchObject({ bound: 'pause', waitMs: 1050 });
  });

  it('for one account: the other goes on', () => {
    const lane = laneOf({ accounts: { a: {}, b: {} } });
    fail(lane, answer(429, { 'retry-after': '1' }));

    expect(start(lane).account.name).toBe('b');
  });
});

describe('a provider in trouble', () => {
  const breaker = { inARow: 2, openMs: 1000, giveUpMs: 5000 };

  it('opens the breaker, and then its failures cost nothing', () => {
    const lane = laneOf({ breaker });
    const events = eventsOf(lane);
    const [late, first, second] = [start(lane), start(lane), start(lane)];

    expect(lane.failed(first, failedAttempt(answer(500)), 10)).toMatchObject({ isCharged: true });
    expect(lane.failed(second, failedAttempt(answer(500)), 10)).toMatchObject({ isCharged: false });
    expect(lane.failed(late, failedAttempt(answer(500)), 10)).toMatchObject({ isCharged: false });

    expect(events).toEqual([{ type: 'lane-breaker', state: 'open', reason: 'status 500' }]);
    expect(lane.isTroubled).toBe(true);
    expect(hold(lane, 10)?.bound).toBe('breaker');
  });

  it('is waited for from when the waiting began, for so long', () => {
    const lane = laneOf({ breaker });
    expect(lane.patience(0, 0)).toBe(Infinity);
    fail(lane, answer(500), 100);
    fail(lane, answer(500), 100);

    expect(lane.troubledSince).toBe(100);
    expect(lane.patience(1000, 0)).toBe(4100);
    expect(lane.patience(1000, 900)).toBe(4900);
    expect(lane.patience(6000, 900)).toBe(0);
    expect(lane.whyClosed(6100)).toBe('its provider has been in trouble for 6.0 s');
    expect(lane.lastError).toBe('status 500');
  });

  it('a probe that was neither a success nor a failure lets another one go', () => {
    const lane = laneOf({ breaker });
    fail(lane, answer(500));
    fail(lane, answer(500));

    const probe = start(lane, 2000);
    expect(probe.isProbe).toBe(true);
    expect(hold(lane, 2000)?.waitMs).toBe(Infinity);
    lane.over(probe, 2001);

    expect(start(lane, 2001).isProbe).toBe(true);
  });

  it('more retries than the share of the lane trip the breaker', () => {
    const lane = laneOf({ retry: { share: 0 }, breaker: { inARow: 1000, failures: 1 } });
    for (let i = 0; i < 100; i++) {
      expect(fail(lane, answer(500))).toMatchObject({ kind: 'again' });
      succeed(lane);
    }
    // Retries that are left to a later run, and final failures, are no load.
    fail(lane, answer(500), 0, { isStopping: true });
    fail(lane, answer(400));
    expect(lane.isTroubled).toBe(false);

    fail(lane, answer(500));
    expect(lane.isTroubled).toBe(true);
  });

  it('without a breaker, every failure is charged', () => {
    const lane = laneOf({ breaker: false });
    for (let i = 0; i < 50; i++) expect(fail(lane, answer(500))).toMatchObject({ isCharged: true });

    expect(lane.isTroubled).toBe(false);
  });
});

describe('the run is stopping', () => {
  it.each<[string, Error, RetryDecision['kind']]>([
    ['429', answer(429), 'left'],
    ['503', answer(503), 'left'],
    ['a broken connection', Object.assign(new Error('gone'), { code: 'ECONNRESET' }), 'left'],
    ['400', answer(400), 'failed'],
    ['a mistake in the task', new TypeError('x is undefined'), 'failed'],
  ])('%s: %#', (_, error, kind) => {
    const lane = laneOf({});

    expect(fail(lane, error, 0, { isStopping: true })).toEqual({ kind });
  });

  it('the pause holds all the same: other runs of the runtime go on', () => {
    const lane = laneOf({});
    fail(lane, answer(429), 0, { isStopping: true });

    expect(hold(lane)?.bound).toBe('pause');
  });
});

describe('classify', () => {
  it('has the last word, and is called in the context of the run', () => {
    let contexts = 0;
    const inContext = <T>(work: () => T): T => {
      contexts++;
      return work();
    };
    const lane = laneOf({ classify: () => 'permanent' });
    const grant = start(lane, 0, request({ inContext }));

    expect(lane.failed(grant, failedAttempt(answer(429)), 0)).toEqual({ kind: 'failed' });
    expect(contexts).toBe(1);
  });

  it.each([
    ['an error', new OptionError('mine', 'of the caller')],
    ['undefined', undefined],
  ])('that throws %s: an error comes out, and the call can end', (_, thrown) => {
    const classify = () => {
      throw thrown;
    };
    const lane = laneOf({ classify, concurrency: 1 });
    const grant = start(lane);

    expect(() => lane.failed(grant, failedAttempt(answer(429)), 0)).toThrow(OptionError);
    lane.over(grant, 1);
    expect(hold(lane, 1)).toBeUndefined();
  });
});

describe('what a task observed', () => {
  it('headers pause the account when its window is used up', () => {
    const lane = laneOf({});
    const grant = start(lane);
    lane.observe(grant, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '3' }, undefined, 100);

    expect(hold(lane, 100)).toMatchObject({ bound: 'pause', waitMs: 3000 });
  });

  it('units used are added up over several reports', () => {
    const call = request();
    const lane = laneOf({});
    const grant = start(lane, 0, call);
    lane.observe(grant, undefined, { tokens: 1 }, 0);
    lane.observe(grant, undefined, { points: 2 }, 0);

    expect(call.used).toEqual({ tokens: 1, points: 2 });
  });
});

it('subscribers learn of ended calls until they leave', () => {
  const lane = laneOf({});
  let calls = 0;
  const leave = lane.subscribe({ onFree: () => calls++, onEvent: () => {} });

  succeed(lane);
  expect(calls).toBe(1);
  leave();
  succeed(lane);

  expect(calls).toBe(1);
});
