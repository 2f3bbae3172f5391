/**
 * The wait before an attempt: exponential with full jitter.
 *
 * Full jitter (a uniformly random part of the bound) spreads competing retries best; see "Exponential Backoff And
 * Jitter", AWS Architecture Blog, 2015.
 */

import type { ResolvedRetry } from '../options/resolve-options.js';

/**
 * The delay before the given attempt, in ms.
 *
 * @param attempt - the attempt that is about to wait, from 2
 * @param random - uniform in [0, 1)
 */
export function backoffMs(retry: ResolvedRetry, attempt: number, random: () => number): number {
  const bound = Math.min(retry.maxDelayMs, retry.backoffMs * retry.factor ** (attempt - 2));
  return retry.jitter === 'full' ? bound * random() : bound;
}
