/**
 * The rate of a lane: at most `limit` calls in any window, at an even pace.
 *
 * Two rules hold at once, because providers count in two ways:
 *   1. Pace (GCRA): up to `burst` calls at once, the others one every PACE-th of the window. Providers that fill a bucket, or weigh the
 *      window before, refuse a whole window's worth at once. A burst of the whole limit says that the provider does not: no pace then.
 *   2. Log: the times of the last `limit` calls. The oldest must be a window ago.
 *      Not strict: a window and the guard since the START. Two calls may get nearer to each other on their way by as much as their
 *      delays differ; as long as that is not more than the guard, no window of the provider has a call too many.
 *      Strict: a window since the END, and running calls count. It needs no assumption: call n + limit starts a window after the
 *      answer to call n, which came after its arrival.
 *
 * What the pace assures: in any time t no more than burst + t / pace calls. A bucket of the provider therefore never runs dry if it
 * holds `burst` and the calls of one delay difference (limit / perMs * difference), which is a little more than `burst` alone.
 *
 * Two departures from plain GCRA keep bursts from coming back in every window; without them a server that weighs the window before
 * refuses a few calls. While the log holds calls up, no new burst is saved up. And the pace is never faster than the log lets pass.
 *
 * The time of the next call changes only when something happens, so it is kept: `wait` is a comparison. Times are absolute and
 * nothing is compared with a tolerance: who waits for exactly what `wait` told will find 0, or a rest that the clock can express.
 */

/** {@link RateOptions} with nothing left out. */
export interface ResolvedRate {
  readonly limit: number;
  readonly perMs: number;
  readonly burst: number;
  readonly guardMs: number;
  readonly strict: boolean;
}

/** The part of a limit that is used: a provider's clock and ours do not run alike. */
const PACE = 0.98;
const LONG_AGO = Number.NEGATIVE_INFINITY;

/** One rate: when may the next call start. Times are ms of one monotonic clock. */
export class RateWindow {
  readonly rate: ResolvedRate;
  /** How long a call stays in the log. */
  readonly #spanMs: number;
  /** The newest calls, as a ring: starts, or ends if strict. */
  readonly #log: Float64Array;
  /** Where the next call is written; the one before it is the newest. */
  #head = 0;
  /** Strict: calls that have not ended. */
  #running = 0;
  /** In force: what was declared, or less if the provider announced less. */
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

  /** ms until a call may start; 0: now; Infinity: not before a running call ends (strict only). */
  wait(now: number): number {
    return now >= this.#due ? 0 : this.#due - now;
  }

  /** A call starts. Only when `wait` is 0; if it must start all the same, it is counted like any other. */
  take(now: number): void {
    this.#pace(now);
    if (this.rate.strict) this.#running++;
    else this.#write(now);
    this.#update();
  }

  /** A call that was taken has ended, however it ended. Without effect unless strict. */
  ended(now: number): void {
    if (!this.rate.strict) return;
    // An end without a start still fills a slot: rather one call too few than one too many.
    if (this.#running > 0) this.#running--;
    this.#write(now);
    this.#update();
  }

  /**
   * Calls of an earlier process, before the first of this one: their starts on this clock, ascending; they may lie before its zero. If
   * strict, their ends instead, and for calls whose end nobody knows the present time.
   */
  seed(times: readonly number[]): void {
    const first = times[0];
    if (first === undefined) return;
    // What happened before the first is not known: as if its burst had been used up.
    this.#level = this.#burst;
    this.#lastStart = first;
    for (const time of times) {
      this.#pace(time);
      this.#level = Math.min(this.#level, this.#burst);
      this.#write(time);
      // At each step: the pace must know how long the log held calls up.
      this.#update();
    }
  }

  /**
   * The provider announced how many calls it allows in the window. Never more than was declared; less than 1 counts as 1, as the lane would
   * stop for good. What is no number lifts it, like undefined.
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

  /** Fills the bucket of the pace by one call, after what drained since the last. */
  #pace(now: number): void {
    const since = this.#lastStart;
    if (this.#paceMs > 0) {
      let drainedMs = now - since;
      const from = Math.max(since, this.#paceDue);
      // Not while the log held calls up: else they would come as a burst when it lets them go.
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
    // A level above the burst, left over from a higher limit, costs one pace, not a wait for all of it: the log has these calls.
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
 * The rate of one of several shards that cannot talk to each other; `index` from 1.
 *
 * With at least one call per shard the limits add up to the declared one, so their calls keep it in any window, whenever each of them
 * starts. Bursts too, but at least 1 each: with more shards than `burst`, as many calls as shards may come at once.
 *
 * With fewer calls than shards each shard has one call in a window that is longer by so much. Together they keep the declared rate over
 * that longer window and never exceed it for long; but shards that happen to start at once can put one call each into one
 * window of the provider. No division without a common clock prevents that.
 */
export function divideRate(rate: ResolvedRate, index: number, count: number): ResolvedRate {
  const { limit, perMs, burst } = rate;
  if (limit < count) return { ...rate, limit: 1, burst: 1, perMs: Math.ceil((perMs * count) / limit) };
  return { ...rate, limit: shareOf(limit, index, count), burst: Math.max(1, shareOf(burst, index, count)) };
}

/** A whole share; the shares of all shards add up to `whole`. */
export function shareOf(whole: number, index: number, count: number): number {
  return Math.floor((whole + count - index) / count);
}
