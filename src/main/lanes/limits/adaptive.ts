/**
 * Concurrency that adapts to what a provider can handle.
 *
 * 1. Hold the first limit until BASELINE_CALLS calls have given a latency to compare with.
 * 2. Slow start, +1/2 for each call, until the first sign of overload.
 * 3. A sign of overload cuts the limit by a tenth, once for all calls in flight: calls that were sent before
 *    the cut report the same overload. Then the limit grows back along a cubic curve: fast to where it was
 *    cut, slowly past it (CUBIC, RFC 9438), by at least 1/8 and at most half of itself per round trip.
 * 4. It never grows while less than half of it is used, since nothing is then known about the rest.
 * 5. The latency guard is for providers that slow down instead of refusing. A window of max(GUARD_CALLS,
 *    limit) calls whose mean latency exceeds CREEP_AT times the baseline slows the growth. One that exceeds
 *    PROBE_AT times, or every PROBE_EVERY windows, starts a probe: the limit is lowered by a quarter for one
 *    window. If throughput falls as well, the latency was not caused by queueing: the baseline was wrong, and
 *    the limit is restored. If it does not fall, calls were only queueing, and Little's law gives the limit
 *    that is enough. The more uneven the calls, the less a window shows, and the more of the throughput must
 *    remain before the limit is lowered. The price is a longer queue at providers with uneven calls that
 *    never refuse.
 *
 * Rejected: a limit steered by latency alone (Vegas, Gradient2) mistakes uneven calls, or a slower provider,
 * for a queue. A cut for each refusal, regardless of when the call was sent, answers one overload with ten
 * cuts.
 *
 * Only a probe raises the baseline, so a slowly rising latency never becomes normal. Invariant: `limit` is an
 * integer from min to max. Pure: the clock is passed in, in ms, and must not go back.
 */

import { LatencyWindow, type WindowSummary } from './latency-window.js';

/** The range of an adaptive concurrency. */
export interface ResolvedAdaptive {
  readonly min: number;
  readonly max: number;
  readonly start: number;
}

/**
 * A call that was answered, or that failed by overload. Leave out other failures: a refusal after a
 * millisecond says nothing about latency.
 */
export interface EndedCall {
  readonly now: number;
  readonly sentAt: number;
  readonly durationMs: number;
  /** Calls in flight, this one included. */
  readonly inFlight: number;
  readonly isOverload: boolean;
}

const BASELINE_CALLS = 10;
const SLOW_START = 0.5;
const CUT = 0.9;
/** Steepness of the cubic curve, with time in units of CUBIC_ROUND_TRIPS round trips. */
const CUBIC = 0.4;
const CUBIC_ROUND_TRIPS = 2;
const LEAST_GROWTH = 1 / 8;
const SMOOTHING = 0.1;

const GUARD_CALLS = 30;
const CREEP_AT = 1.3;
const PROBE_AT = 2;
const PROBE_EVERY = 30;
const PROBE_CUT = 0.75;
/** How long a probe waits for earlier calls to end, in round trips. */
const PROBE_SETTLE = 1.5;
/** Throughput below this share of the previous one has fallen. Leaves an eighth to chance. */
const FELL = 0.875;
/** A little more than Little's law asks for, to keep the provider busy. */
const HEAD_ROOM = 1.4;
/** The guard lowers the limit no further than to this share at once. */
const MOST_LOWERED = 0.4;
const BASELINE_STEP = 0.2;
/** Deviations of up to this many standard errors may be chance. */
const NOISE = 1.5;
/** The error of the baseline is estimated from at most this many calls. */
const MAX_BASELINE_CALLS = 100;
const RESTART = 1 / 4;
/** A shorter duration measures only the clock and the event loop, in ms. */
const LEAST_DURATION_MS = 1;

/** The state before a probe: the throughput to compare with, and the limit to return to. */
interface Probe {
  readonly throughput: number;
  readonly calls: number;
  readonly limit: number;
}

