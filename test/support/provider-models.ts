/** Providers that count calls, each in its own way, and what a test needs to call them in virtual time. */

/** A repeatable sequence of numbers in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Answers whether a call that arrives at this time is let in. Times ascend. */
export type Provider = (at: number) => boolean;

/** At most `limit` calls in any `perMs`. */
export function slidingLog(limit: number, perMs: number): Provider {
  const arrivals: number[] = [];
  let oldest = 0;
  return (at) => {
    while (oldest < arrivals.length && (arrivals[oldest] as number) <= at - perMs) oldest++;
    if (arrivals.length - oldest >= limit) return false;
    arrivals.push(at);
    return true;
  };
}

/** At most `limit` calls in each window of a grid. */
export function fixedWindow(limit: number, perMs: number, offset: number): Provider {
  let current = Number.NaN;
  let count = 0;
  return (at) => {
    const window = Math.floor((at + offset) / perMs);
    if (window !== current) count = 0;
    current = window;
    if (count >= limit) return false;
    count++;
    return true;
  };
}

/** The window of a grid, and the one before by the part of it that is not yet over. */
export function slidingCounter(limit: number, perMs: number, offset: number): Provider {
  let current = Number.NaN;
  let count = 0;
  let before = 0;
  return (at) => {
    const window = Math.floor((at + offset) / perMs);
    if (window !== current) {
      before = window === current + 1 ? count : 0;
      count = 0;
      current = window;
    }
    const part = (at + offset) / perMs - window;
    if (before * (1 - part) + count >= limit) return false;
    count++;
    return true;
  };
}

/** A bucket of `size` that fills with `limit` per `perMs`. */
export function bucket(limit: number, perMs: number, size: number): Provider {
  let tokens = size;
  let last = Number.NEGATIVE_INFINITY;
  return (at) => {
    tokens = Math.min(size, tokens + ((at - last) * limit) / perMs);
    last = at;
    if (tokens < 1 - 1e-9) return false;
    tokens--;
    return true;
  };
}

/** Things that happen at a time, in virtual time. */
export class VirtualTime {
  readonly #events: { readonly at: number; readonly happen: () => void }[] = [];
  now = 0;

  at(time: number, happen: () => void): void {
    let index = this.#events.length;
    while (index > 0 && (this.#events[index - 1] as { at: number }).at > time) index--;
    this.#events.splice(index, 0, { at: time, happen });
  }

  /** Until nothing is left to happen, or time is up. */
  run(endMs: number = Number.POSITIVE_INFINITY): void {
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
      if (next.at > endMs) return;
      this.now = next.at;
      next.happen();
    }
  }
}
