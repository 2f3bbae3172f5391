/**
 * Variants: the ways of running one sample that `heddle bench` compares, and which of them are worth
 * measuring.
 *
 *   loop                   a plain loop that awaits one task after the other on the main thread: what a user
 *                          has without heddle, and the baseline of every speed-up
 *   inline                 heddle on the main thread
 *   1, 2, … n threads      with automatic chunks; beyond four only powers of two and n. If tasks wait, only n
 *   n threads, chunk k     if tasks are so short that chunks matter, and enough of them to fill every thread
 *   inline and n threads   at 4n, 16n and 64n tasks at once, if tasks wait: at most half the sample, so that
 *                          places are used more than once
 *
 * Lists that the user gives replace these. The most important come first: when time is short, the last are
 * left out. The table has an order of its own (`byPlace`).
 */

import { plural } from '../text/durations.js';

/** One way of running the sample. */
export interface Variant {
  /** As the table shows it; no two are the same. */
  readonly name: string;
  readonly kind: 'loop' | 'inline' | 'threads';
  /** 1 for the main thread. */
  readonly threads: number;
  readonly concurrency: number;
  readonly chunk: number | 'auto';
  /** Flags of `heddle run`; undefined for the loop. */
  readonly flags: readonly string[] | undefined;
}

export interface VariantRequest {
  /** Processors: the number of threads of `heddle run` without flags. */
  readonly cores: number;
  readonly sampleCount: number;
  /** Mean time of one task in the loop. */
  readonly taskMs: number;
  /** Mean size of input and value. */
  readonly taskBytes: number;
  /** Tasks wait rather than compute. */
  readonly waits: boolean;
  readonly threads: readonly number[] | undefined;
  readonly chunks: readonly (number | 'auto')[] | undefined;
  readonly concurrencies: readonly number[] | undefined;
}

const ONE = { threads: 1, concurrency: 1, chunk: 1 };
export const LOOP: Variant = { name: 'plain loop', kind: 'loop', ...ONE, flags: undefined };

const CHUNKS = [1, 16, 256];
const TIMES_THREADS = [4, 16, 64];
/** About what a message to a thread costs. Chunks with more messages than this show nothing new. */
const MESSAGE_MS = 0.05;
const MOST_MESSAGES_MS = 1000;
/** Larger messages only cost memory. */
const MOST_CHUNK_BYTES = 16e6;
/** About how much work an automatic chunk holds. */
const CHUNK_MS = 10;

/** The variants to measure, the most important first. */
export function chooseVariants(request: VariantRequest): Variant[] {
  const { cores } = request;
  const counts = request.threads ?? threadCounts(cores);
  const top = Math.max(...counts);
  const fewer = request.waits && request.threads === undefined ? [] : counts;
  const all = [
    LOOP,
    variantOf(cores, 'threads', top),
    variantOf(cores, 'inline', 1),
    ...fewer.filter((count) => count === 1).map((count) => variantOf(cores, 'threads', count)),
    ...concurrencies(request, top).flatMap((concurrency) => [
      variantOf(cores, 'threads', top, { concurrency }),
      variantOf(cores, 'inline', 1, { concurrency }),
    ]),
    ...chunks(request, top).map((chunk) => variantOf(cores, 'threads', top, { chunk })),
    ...fewer.map((count) => variantOf(cores, 'threads', count)),
  ];
  return [...new Map(all.map((variant) => [variant.name, variant])).values()];
}

function variantOf(
  cores: number,
  kind: 'inline' | 'threads',
  threads: number,
  { concurrency = threads, chunk = 'auto' }: Partial<Pick<Variant, 'concurrency' | 'chunk'>> = {},
): Variant {
  const base = kind === 'inline' ? ['--inline'] : threads === cores ? [] : [`-t ${threads}`];
  const more = [
    ...(concurrency === threads ? [] : [`-c ${concurrency}`]),
    ...(chunk === 'auto' ? [] : [`--chunk ${chunk}`]),
  ];
  return {
    name: [kind === 'inline' ? kind : plural(threads, 'thread'), ...more]
      .join(', ')
      .replace('--chunk', 'chunk'),
    kind,
    threads,
    concurrency,
    chunk,
    flags: [...base, ...more].flatMap((flag) => flag.split(' ')),
  };
}

/** Compares by the place in the table. */
export function byPlace(a: Variant, b: Variant): number {
  const kindOf = ({ kind }: Variant) => ['loop', 'inline', 'threads'].indexOf(kind);
  const chunkOf = ({ chunk }: Variant) => (chunk === 'auto' ? 0 : chunk);
  return (
    kindOf(a) - kindOf(b) || a.threads - b.threads || a.concurrency - b.concurrency || chunkOf(a) - chunkOf(b)
  );
}

function threadCounts(cores: number): number[] {
  const counts = [1, 2, 3, 4].filter((count) => count <= cores);
  for (let count = 8; count < cores; count *= 2) counts.push(count);
  return counts.includes(cores) ? counts : [...counts, cores];
}

function concurrencies(
  { concurrencies: asked, waits, sampleCount }: VariantRequest,
  threads: number,
): number[] {
  if (asked !== undefined) return [...asked];
  if (!waits) return [];
  const counts = TIMES_THREADS.map((times) => times * threads).filter((count) => count <= sampleCount / 2);
  // A small sample can still be run all at once.
  return counts.length > 0 || sampleCount <= threads ? counts : [sampleCount];
}

function chunks(
  { chunks: asked, waits, sampleCount, taskMs, taskBytes }: VariantRequest,
  threads: number,
): (number | 'auto')[] {
  if (asked !== undefined) return [...asked];
  if (waits || taskMs >= CHUNK_MS) return [];
  return CHUNKS.filter(
    (chunk) =>
      chunk * threads * 2 <= sampleCount &&
      chunk * taskMs <= CHUNK_MS * 10 &&
      (chunk === 1 || chunk * taskBytes <= MOST_CHUNK_BYTES) &&
      (sampleCount / chunk) * MESSAGE_MS <= MOST_MESSAGES_MS,
  );
}