/** Adapts to what a provider can handle. */
export class AdaptiveConcurrency {
  readonly #min: number;
  readonly #max: number;
  readonly #window = new LatencyWindow();
  #limit: number;
  #isSlowStart = true;
  /** The latency is above CREEP_AT times the baseline: grow slowly. */
  #isCreeping = false;
  /** Smoothed latency. */
  #roundTripMs = 0;
  #cutAt = Number.NEGATIVE_INFINITY;
  /** The cubic curve: its start, the limit that it returns to, and after how many units of time. */
  #curveSince = 0;
  #curveLimit = 0;
  #curveReach = 0;
  /** Calls that end before this time belong to the previous limit and are not measured. */
  #settleUntil: number | undefined;
  /** Mean latency without a queue; undefined until it is known. */
  #baseMs: number | undefined;
  #baseCalls = BASELINE_CALLS;
  #windowsSinceProbe = 0;
  #probe: Probe | undefined;

  constructor({ min, max, start }: ResolvedAdaptive) {
    this.#min = min;
    this.#max = max;
    this.#limit = this.#inRange(start);
  }

  /** Concurrent calls allowed now. */
  get limit(): number {
    // A sum of fractions may be slightly below the integer that it stands for.
    return this.#inRange(Math.floor(this.#limit + 1e-9));
  }

