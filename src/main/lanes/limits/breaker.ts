/**
 * The breaker of a lane: stops calling a provider in trouble, and finds out with single calls when the trouble is over.
 *
 *   closed ──(many failures, or trip)──▶ open ──(the pause is over, a call starts: the probe)──▶ half-open
 *      ▲                                  ▲                                                        │  │
 *      │                                  └────────────────(the probe failed: longer pause)────────┘  │
 *      └────────────────────────────────────(the provider answered the probe)─────────────────────────┘
 *
 * It never throws: `wait` tells how long the lane has to pause. It opens on the share of failed calls of the last 10 s if there were
 * at least 20, else on failures in a row. Only what says something about the provider counts: `ok` and `failed`.
 * In a busy lane, the successes of 10 s hide an outage for seconds (500 wasted calls at 100 per second). So it also opens when of the
 * latest 20 calls many more failed than the share: by MARGIN of what is missing to all. With the default these are 13; chance alone
 * does that to 15 of a million calls if a fifth of them fail.
 *
 * Invariants:
 *   - Half-open means that one probe is on its way, or that it was aborted and another may go. There are never two.
 *   - Calls that had started when it opened belong to the trouble that opened it. Whenever they end, they change nothing: not the pause,
 *     not whether it closes, not the count after it has closed.
 *   - `onChange` is the last thing that a call of a method does, so it may call methods itself.
 */

/** {@link BreakerOptions} with nothing left out; the lane looks after `onOpen` and `giveUpMs`. */
export interface ResolvedBreaker {
  readonly failures: number;
  readonly inARow: number;
  readonly openMs: number;
  readonly maxOpenMs: number;
  readonly onOpen: 'wait' | 'fail';
  readonly giveUpMs: number;
}

export type BreakerState = 'closed' | 'open' | 'half-open';

/** `neutral`: says nothing about the provider's health (throttled, conflict, permanent for this task) but that it answered. */
export type CallResult = 'ok' | 'failed' | 'neutral';

/** The window of the share: so many buckets of so many ms. */
const BUCKETS = 20;
const BUCKET_MS = 500;
/** With fewer calls in the window a share says nothing. */
const MIN_CALLS = 20;
/** How far the share of the latest calls must lie beyond the declared one, as part of the way to all. */
const MARGIN = 0.3;
/** Breakers of several processes must not probe in step: each pause is longer or shorter by up to this part. */
const JITTER = 0.2;

/** One breaker. Times are ms of one monotonic clock. */
export class Breaker {
  readonly #options: ResolvedBreaker;
  readonly #random: () => number;
  readonly #onChange: (state: BreakerState, now: number) => void;
  #state: BreakerState = 'closed';
  #openSince: number | undefined;
  /** When it last opened from closed; kept when it closes, to tell calls of before. */
  #openedAt: number = Number.NEGATIVE_INFINITY;
  /** End of the pause. */
  #due = 0;
  /** Pauses since it was closed. */
  #pauses = 0;
  #isProbing = false;
  #failedInARow = 0;
  /** The latest MIN_CALLS calls, one bit each: failed. Looked at only when there were as many since it closed. */
  #latest = 0;
  readonly #calls = new Uint32Array(BUCKETS);
  readonly #failed = new Uint32Array(BUCKETS);
  /** Which stretch of time each bucket counts. */
  readonly #stretches = new Float64Array(BUCKETS).fill(Number.NEGATIVE_INFINITY);

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

  /** ms until a call may start; 0: now; Infinity: not before the probe has ended. */
  wait(now: number): number {
    if (this.#state === 'closed') return 0;
    if (this.#isProbing) return Number.POSITIVE_INFINITY;
    return now >= this.#due ? 0 : this.#due - now;
  }

  /** A call starts; only when `wait` is 0. True: it is the probe. */
  take(now: number): boolean {
    if (this.#state === 'closed' || this.#isProbing) return false;
    this.#isProbing = true;
    if (this.#state === 'open') this.#become('half-open', now);
    return true;
  }

  /**
   * A call has ended.
   *
   * @param isProbe - what `take` told
   * @param startedAt - time of its `take`
   * @param retryAfterMs - how long the provider asked to be left alone
   */
  ended(now: number, how: CallResult, isProbe: boolean, startedAt: number, retryAfterMs?: number): void {
    if (isProbe) this.#probed(now, how, retryAfterMs);
    else if (this.#state === 'closed' && startedAt > this.#openedAt) this.#count(now, how, retryAfterMs);
  }

  /** A call was aborted, which says nothing. If it was the probe, another may go. */
  abandon(isProbe: boolean): void {
    if (isProbe) this.#isProbing = false;
  }

  /** Opens it for a reason of the lane: the retry budget is empty. Without effect unless closed. */
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
    this.#stretches.fill(Number.NEGATIVE_INFINITY);
    this.#become('closed', now);
  }

  #count(now: number, how: CallResult, retryAfterMs: number | undefined): void {
    if (how === 'neutral') return;
    const stretch = Math.floor(now / BUCKET_MS);
    const bucket = ((stretch % BUCKETS) + BUCKETS) % BUCKETS;
    if (this.#stretches[bucket] !== stretch) {
      this.#stretches[bucket] = stretch;
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
    // Looked at on failures only: a success would be an odd moment to stop.
    if (this.#isTrouble(stretch)) this.#open(now, retryAfterMs);
  }

  #isTrouble(stretch: number): boolean {
    let calls = 0;
    let failed = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      if ((this.#stretches[bucket] as number) <= stretch - BUCKETS) continue;
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
    // The provider's own word counts even beyond the maximum.
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

/** How many bits are set. */
function ones(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}
