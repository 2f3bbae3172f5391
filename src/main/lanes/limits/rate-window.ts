/**
 * The rate of a lane: at most `limit` calls in any window, at an even pace.
 *
 * Two rules hold at once, because providers count in two ways:
 *   1. Pace (GCRA): up to `burst` calls at once, the others one every PACE-th of the window. Providers that
 *      fill a bucket, or weigh the previous window, refuse a whole window's worth at once. A burst of the
 *      whole limit declares that the provider does not, and switches the pace off.
 *   2. Log: the times of the last `limit` calls. The oldest must be a window ago. Not strict: a window and
 *      the guard since the START. On their way, two calls may come closer by the difference of their delays.
 *      While that is at most the guard, no window of the provider has a call too many. Strict: a window since
 *      the END, and running calls count. This needs no assumption: call n + limit starts a window after the
 *      answer to call n, which came after the arrival of call n.
 *
 * The pace ensures at most burst + t / pace calls in any time t. So a bucket of the provider never runs dry
 * if it holds `burst` and the calls of one delay difference (limit / perMs * difference).
 *
 * Two departures from plain GCRA keep bursts from returning in every window; without them a server that
 * weighs the previous window refuses a few calls. While the log holds calls up, no new burst accumulates. And
 * the pace is never faster than the log allows.
 *
 * The time of the next call changes only on events, so it is stored and `wait` is a comparison. Times are
 * absolute and compared without a tolerance: after exactly the time that `wait` returned, it returns 0, or a
 * rest that the clock can express.
 */

/** {@link RateOptions} with all defaults filled in. */
export interface ResolvedRate {
  readonly limit: number;
  readonly perMs: number;
  readonly burst: number;
  readonly guardMs: number;
  readonly strict: boolean;
}

/** Share of a limit that is used, since the provider's clock may run slower than ours. */
const PACE = 0.98;
const LONG_AGO = Number.NEGATIVE_INFINITY;

/** One rate: when the next call may start. Times are ms of one monotonic clock. */
export class RateWindow {
  readonly rate: ResolvedRate;
  /** How long a call stays in the log. */
  readonly #spanMs: number;
  /** The newest calls, as a ring: starts, or ends if strict. */
  readonly #log: Float64Array;
  /** Position of the next call; the newest one is before it. */
  #head = 0;
  /** Strict: calls that have not ended. */
  #running = 0;
  /** The limit in force: the declared one, or a lower one that the provider announced. */
  #limit: number;
  #burst = 1;
  #paceMs = 0;
  /** Calls in the bucket of the pace right after the last start. */
  #level = 0;
  #lastStart: number = LONG_AGO;
  #paceDue: number = LONG_AGO;
  #logDue: number = LONG_AGO;
  /** The later of the two. */
  #due: number = LONG_AGO;

  constructor(rate: ResolvedRate) {
    this.rate = rate;
    this.#spanMs = rate.strict ? rate.perMs : rate.perMs + rate.guardMs;
    this.#log = new Float64Array(rate.limit).fill(LONG_AGO);
    this.#limit = rate.limit;
    this.#adopt(rate.limit);
  }

  /** Returns ms until a call may start; 0: now; Infinity: when a running call ends (strict only). */
  wait(now: number): number {
    return now >= this.#due ? 0 : this.#due - now;
  }

  /** Counts a call that starts, which it should only when `wait` returned 0. */
  take(now: number): void {
    this.#pace(now);
    if (this.rate.strict) this.#running++;
    else this.#write(now);
    this.#update();
  }

