/**
 * A histogram of times with a bounded relative error, recorded once or twice for every task.
 *
 * The bucket is read off the bits of the number itself: exponent and the first 6 bits of the mantissa, so a
 * bucket is at most 1/64 wide, relative to its value. That costs some 2 ns, where
 * `perf_hooks.createHistogram` costs 16 and small tasks cost 100 in all.
 *
 *   float64 bits:  sign 1 | exponent 11 | mantissa 52
 *   bucket       = exponent and 6 bits of mantissa, counted from the bucket of 2^-20 ms (about a nanosecond)
 */

const MANTISSA_BITS = 6;
const SHIFT = 20 - MANTISSA_BITS;
const LEAST = 2 ** -20;
const BUCKETS = 64 << MANTISSA_BITS;

const float = new Float64Array(1);
const words = new Uint32Array(float.buffer);
const HIGH = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0;

/** Times in ms. */
export class Histogram {
  count = 0;
  max = 0;
  readonly #buckets = new Uint32Array(BUCKETS);

  record(ms: number): void {
    this.count++;
    if (ms > this.max) this.max = ms;
    const bucket = bucketOf(ms);
    this.#buckets[bucket] = (this.#buckets[bucket] as number) + 1;
  }

  /** The time that a share of the records, 0 to 1, does not exceed; 0 when there are none. */
  percentile(share: number): number {
    const wanted = Math.max(1, Math.ceil(this.count * share));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#buckets[bucket] as number;
      if (seen >= wanted) return Math.min(this.max, middleOf(bucket));
    }
    return this.max;
  }
}

function bitsOf(ms: number): number {
  float[0] = ms;
  return (words[HIGH] as number) >>> SHIFT;
}

const FIRST = bitsOf(LEAST);

function bucketOf(ms: number): number {
  if (!(ms > LEAST)) return 0;
  return Math.min(bitsOf(ms) - FIRST, BUCKETS - 1);
}

function middleOf(bucket: number): number {
  if (bucket === 0) return 0;
  const edge = (index: number) => {
    words[HIGH] = (FIRST + index) << SHIFT;
    words[1 - HIGH] = 0;
    return float[0] as number;
  };
  return (edge(bucket) + edge(bucket + 1)) / 2;
}
