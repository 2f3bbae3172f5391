/**
 * A rate for lanes that declare none, learned from throttles.
 *
 * Until the first throttle there is no limit. Each throttle cuts the rate to 0.7 of what was being sent. Then
 * it grows along a cubic curve: quickly back to the old rate, slowly across it, and beyond it faster and
 * faster, because the provider may allow more by now. It never grows beyond twice the measured rate: a lane
 * with little to send learns nothing about the limit.
 *
 * Invariants:
 *   - One cut per flight: calls sent before the last cut were sent at the old rate, and show nothing new.
 *   - Short pauses count for the measured rate: the provider's bucket fills meanwhile, and the rate right
 *     after would be mistaken for its limit (measured so, the rate settled at 1.7 times a hidden limit). Only
 *     the beginning of a long pause counts.
 *   - A pause never lets the curve grow beyond the rate that was refused, since nothing was tried meanwhile.
 */

/** What is left of the rate after a throttle. */
const CUT = 0.7;
/** Steepness of the curve, in calls per s, per s³. */
const CUBIC = 0.4;
/** The way back takes at least this many calls: at low rates it would end before the next call. */
const MIN_CALLS = 10;
/** Growth beyond the measured rate. */
const HEADROOM = 2;
/** A rate is measured over at least this time. */
const MEASURE_MS = 1000;
/** How far back the measured rate looks. */
const MEMORY_MS = 3000;
/** A longer time without calls does not count for the measured rate beyond this. */
const GAP_MS = 2000;
/** Delay of a timer that may be made up for. */
const LATE_MS = 20;
/** Lower bound, in calls per s: one per minute. */
const FLOOR = 1 / 60;

/** One learned rate. Times are ms of one monotonic clock. */
export class LearnedRate {
  /** Calls per s; undefined before the first throttle. */
  #rate: number | undefined;
  /** The rate that was refused last. */
  #refused = 0;
  #cutAt: number = Number.NEGATIVE_INFINITY;
  /** Where the curve begins: the cut, moved on by a pause. */
  #curveFrom: number = Number.NEGATIVE_INFINITY;
  #due: number = Number.NEGATIVE_INFINITY;
  #measured: number | undefined;
  /** Calls since `#countFrom`. */
  #calls = 0;
  /** Undefined before the first call: the time before it does not count. */
  #countFrom: number | undefined;
  #idleMs = 0;
  #lastCall = 0;

  /** Calls per s that it allows: at most what was last refused; undefined before the first throttle. */
  get perSecond(): number | undefined {
    return this.#rate === undefined ? undefined : Math.min(this.#rate, this.#refused);
  }

  /** ms until a call may start; 0: now. */
  wait(now: number): number {
    return now >= this.#due ? 0 : this.#due - now;
  }

  /** A call starts. Only when `wait` is 0. */
  take(now: number): void {
    this.#measure(now);
    if (this.#rate === undefined) return;
    this.#rate = this.#grown(now, this.#rate);
    this.#due = Math.max(this.#due, now - LATE_MS) + 1000 / this.#rate;
  }

  /** The provider refused a call that started at `sentAt`, because there were too many. */
  throttled(now: number, sentAt: number): void {
    if (sentAt <= this.#cutAt) return;
    // One or two calls in no time show no rate. The lane pauses in any case.
    if (this.#measured === undefined && this.#calls < MIN_CALLS && this.#measuredMs(now) < MEASURE_MS) return;
    if (this.#measuredMs(now) >= MEASURE_MS || this.#measured === undefined) this.#close(now);
    const measured = this.#measured ?? 0;
    this.#refused = Math.max(FLOOR / CUT, Math.min(this.#rate ?? Number.POSITIVE_INFINITY, measured));
    this.#rate = this.#refused * CUT;
    this.#cutAt = now;
    this.#due = now;
  }

  #grown(now: number, rate: number): number {
    const backS = Math.max(Math.cbrt((this.#refused * (1 - CUT)) / CUBIC), MIN_CALLS / this.#refused);
    // The first call since the cut: the time between them was a pause.
    if (this.#curveFrom < this.#cutAt)
      this.#curveFrom = now - Math.min(now - this.#cutAt, (backS * 1000) / 2);
    const steepness = (this.#refused * (1 - CUT)) / backS ** 3;
    const curve = this.#refused + steepness * ((now - this.#curveFrom) / 1000 - backS) ** 3;
    return Math.max(rate, Math.min(curve, HEADROOM * (this.#measured ?? 0)));
  }

  #measure(now: number): void {
    if (this.#countFrom === undefined) {
      this.#countFrom = now;
      this.#lastCall = now;
    }
    // A short pause counts, since it lets the provider's bucket fill. The rest of a long one does not.
    this.#idleMs += Math.max(0, now - this.#lastCall - GAP_MS);
    this.#lastCall = now;
    if (this.#measuredMs(now) >= MEASURE_MS) this.#close(now);
    this.#calls++;
  }

  #measuredMs(now: number): number {
    return now - (this.#countFrom ?? now) - this.#idleMs;
  }

  #close(now: number): void {
    const ms = Math.max(MEASURE_MS, this.#measuredMs(now));
    const perSecond = (this.#calls / ms) * 1000;
    const weight = 1 - Math.exp(-ms / MEMORY_MS);
    this.#measured =
      this.#measured === undefined ? perSecond : this.#measured + weight * (perSecond - this.#measured);
    this.#calls = 0;
    this.#countFrom = now;
    this.#idleMs = 0;
  }
}
