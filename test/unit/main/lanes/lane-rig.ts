/** Lanes, calls and tasks for the unit tests of this folder. */

import type { CallRequest } from '../../../../src/main/lanes/account.js';
import type { RetryPolicy } from '../../../../src/main/lanes/backoff.js';
import { Lane } from '../../../../src/main/lanes/lane.js';
import type { LaneOptions } from '../../../../src/main/lanes/lane-options.js';
import type { FailedAttempt } from '../../../../src/main/lanes/retry-decision.js';
import { resolveWith } from '../../../../src/main/options/option-checks.js';
import { LANE } from '../../../../src/main/options/resolve-lane.js';

/** Half-way: no jitter on either side. */
const MIDDLE = 0.5;

export function laneOf(options: LaneOptions, name = 'api'): Lane {
  return new Lane({ name, ...resolveWith(LANE, options, 'lane') }, { index: 1, count: 1 }, () => MIDDLE);
}

export function request(changes: Partial<CallRequest> = {}): CallRequest {
  const inContext = undefined;
  return {
    input: undefined,
    isPoll: false,
    account: undefined,
    inContext,
    costs: new Map(),
    used: undefined,
    ...changes,
  };
}

const NO_RETRY: RetryPolicy = {
  attempts: 1,
  backoffMs: 100,
  factor: 2,
  maxDelayMs: 1000,
  jitter: 'none',
  retryIf: () => true,
};

/** A failed attempt of a run without the option `retry`. */
export function failedAttempt(error: Error, changes: Partial<FailedAttempt> = {}): FailedAttempt {
  return {
    error,
    attempt: 1,
    refunds: 0,
    policy: NO_RETRY,
    isRetryAsked: false,
    isTransferred: false,
    isStopping: false,
    isOnce: false,
    isJob: false,
    ...changes,
  };
}

/** An answer with an HTTP status, as client libraries throw it. */
export function answer(status: number, headers: Record<string, string> = {}): Error {
  return Object.assign(new Error(`status ${status}`), { status, headers });
}
