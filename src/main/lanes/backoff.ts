/**
 * How often an attempt is repeated, and the delay before each repetition: exponential with full jitter.
 *
 * Full jitter (a uniformly random part of the bound) spreads competing retries best; see "Exponential
 * Backoff And Jitter", AWS Architecture Blog, 2015.
 */

/** Retry options with all defaults filled in. */
export interface RetryPolicy {
  /** Attempts in all, the first included. */
  readonly attempts: number;
  readonly backoffMs: number;
  readonly factor: number;
  readonly maxDelayMs: number;
  readonly jitter: 'full' | 'none';
  readonly retryIf: (error: Error, attempt: number) => boolean;
}

/**
 * Returns the delay before an attempt, in ms.
 *
 * @param attempt - number of the attempt that will follow the delay, from 2
 * @param random - uniform in [0, 1)
 */
export function backoffMs(
  policy: Pick<RetryPolicy, 'backoffMs' | 'factor' | 'maxDelayMs' | 'jitter'>,
  attempt: number,
  random: () => number,
): number {
  const bound = Math.min(policy.maxDelayMs, policy.backoffMs * policy.factor ** (attempt - 2));
  return policy.jitter === 'full' ? bound * random() : bound;
}
