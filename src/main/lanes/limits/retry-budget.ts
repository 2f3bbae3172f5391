/**
 * The retry budget of a lane: retries as a share of successes.
 *
 * Retries of single failures are cheap. When a provider is in trouble, they would multiply the load on it by
 * the number of attempts. So a retry takes a token and each success returns a part of one, which bounds the
 * share of retries in the long run. The initial tokens cover a short disturbance. One retry per second is
 * always allowed, so that a lane with few calls can retry. The lane treats an empty budget as trouble of the
 * provider, not as a failure of the task.
 */

const TOKENS = 100;
/** A retry is always allowed this long after the last one. */
const FLOOR_MS = 1000;
/** Sums of decimal shares may be slightly below a whole token. */
const ROUNDING = 1e-9;

/** One budget. Times are ms of one monotonic clock. */
export class RetryBudget {
  readonly #share: number;
  #tokens = TOKENS;
  #lastRetry: number = Number.NEGATIVE_INFINITY;

  /** @param share - tokens for each success */
  constructor(share: number) {
    this.#share = share;
  }

  /** Takes a token for a retry. @returns false when there is none */
  take(now: number): boolean {
    if (this.#tokens >= 1 - ROUNDING) this.#tokens = Math.max(0, this.#tokens - 1);
    else if (now - this.#lastRetry < FLOOR_MS) return false;
    this.#lastRetry = now;
    return true;
  }

  succeeded(): void {
    this.#tokens = Math.min(TOKENS, this.#tokens + this.#share);
  }
}
