/** What a failed attempt means for its task, as a table: the failure, the attempts, the state of the run. */

import { describe, expect, it } from 'vitest';
import type { RetryPolicy } from '../../../../src/main/lanes/backoff.js';
import type { Verdict } from '../../../../src/main/lanes/lane-options.js';
import {
  decideRetry,
  type FailedAttempt,
  type LaneFinding,
  type RetryDecision,
} from '../../../../src/main/lanes/retry-decision.js';
import { HeddleError, OptionError } from '../../../../src/protocol/errors.js';

const policyOf = (attempts: number, changes: Partial<RetryPolicy> = {}): RetryPolicy => ({
  attempts,
  backoffMs: 100,
  factor: 2,
  maxDelayMs: 1000,
  jitter: 'none',
  retryIf: () => true,
  ...changes,
});

const failure = (changes: Partial<FailedAttempt> = {}): FailedAttempt => ({
  error: new Error('no'),
  attempt: 1,
  refunds: 0,
  policy: policyOf(3),
  isRetryAsked: true,
  isTransferred: false,
  isStopping: false,
  isOnce: false,
  isJob: false,
  ...changes,
});

const finding = (verdict: Verdict, changes: Partial<LaneFinding> = {}): LaneFinding => ({
  verdict,
  policy: policyOf(4, { backoffMs: 500 }),
  isTroubled: false,
  hasOtherAccount: false,
  ...changes,
});

const decide = (failed: FailedAttempt, found?: LaneFinding): RetryDecision =>
  decideRetry(failed, () => 0.5, found);

const FAILED = { kind: 'failed' };
const LEFT = { kind: 'left' };
const charged = (afterMs: number) => ({ kind: 'again', afterMs, isCharged: true });
const free = (afterMs: number) => ({ kind: 'again', afterMs, isCharged: false });

describe('without a lane the policy of the run decides', () => {
  it.each<[string, Partial<FailedAttempt>, unknown]>([
    ['an attempt is left', {}, charged(100)],
    ['the second of three', { attempt: 2 }, charged(200)],
    ['the last attempt', { attempt: 3 }, FAILED],
    ['no retries asked for', { policy: policyOf(1), isRetryAsked: false }, FAILED],
    ['retryIf refuses', { policy: policyOf(3, { retryIf: () => false }) }, FAILED],
    ['the input is gone', { isTransferred: true }, FAILED],
    ['at-most-once, retries asked for', { isOnce: true }, charged(100)],
    ['stopping', { isStopping: true }, LEFT],
    ['stopping, the last attempt', { isStopping: true, attempt: 3 }, FAILED],
    [
      'stopping, retryIf refuses',
      { isStopping: true, policy: policyOf(3, { retryIf: () => false }) },
      FAILED,
    ],
    ['stopping, the input is gone', { isStopping: true, isTransferred: true }, FAILED],
    ['a poll of a job, the last attempt', { isJob: true, attempt: 3 }, FAILED],
  ])('%s', (_, changes, expected) => {
    expect(decide(failure(changes))).toEqual(expected);
  });
});

const THROTTLE: Verdict = { kind: 'throttle' };
const LOCK: Verdict = { kind: 'lock' };
const TRANSIENT: Verdict = { kind: 'transient' };
const UNKNOWN: Verdict = { kind: 'transient', mayHaveHappened: true };
const PERMANENT: Verdict = { kind: 'permanent' };

