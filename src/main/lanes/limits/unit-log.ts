/**
 * Counts units (tokens, points, seconds) over a sliding span of time.
 *
 * Units of nearly the same time share a bucket, so memory does not grow with the traffic. A bucket counts in
 * full until its youngest unit is one span old. So the sum is never too small, and a unit may count for up to
 * 1/BUCKETS of the span too long.
 */

const BUCKETS = 256;
/** Upper bound of the live buckets: a span of them one width apart, one at each end, one to write to. */
const CAPACITY = BUCKETS + 3;

/** A sum over the last `spanMs`. Times are ms of one monotonic clock and never decrease from call to call. */
export class UnitLog {
  readonly #spanMs: number;
  readonly #widthMs: number;
  readonly #begin = new Float64Array(CAPACITY);
  readonly #youngest = new Float64Array(CAPACITY);
  readonly #units = new Float64Array(CAPACITY);
  /** Position of the oldest bucket. */
  #first = 0;
  #count = 0;
  #sum = 0;

  constructor(spanMs: number) {
    this.#spanMs = spanMs;
    this.#widthMs = spanMs / BUCKETS;
  }

  add(now: number, units: number): void {
    this.#expire(now);
    const newest = this.#at(this.#count - 1);
    if (this.#count > 0 && now - (this.#begin[newest] as number) < this.#widthMs) {
      this.#youngest[newest] = now;
      this.#units[newest] = (this.#units[newest] as number) + units;
    } else {
      const next = this.#at(this.#count++);
      this.#begin[next] = now;
      this.#youngest[next] = now;
      this.#units[next] = units;
    }
    this.#sum += units;
  }

  /** Removes units, the oldest first: the rest then counts for longer, which errs on the safe side. */
  remove(now: number, units: number): void {
    this.#expire(now);
    let rest = Math.min(units, this.#sum);
    while (rest > 0 && this.#count > 0) {
      const inFirst = this.#units[this.#first] as number;
      if (inFirst > rest) {
        this.#units[this.#first] = inFirst - rest;
        this.#sum -= rest;
        return;
      }
      rest -= inFirst;
      this.#sum -= inFirst;
      this.#first = this.#at(1);
      this.#count--;
    }
    if (this.#count === 0) this.#sum = 0;
  }

  /** Returns ms until the sum is at most `most` (not negative), if nothing is added. */
  wait(now: number, most: number): number {
    this.#expire(now);
    let left = this.#sum;
    for (let index = 0; left > most && index < this.#count; index++) {
      const bucket = this.#at(index);
      left -= this.#units[bucket] as number;
      // After the last bucket nothing is left, whatever rounding says.
      if (left <= most || index === this.#count - 1)
        return (this.#youngest[bucket] as number) + this.#spanMs - now;
    }
    return 0;
  }

  #at(index: number): number {
    return (this.#first + index + CAPACITY) % CAPACITY;
  }

  #expire(now: number): void {
    if (this.#count === 0 || now < (this.#youngest[this.#first] as number) + this.#spanMs) return;
    while (this.#count > 0 && now >= (this.#youngest[this.#first] as number) + this.#spanMs) {
      this.#first = this.#at(1);
      this.#count--;
    }
    this.#addUp();
  }

  /** Sums up from scratch, so that rounding errors last no longer than a bucket. */
  #addUp(): void {
    this.#sum = 0;
    for (let index = 0; index < this.#count; index++) this.#sum += this.#units[this.#at(index)] as number;
  }
}