  /** A call has ended, however it ended. Without effect unless strict. */
  ended(now: number): void {
    if (!this.rate.strict) return;
    // An end without a start fills a slot as well: one call too few is better than one too many.
    if (this.#running > 0) this.#running--;
    this.#write(now);
    this.#update();
  }

  /**
   * Counts calls of an earlier process, before the first one of this process.
   *
   * @param times - their starts on this clock, ascending and possibly negative; if strict, their ends, or the
   *   present time where the end is unknown
   */
  seed(times: readonly number[]): void {
    const first = times[0];
    if (first === undefined) return;
    // The calls before the first are unknown: assume that the burst was used up.
    this.#level = this.#burst;
    this.#lastStart = first;
    for (const time of times) {
      this.#pace(time);
      this.#level = Math.min(this.#level, this.#burst);
      this.#write(time);
      // At each step, since the pace depends on how long the log held calls up.
      this.#update();
    }
  }

  /**
   * Applies a limit that the provider announced for this window: at most the declared one, and at least 1, so
   * that the lane never stops for good. Undefined or NaN restores the declared limit.
   */
  announce(limit: number | undefined): void {
    const declared = this.rate.limit;
    const announced =
      limit === undefined || Number.isNaN(limit)
        ? declared
        : Math.max(1, Math.min(declared, Math.floor(limit)));
    if (announced !== this.#limit) this.#adopt(announced);
  }

  #adopt(limit: number): void {
    const { rate } = this;
    this.#limit = limit;
    if (rate.burst >= rate.limit) {
      this.#burst = limit;
      this.#paceMs = 0;
    } else {
      this.#burst = Math.max(1, Math.floor((rate.burst * limit) / rate.limit));
      this.#paceMs = Math.max(rate.perMs / (PACE * limit), this.#spanMs / limit);
    }
    this.#update();
  }

  /** Drains the bucket of the pace since the last call, and adds one call. */
  #pace(now: number): void {
    const since = this.#lastStart;
    if (this.#paceMs > 0) {
      let drainedMs = now - since;
      const from = Math.max(since, this.#paceDue);
      // It does not drain while the log holds calls up, or they would follow as a burst.
      if (this.#logDue > from) drainedMs -= Math.min(now, this.#logDue) - from;
      this.#level = Math.max(0, this.#level - drainedMs / this.#paceMs) + 1;
    }
    this.#lastStart = now;
  }

  #write(time: number): void {
    this.#log[this.#head] = time;
    if (++this.#head === this.#log.length) this.#head = 0;
  }

  #update(): void {
    // A level above the burst, left from a higher limit, costs one pace only: the log has these calls.
    const over = Math.min(this.#level, this.#burst) + 1 - this.#burst;
    this.#paceDue = over > 0 && this.#paceMs > 0 ? this.#lastStart + over * this.#paceMs : LONG_AGO;
    const free = this.#limit - this.#running;
    if (free <= 0) {
      this.#logDue = Number.POSITIVE_INFINITY;
    } else {
      const at = this.#head - free;
      this.#logDue = (this.#log[at < 0 ? at + this.#log.length : at] as number) + this.#spanMs;
    }
    this.#due = Math.max(this.#paceDue, this.#logDue);
  }
}

/**
 * Returns the rate of one of several shards that cannot communicate; `index` from 1.
 *
 * With at least one call per shard, the limits add up to the declared one, so the shards together keep it in
 * any window. Bursts add up as well, but are at least 1 each: with more shards than `burst`, as many calls as
 * shards may start at once.
 *
 * With fewer calls than shards, each shard has one call in a proportionally longer window. Together they keep
 * the declared rate over the longer window. But shards that start at the same time can put one call each into
 * one window of the provider; no division without a common clock prevents that.
 */
export function divideRate(rate: ResolvedRate, index: number, count: number): ResolvedRate {
  const { limit, perMs, burst } = rate;
  if (limit < count) return { ...rate, limit: 1, burst: 1, perMs: Math.ceil((perMs * count) / limit) };
  return { ...rate, limit: shareOf(limit, index, count), burst: Math.max(1, shareOf(burst, index, count)) };
}

/** Returns an integer share; the shares of all shards add up to `whole`. */
export function shareOf(whole: number, index: number, count: number): number {
  return Math.floor((whole + count - index) / count);
}