  /** A call ended. */
  ended(call: EndedCall): void {
    const { now, sentAt, inFlight, isOverload } = call;
    if (isOverload) {
      if (sentAt > this.#cutAt) this.#cut(now);
      return;
    }
    const durationMs = Math.max(LEAST_DURATION_MS, call.durationMs);
    this.#roundTripMs += (durationMs - this.#roundTripMs) * (this.#roundTripMs === 0 ? 1 : SMOOTHING);
    if (this.#baseMs !== undefined && this.#probe === undefined && inFlight * 2 >= this.#limit)
      this.#limit = this.#inRange(this.#limit + this.#growth(now));
    if (this.#settleUntil !== undefined) {
      if (now < this.#settleUntil) return;
      this.#settleUntil = undefined;
      this.#window.restart(now);
      return;
    }
    this.#window.add(durationMs, inFlight);
    this.#measured(now);
  }

  /** Restarts after a pause: at a quarter of the limit, with slow start. */
  restart(now: number): void {
    this.#limit = this.#inRange(this.#limit * RESTART);
    this.#isSlowStart = true;
    this.#isCreeping = false;
    this.#probe = undefined;
    this.#windowsSinceProbe = 0;
    this.#settleUntil = undefined;
    // Calls from before the pause report the overload that caused it.
    this.#cutAt = now;
    this.#window.restart(now);
  }

  /** The provider recommends this many concurrent calls: the start, until a cut or a baseline. */
  hint(concurrency: number): void {
    const isEarly = this.#baseMs === undefined && this.#cutAt === Number.NEGATIVE_INFINITY;
    if (isEarly && concurrency >= 1) this.#limit = this.#inRange(Math.floor(concurrency));
  }

  #inRange(limit: number): number {
    return Math.max(this.#min, Math.min(this.#max, limit));
  }

  #cut(now: number): void {
    const before = this.#limit;
    this.#limit = Math.max(this.#min, Math.min(before - 1, before * CUT));
    this.#isSlowStart = false;
    this.#probe = undefined;
    this.#cutAt = now;
    this.#curveFrom(now, before);
    this.#window.restart(now);
  }

  /** Starts the curve. It is flat at `limit`, and steeper before and after. */
  #curveFrom(now: number, limit: number): void {
    this.#curveSince = now;
    this.#curveLimit = limit;
    this.#curveReach = Math.cbrt((limit - this.#limit) / CUBIC);
  }

  /** Returns how much one call adds. About `limit` calls end per round trip. */
  #growth(now: number): number {
    if (this.#isCreeping) return LEAST_GROWTH / this.#limit;
    if (this.#isSlowStart) return SLOW_START;
    const time = (now - this.#curveSince) / Math.max(1, this.#roundTripMs) / CUBIC_ROUND_TRIPS;
    const target = CUBIC * (time - this.#curveReach) ** 3 + this.#curveLimit;
    return Math.max(LEAST_GROWTH, Math.min(this.#limit / 2, target - this.#limit)) / this.#limit;
  }

  /** Evaluates the window when it is complete. */
  #measured(now: number): void {
    const { calls } = this.#window;
    if (this.#baseMs === undefined) {
      if (calls >= BASELINE_CALLS) this.#baseMs = this.#window.close(now).meanMs;
    } else if (calls >= Math.max(GUARD_CALLS, this.#limit)) {
      const seen = this.#window.close(now);
      // What chance alone explains: window and baseline are means of few calls.
      const error = Math.sqrt(1 / seen.calls + 1 / this.#baseCalls);
      const noiseMs = NOISE * seen.variation * error * this.#baseMs;
      if (this.#probe === undefined) this.#compare(now, seen, this.#baseMs, noiseMs);
      else this.#endProbe(now, seen, this.#baseMs, noiseMs, this.#probe);
    }
  }

  #compare(
    now: number,
    { calls, meanMs, throughput, inFlight }: WindowSummary,
    base: number,
    noiseMs: number,
  ): void {
    let baseMs = base;
    if (meanMs < baseMs) {
      baseMs += (meanMs - baseMs) * BASELINE_STEP;
      this.#baseMs = baseMs;
      this.#baseCalls = Math.min(MAX_BASELINE_CALLS, this.#baseCalls + calls * BASELINE_STEP);
    }
    const wasCreeping = this.#isCreeping;
    this.#isCreeping = meanMs > CREEP_AT * baseMs + noiseMs;
    if (wasCreeping && !this.#isCreeping) this.#curveFrom(now, this.#limit);
    this.#windowsSinceProbe++;
    const isSlow = meanMs > PROBE_AT * baseMs + noiseMs;
    if (!(isSlow || this.#isProbeDue) || this.#limit <= this.#min || inFlight * 2 < this.#limit) return;
    this.#probe = { throughput, calls, limit: this.#limit };
    this.#limit = Math.max(this.#min, this.#limit * PROBE_CUT);
    this.#settleUntil = now + PROBE_SETTLE * meanMs;
  }

  /** Slow start needs no probe: it ends by itself. */
  get #isProbeDue(): boolean {
    if (this.#isCreeping) return this.#windowsSinceProbe >= PROBE_EVERY / 2;
    return !this.#isSlowStart && this.#windowsSinceProbe >= PROBE_EVERY;
  }

  #endProbe(now: number, seen: WindowSummary, baseMs: number, noiseMs: number, before: Probe): void {
    const { calls, meanMs, variation, throughput, inFlight } = seen;
    this.#probe = undefined;
    this.#windowsSinceProbe = 0;
    if (inFlight * 2 < this.#limit) {
      // Less than the lowered limit was used, so the probe proved nothing.
      this.#limit = before.limit;
      return;
    }
    let newBaseMs = Math.min(baseMs, meanMs);
    // With uneven calls one window proves little. Losing a limit that was right would cost more than a queue.
    const chance = NOISE * variation * Math.sqrt(1 / calls + 1 / before.calls);
    const fell = Math.min(1, Math.max(FELL, 2 * FELL - 1 + chance));
    if (throughput < before.throughput * fell) {
      newBaseMs = Math.min(meanMs, 2 * baseMs);
      this.#baseCalls = calls;
      this.#limit = Math.max(this.#limit, before.limit);
    } else {
      const enough = throughput * newBaseMs * HEAD_ROOM + 1;
      this.#isSlowStart = false;
      this.#limit = Math.max(this.#min, this.#limit * MOST_LOWERED, Math.min(this.#limit, enough));
    }
    this.#baseMs = newBaseMs;
    this.#isCreeping = meanMs > CREEP_AT * newBaseMs + noiseMs;
    this.#curveFrom(now, this.#limit);
    this.#settleUntil = now + meanMs;
  }
}
