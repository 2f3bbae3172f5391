/**
 * The breaker of a lane: stops calls to a provider in trouble, and tests with single calls whether it
 * recovered.
 *
 *   closed ──(many failures, or trip)──▶ open ──(the pause is over, a call starts: the probe)──▶ half-open
 *      ▲                                  ▲                                                        │  │
 *      │                                  └────────────────(the probe failed: longer pause)────────┘  │
 *      └────────────────────────────────────(the provider answered the probe)─────────────────────────┘
 *
 * It never throws: `wait` returns how long the lane has to pause. It opens on the share of failed calls of
 * the last 10 s if there were at least 20, else on failures in a row. Only `ok` and `failed` count. In a busy
 * lane, the successes of 10 s hide an outage for seconds (500 wasted calls at 100 per second). So it also
 * opens when far more of the latest 20 calls failed than the share: MARGIN of the way from the share to all.
 * With the defaults that is 13 of 20; if a fifth of all calls fail, chance alone causes it for 15 calls in a
 * million.
 *
 * Invariants:
 *   - Half-open means that one probe is running, or that it was aborted and another may start. There are
 *     never two.
 *   - Calls that were running when it opened belong to that trouble. Whenever they end, they change nothing:
 *     not the pause, not whether it closes, not the count after it has closed.
 *   - A method calls `onChange` last, so `onChange` may call methods.
 */

/** {@link BreakerOptions} with all defaults filled in. The gate applies `onOpen`, the lane `giveUpMs`. */
export interface ResolvedBreaker {
  readonly failures: number;
  readonly inARow: number;
  readonly openMs: number;
  readonly maxOpenMs: number;
  readonly onOpen: 'wait' | 'fail';
  readonly giveUpMs: number;
}

export type BreakerState = 'closed' | 'open' | 'half-open';

/** `neutral`: the provider answered, which says no more about its health (throttled, conflict, permanent). */
export type CallResult = 'ok' | 'failed' | 'neutral';

/** The window of the share: BUCKETS buckets of BUCKET_MS each. */
const BUCKETS = 20;
const BUCKET_MS = 500;
/** Fewer calls in the window show no share. */
const MIN_CALLS = 20;
/** How far the failures of the latest calls must exceed the declared share, as a share of the way to all. */
const MARGIN = 0.3;
/** Each pause is longer or shorter by up to this share, so that several processes do not probe in step. */
const JITTER = 0.2;

/** One breaker. Times are ms of one monotonic clock. */
export class Breaker {
  readonly #options: ResolvedBreaker;
  readonly #random: () => number;
  readonly #onChange: (state: BreakerState, now: number) => void;
  #state: BreakerState = 'closed';
  #openSince: number | undefined;
  /** When it last opened from closed. Kept when it closes, to recognise calls that started earlier. */
  #openedAt: number = Number.NEGATIVE_INFINITY;
  /** End of the pause. */
  #due = 0;
  /** Pauses since it was closed. */
  #pauses = 0;
  #isProbing = false;
  #failedInARow = 0;
  /** The latest MIN_CALLS calls, one bit each: failed. Read only if there were as many since it closed. */
  #latest = 0;
  readonly #calls = new Uint32Array(BUCKETS);
  readonly #failed = new Uint32Array(BUCKETS);
  /** The number of the BUCKET_MS interval that each bucket counts. */
  readonly #intervals = new Float64Array(BUCKETS).fill(Number.NEGATIVE_INFINITY);

