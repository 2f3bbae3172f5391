/**
 * The retry budget of a lane: retries as a share of successes.
 *
 * Retries of single failures are cheap and welcome. When a provider is in trouble, they would multiply the load on it, by the number
 * of attempts. So a retry takes a token, and each success puts a part of one back: in the long run there is no more than that share of
 * retries. The store at the beginning lets a short trouble pass unnoticed. One retry per second is free in any case, so that a
 * lane with few calls is never without; the lane treats an empty budget as trouble of the provider, not as failure of a task.
 */

const TOKENS = 100;
/** A retry is granted anyway when the last was so long ago. */
const FLOOR_MS = 1000;
/** Sums of decimal shares fall short of whole tokens by rounding. */
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

  /** Whether a retry may go; then it counts. */
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
