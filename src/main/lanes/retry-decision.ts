/**
 * The one place that decides what a failed attempt means for its task: with a lane and without.
 *
 * Without a lane the run's retry policy decides alone. With one, the verdict on the failure comes first:
 *
 *   throttle      again, at no cost: the provider refused to look at the task
 *   permanent     failed; again at no cost if only the account is unusable and another one is not
 *   lock          again, sooner and more often than the policy says: another client holds what the task needs
 *   transient     again as the policy says; at no cost while the breaker is not closed
 *
 * A failure that would be repeated while the run is stopping leaves the task to a later run.
 */

import { isHeddleError, OptionError } from '../../protocol/errors.js';
import { describe } from '../../protocol/serialized-error.js';
import { backoffMs, type RetryPolicy } from './backoff.js';
import { runCallerCode } from './caller-code.js';
import type { Verdict } from './lane-options.js';

/** What a failed attempt means for its task. */
export type RetryDecision =
  /** The task runs again after the delay. `isCharged`: the failure counts as one of its attempts. */
  | { readonly kind: 'again'; readonly afterMs: number; readonly isCharged: boolean }
  /** Final: the failure is permanent, the attempts are used up, or `retryIf` refused. */
  | { readonly kind: 'failed' }
  /** A later run takes the task up again: this one is stopping, or a poll failed and its job goes on. */
  | { readonly kind: 'left' };

/** A failed attempt, and what its run says about it. */
export interface FailedAttempt {
  readonly error: Error;
  /** Number of the attempt that failed, from 1. */
  readonly attempt: number;
  /** Earlier attempts that were not charged. */
  readonly refunds: number;
  /** The run's option `retry`. */
  readonly policy: RetryPolicy;
  /** The caller set `retry`. Unless so, a lane's own policy holds. */
  readonly isRetryAsked: boolean;
  /** The input was transferred to the thread, so it is gone. */
  readonly isTransferred: boolean;
  /** The run starts no further attempt. */
  readonly isStopping: boolean;
  /** The task is declared at-most-once. */
  readonly isOnce: boolean;
  /** The attempt only asked about a job that goes on elsewhere. */
  readonly isJob: boolean;
}

/** What a lane knows about a failure. */
export interface LaneFinding {
  readonly verdict: Verdict;
  /** The lane's own policy. */
  readonly policy: RetryPolicy;
  /** The breaker is not closed. */
  readonly isTroubled: boolean;
  /** This account is unusable, and another one is not. */
  readonly hasOtherAccount: boolean;
}

type Repetition = Extract<RetryDecision, { kind: 'again' }>;

const FAILED: RetryDecision = { kind: 'failed' };
const LEFT: RetryDecision = { kind: 'left' };
/** At least this many attempts, with these delays, when another client holds what the task needs. */
const LOCKED = { attempts: 8, backoffMs: 50, factor: 2, maxDelayMs: 2000, jitter: 'full' } as const;
/** After this many uncharged failures the task itself may be the cause. */
const MAX_REFUNDS = 10;
/** Bounds the starts of a task that its provider refuses indefinitely. */
const MAX_STARTS = 50;

/**
 * Decides what a failed attempt means. Calls the caller's `retryIf`.
 *
 * @param random - uniform in [0, 1)
 * @param finding - undefined for a task without a lane
 * @throws {@link OptionError} if `retryIf` returns no boolean; and whatever `retryIf` throws
 */
export function decideRetry(
  failed: FailedAttempt,
  random: () => number = Math.random,
  finding?: LaneFinding,
): RetryDecision {
  const again = repetition(failed, random, finding);
  if (again !== undefined) return failed.isStopping ? LEFT : again;
  // A job goes on, whatever became of the question about it.
  const isOpen = failed.isJob && finding !== undefined && finding.verdict.kind !== 'permanent';
  return isOpen ? LEFT : FAILED;
}

function repetition(
  failed: FailedAttempt,
  random: () => number,
  finding: LaneFinding | undefined,
): Repetition | undefined {
  if (failed.isTransferred || isHeddleError(failed.error, 'HEDDLE_INTERRUPTED')) return undefined;
  if (finding === undefined) return byPolicy(failed, failed.policy, random);
  if (failed.attempt + failed.refunds >= MAX_STARTS) return undefined;
  const { kind, scope, delayMs = 0 } = finding.verdict;
  if (kind === 'throttle' || (kind === 'permanent' && finding.hasOtherAccount))
    return again(scope === 'task' ? delayMs : 0, false);
  return kind === 'permanent' ? undefined : byVerdict(failed, random, finding);
}

/** For `lock` and `transient`. */
function byVerdict(
  failed: FailedAttempt,
  random: () => number,
  { verdict, isTroubled, policy: lanePolicy }: LaneFinding,
): Repetition | undefined {
  const { kind, scope, delayMs = 0 } = verdict;
  const policy = failed.isRetryAsked ? failed.policy : lanePolicy;
  const isRefunded = kind === 'transient' && isTroubled && failed.refunds < MAX_REFUNDS;
  if (!isRepeatable(verdict, failed, policy, isRefunded)) return undefined;
  // A pause of the account or the lane already covers the delay.
  const ownMs = scope === undefined || scope === 'task' ? delayMs : 0;
  if (isRefunded) return again(ownMs, false);
  const attempts = Math.max(LOCKED.attempts, policy.attempts);
  return byPolicy(failed, kind === 'lock' ? { ...policy, ...LOCKED, attempts } : policy, random, ownMs);
}

function byPolicy(
  { error, attempt }: FailedAttempt,
  policy: RetryPolicy,
  random: () => number,
  atLeastMs = 0,
): Repetition | undefined {
  if (attempt >= policy.attempts || !isWanted(policy, error, attempt)) return undefined;
  return again(Math.max(atLeastMs, backoffMs(policy, attempt + 1, random)), true);
}

function again(afterMs: number, isCharged: boolean): Repetition {
  return { kind: 'again', afterMs, isCharged };
}

/** Whether the call may happen a second time, judged by its effect alone. */
function isRepeatable(
  { kind, mayHaveHappened }: Verdict,
  { isOnce, isJob, isRetryAsked }: FailedAttempt,
  policy: RetryPolicy,
  isRefunded: boolean,
): boolean {
  if (kind === 'lock') return policy.attempts > 1;
  if (isOnce && !isJob && (mayHaveHappened === true || !isRetryAsked)) return false;
  // With a single attempt, a call that may have happened is not repeated.
  return policy.attempts > 1 || (isRefunded && mayHaveHappened !== true);
}

function isWanted({ retryIf }: RetryPolicy, error: Error, attempt: number): boolean {
  const answer: unknown = runCallerCode('retry.retryIf', () => retryIf(error, attempt));
  if (typeof answer === 'boolean') return answer;
  throw new OptionError(
    'retry.retryIf',
    `Expected \`retry.retryIf\` to return true or false, got ${describe(answer)}`,
  );
}