  /** @param random - uniform in [0, 1) */
  constructor(
    options: ResolvedBreaker,
    random: () => number,
    onChange: (state: BreakerState, now: number) => void,
  ) {
    this.#options = options;
    this.#random = random;
    this.#onChange = onChange;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Since when it is not closed. */
  get openSince(): number | undefined {
    return this.#openSince;
  }

  /** Returns ms until a call may start; 0: now; Infinity: when the probe has ended. */
  wait(now: number): number {
    if (this.#state === 'closed') return 0;
    if (this.#isProbing) return Number.POSITIVE_INFINITY;
    return now >= this.#due ? 0 : this.#due - now;
  }

  /** A call starts; only when `wait` returned 0. @returns whether it is the probe */
  take(now: number): boolean {
    if (this.#state === 'closed' || this.#isProbing) return false;
    this.#isProbing = true;
    if (this.#state === 'open') this.#become('half-open', now);
    return true;
  }

  /**
   * A call has ended.
   *
   * @param isProbe - what `take` returned
   * @param startedAt - time of its `take`
   * @param retryAfterMs - the delay that the provider asked for
   */
  ended(now: number, how: CallResult, isProbe: boolean, startedAt: number, retryAfterMs?: number): void {
    if (isProbe) this.#probed(now, how, retryAfterMs);
    else if (this.#state === 'closed' && startedAt > this.#openedAt) this.#count(now, how, retryAfterMs);
  }

  /** A call was aborted, which shows nothing. If it was the probe, another one may start. */
  abandon(isProbe: boolean): void {
    if (isProbe) this.#isProbing = false;
  }

  /** Opens the breaker because the retry budget of the lane is empty. Without effect unless closed. */
  trip(now: number): void {
    if (this.#state === 'closed') this.#open(now, undefined);
  }

  #probed(now: number, how: CallResult, retryAfterMs: number | undefined): void {
    if (!this.#isProbing) return;
    this.#isProbing = false;
    if (how === 'failed') return this.#open(now, retryAfterMs);
    this.#openSince = undefined;
    this.#pauses = 0;
    this.#failedInARow = 0;
    this.#intervals.fill(Number.NEGATIVE_INFINITY);
    this.#become('closed', now);
  }

  #count(now: number, how: CallResult, retryAfterMs: number | undefined): void {
    if (how === 'neutral') return;
    const interval = Math.floor(now / BUCKET_MS);
    const bucket = ((interval % BUCKETS) + BUCKETS) % BUCKETS;
    if (this.#intervals[bucket] !== interval) {
      this.#intervals[bucket] = interval;
      this.#calls[bucket] = 0;
      this.#failed[bucket] = 0;
    }
    this.#calls[bucket] = (this.#calls[bucket] as number) + 1;
    this.#latest = ((this.#latest << 1) | (how === 'ok' ? 0 : 1)) & (2 ** MIN_CALLS - 1);
    if (how === 'ok') {
      this.#failedInARow = 0;
      return;
    }
    this.#failed[bucket] = (this.#failed[bucket] as number) + 1;
    this.#failedInARow++;
    // Only a failure may open it.
    if (this.#isTrouble(interval)) this.#open(now, retryAfterMs);
  }

  #isTrouble(interval: number): boolean {
    let calls = 0;
    let failed = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      if ((this.#intervals[bucket] as number) <= interval - BUCKETS) continue;
      calls += this.#calls[bucket] as number;
      failed += this.#failed[bucket] as number;
    }
    const { failures, inARow } = this.#options;
    if (calls < MIN_CALLS) return this.#failedInARow >= inARow;
    return (
      failed >= failures * calls || ones(this.#latest) >= MIN_CALLS * (failures + (1 - failures) * MARGIN)
    );
  }

  #open(now: number, retryAfterMs: number | undefined): void {
    const { openMs, maxOpenMs } = this.#options;
    const spread = 1 + JITTER * (2 * this.#random() - 1);
    const pauseMs = Math.min(maxOpenMs, Math.min(maxOpenMs, openMs * 2 ** this.#pauses) * spread);
    this.#pauses++;
    // A delay that the provider asked for may exceed the maximum.
    const asked = retryAfterMs !== undefined && retryAfterMs > pauseMs ? retryAfterMs : pauseMs;
    this.#due = now + asked;
    if (this.#openSince === undefined) {
      this.#openSince = now;
      this.#openedAt = now;
    }
    this.#become('open', now);
  }

  #become(state: BreakerState, now: number): void {
    this.#state = state;
    this.#onChange(state, now);
  }
}

/** Counts the bits that are set. */
function ones(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}