describe('in a lane the verdict comes first', () => {
  it.each<[string, Verdict, Partial<FailedAttempt>, Partial<LaneFinding>, unknown]>([
    ['throttled: the pause is the delay', THROTTLE, {}, {}, free(0)],
    ['throttled, this task only', { ...THROTTLE, delayMs: 70, scope: 'task' }, {}, {}, free(70)],
    ['throttled, the last attempt', THROTTLE, { attempt: 3 }, {}, free(0)],
    ['throttled, at-most-once, no retries asked for', THROTTLE, once(), {}, free(0)],
    ['throttled for the fiftieth time', THROTTLE, { refunds: 49 }, {}, FAILED],
    ['throttled, stopping', THROTTLE, { isStopping: true }, {}, LEFT],
    ['throttled for the fiftieth time, stopping', THROTTLE, { refunds: 49, isStopping: true }, {}, FAILED],
    ['throttled, the input is gone', THROTTLE, { isTransferred: true }, {}, FAILED],

    ['permanent', PERMANENT, {}, {}, FAILED],
    ['permanent, stopping', PERMANENT, { isStopping: true }, {}, FAILED],
    ['permanent, a poll', PERMANENT, { isJob: true }, {}, FAILED],
    ['permanent for one account of two', PERMANENT, {}, { hasOtherAccount: true }, free(0)],
    ['the same, stopping', PERMANENT, { isStopping: true }, { hasOtherAccount: true }, LEFT],

    ['locked', LOCK, {}, {}, charged(25)],
    ['locked: at least eight attempts', LOCK, { attempt: 7 }, {}, charged(1000)],
    ['locked, used up', LOCK, { attempt: 8 }, {}, FAILED],
    ['locked, used up, stopping', LOCK, { attempt: 8, isStopping: true }, {}, FAILED],
    ['locked, one attempt asked for', LOCK, { policy: policyOf(1) }, {}, FAILED],
    ['locked, at-most-once', LOCK, once(), {}, charged(25)],
    ['locked, stopping', LOCK, { isStopping: true }, {}, LEFT],

    ['transient', TRANSIENT, {}, {}, charged(100)],
    ['transient, a longer delay asked for', { ...TRANSIENT, delayMs: 900 }, {}, {}, charged(900)],
    ['transient, the lane waits', { ...TRANSIENT, delayMs: 900, scope: 'lane' }, {}, {}, charged(100)],
    ['transient, the policy of the lane', TRANSIENT, { isRetryAsked: false }, {}, charged(500)],
    ['transient, used up', TRANSIENT, { attempt: 3 }, {}, FAILED],
    ['transient, used up, stopping', TRANSIENT, { attempt: 3, isStopping: true }, {}, FAILED],
    ['transient, stopping', TRANSIENT, { isStopping: true }, {}, LEFT],
    ['transient, stopping, the policy of the lane', TRANSIENT, stoppingUnasked(), {}, LEFT],
    ['transient, retryIf refuses', TRANSIENT, { policy: policyOf(3, { retryIf: () => false }) }, {}, FAILED],
    ['transient, the provider is in trouble', TRANSIENT, { attempt: 3 }, { isTroubled: true }, free(0)],
    ['the same for the eleventh time', TRANSIENT, { refunds: 10 }, { isTroubled: true }, charged(100)],
    ['in trouble, one attempt asked for', TRANSIENT, single(), { isTroubled: true }, free(0)],
    ['in trouble, one attempt, may have happened', UNKNOWN, single(), { isTroubled: true }, FAILED],
    ['at-most-once, nothing sent', TRANSIENT, { isOnce: true }, {}, charged(100)],
    ['at-most-once, no retries asked for', TRANSIENT, once(), {}, FAILED],
    ['at-most-once, may have happened', UNKNOWN, { isOnce: true }, {}, FAILED],
    ['at-most-once, may have happened, stopping', UNKNOWN, { isOnce: true, isStopping: true }, {}, FAILED],
    ['a poll of an at-most-once task', UNKNOWN, { isOnce: true, isJob: true }, {}, charged(100)],
    ['a poll, used up', TRANSIENT, { isJob: true, attempt: 3 }, {}, LEFT],
    ['a poll, throttled for the fiftieth time', THROTTLE, { isJob: true, refunds: 49 }, {}, LEFT],
    ['a poll, stopping', TRANSIENT, { isJob: true, isStopping: true }, {}, LEFT],
  ])('%s', (_, verdict, changes, found, expected) => {
    expect(decide(failure(changes), finding(verdict, found))).toEqual(expected);
  });

  function once(): Partial<FailedAttempt> {
    return { isOnce: true, isRetryAsked: false };
  }
  function single(): Partial<FailedAttempt> {
    return { policy: policyOf(1) };
  }
  function stoppingUnasked(): Partial<FailedAttempt> {
    return { isStopping: true, isRetryAsked: false, policy: policyOf(1) };
  }
});

describe('what was cut off by a crash is not repeated', () => {
  const error = new HeddleError('HEDDLE_INTERRUPTED', 'cut off');

  it.each([undefined, finding(TRANSIENT), finding(THROTTLE)])('%#', (found) => {
    expect(decide(failure({ error }), found)).toEqual(FAILED);
    expect(decide(failure({ error, isStopping: true }), found)).toEqual(FAILED);
  });
});

describe('retryIf', () => {
  const asking = (retryIf: unknown): FailedAttempt =>
    failure({ policy: policyOf(3, { retryIf: retryIf as RetryPolicy['retryIf'] }) });

  it('gets the error and the attempt', () => {
    const seen: unknown[] = [];
    const failed = asking((...args: unknown[]) => {
      seen.push(args);
      return true;
    });

    decide(failed);
    decide(failed, finding(TRANSIENT));

    expect(seen).toEqual([
      [failed.error, 1],
      [failed.error, 1],
    ]);
  });

  it('is not asked about a failure that cost nothing', () => {
    const failed = asking(() => {
      throw new Error('asked');
    });

    expect(decide(failed, finding(THROTTLE))).toEqual(free(0));
  });

  it.each([['yes'], [undefined], [Promise.resolve(true)]])('must return a boolean, not %s', (answer) => {
    for (const found of [undefined, finding(TRANSIENT)])
      expect(() =>
        decide(
          asking(() => answer),
          found,
        ),
      ).toThrow(OptionError);
  });

  it('throws what it threw', () => {
    const error = new Error('of the caller');
    const failed = asking(() => {
      throw error;
    });

    expect(() => decide(failed)).toThrow(error);
  });

  it.each([undefined, null])('a thrown %s becomes an error that can be told from none', (nothing) => {
    const failed = asking(() => {
      throw nothing;
    });

    expect(() => decide(failed)).toThrow(`\`retry.retryIf\` threw ${nothing}`);
  });
});
