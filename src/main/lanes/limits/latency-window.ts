/** A window of ended calls: their latency, its spread, and the throughput. */

/** The figures of a window. */
export interface WindowSummary {
  readonly calls: number;
  readonly meanMs: number;
  /** Standard deviation over mean. */
  readonly variation: number;
  /** Calls per ms. */
  readonly throughput: number;
  /** Mean number of calls in flight. */
  readonly inFlight: number;
}

/** Adds up calls. */
export class LatencyWindow {
  #calls = 0;
  #sum = 0;
  #squares = 0;
  #inFlight = 0;
  #since = 0;

  get calls(): number {
    return this.#calls;
  }

  add(durationMs: number, inFlight: number): void {
    this.#calls++;
    this.#sum += durationMs;
    this.#squares += durationMs * durationMs;
    this.#inFlight += inFlight;
  }

  /** Discards all calls. */
  restart(now: number): void {
    this.#calls = 0;
    this.#sum = 0;
    this.#squares = 0;
    this.#inFlight = 0;
    this.#since = now;
  }

  /** Returns the figures of the window, which must have a call, and begins the next one. */
  close(now: number): WindowSummary {
    const calls = this.#calls;
    const meanMs = this.#sum / calls;
    const variance = Math.max(0, this.#squares / calls - meanMs * meanMs);
    const summary: WindowSummary = {
      calls,
      meanMs,
      variation: Math.sqrt(variance) / meanMs,
      throughput: calls / Math.max(1, now - this.#since),
      inFlight: this.#inFlight / calls,
    };
    this.restart(now);
    return summary;
  }
}
