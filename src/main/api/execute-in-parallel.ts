/**
 * Helpers for those who have a list of operations and want it done: `executeInParallel`, `chunkForParallel`,
 * `getOptimalConcurrency`.
 *
 * They run on the caller's thread through the same coordinator as everything else: a sliding window, not a
 * barrier per chunk, so one slow operation never holds up the others.
 */

import { availableParallelism } from 'node:os';
import { integer, number, object, oneOf, optional, type Schema } from '../../text/schema.js';
import { abortSignal, callback, MAX_COUNT, resolveWith } from '../options/option-checks.js';
import { createRuntime } from './runtime.js';

/** Options of {@link executeInParallel}. */
export interface ParallelOptions {
  /** Operations in execution at once. @defaultValue `getOptimalConcurrency('io', operations.length)` */
  readonly concurrency?: number | undefined;
  /** Called after each operation, in the order in which they end. */
  readonly onProgress?: ((completed: number, total: number) => void) | undefined;
  /** Called for each operation that fails, with its place in the list. */
  readonly onError?: ((error: Error, index: number) => void) | undefined;
  /** Aborts the operations that have not started; the others go on unobserved. */
  readonly signal?: AbortSignal | undefined;
}

/** Figures of {@link executeInParallel}. Times in ms. */
export interface ParallelMetrics {
  readonly totalTime: number;
  /** Sum of the times of the operations: what they would take one after the other. */
  readonly sequentialEstimate: number;
  /** sequentialEstimate / totalTime */
  readonly speedupFactor: number;
  /** speedupFactor / concurrency; near 1 when all places were taken all the time. */
  readonly parallelEfficiency: number;
  readonly itemsPerSecond: number;
  /** Share of places that were taken, 0 to 1. */
  readonly connectionUtilization: number;
}

/** What {@link executeInParallel} answers. */
export interface ParallelResult<T> {
  /** One entry for each operation, in their order; undefined where it failed. */
  readonly results: (T | undefined)[];
  /** The failures, in the order of the operations. */
  readonly errors: { readonly index: number; readonly error: Error }[];
  readonly metrics: ParallelMetrics;
}

const OPERATIONS: Schema<readonly (() => unknown)[]> = (value, at) => {
  if (!Array.isArray(value)) return at.refuse('an array of functions', value);
  const wrong = value.findIndex((each) => typeof each !== 'function');
  if (wrong === -1) return value;
  return at.refuse(`functions such as () => load(id), number ${wrong} as well`, value[wrong]);
};
const PARALLEL_OPTIONS = object({
  concurrency: optional(integer(1, MAX_COUNT)),
  onProgress: optional(callback<NonNullable<ParallelOptions['onProgress']>>()),
  onError: optional(callback<NonNullable<ParallelOptions['onError']>>()),
  signal: optional(abortSignal),
});

/**
 * Executes operations on the caller's thread, a bounded number at once. One that fails never stops the
 * others.
 *
 * @throws {@link OptionError} HEDDLE_INVALID_OPTION; and the reason of `signal` when it is aborted
 * @example
 * const operations = ids.map((id) => () => load(id));
 * const { results, errors, metrics } = await executeInParallel(operations, { concurrency: 10 });
 */
export async function executeInParallel<T>(
  operations: readonly (() => T | Promise<T>)[],
  options: ParallelOptions = {},
): Promise<ParallelResult<T>> {
  const all = resolveWith(OPERATIONS, operations, 'executeInParallel', ['operations']);
  const given = resolveWith(PARALLEL_OPTIONS, options, 'executeInParallel');
  const total = all.length;
  const { concurrency = getOptimalConcurrency('io', total), onProgress, onError, signal } = given;
  const results = new Array<T | undefined>(total).fill(undefined);
  const errors: { index: number; error: Error }[] = [];
  let completed = 0;
  const runtime = createRuntime({ threads: 1 });
  const run = runtime.run((index: number) => all[index]?.() as T | Promise<T>, all.keys(), {
    concurrency,
    chunk: 1,
    total,
    signal,
    onOutcome: (outcome) => {
      if (outcome.status === 'succeeded') results[outcome.index] = outcome.value as T;
      else if (outcome.status === 'failed') {
        errors.push({ index: outcome.index, error: outcome.error });
        onError?.(outcome.error, outcome.index);
      }
      onProgress?.(++completed, total);
    },
  });
  const report = await run.report();
  if (report.status === 'aborted') throw signal?.reason ?? report.reason;
  errors.sort((a, b) => a.index - b.index);
  const totalTime = report.wallMs - report.startMs;
  return {
    results,
    errors,
    metrics: {
      totalTime,
      sequentialEstimate: report.busyMs,
      speedupFactor: report.speedup,
      parallelEfficiency: report.efficiency,
      itemsPerSecond: report.tasksPerSecond,
      connectionUtilization: Math.min(1, report.efficiency),
    },
  };
}

const CHUNK_OPTIONS = object({
  size: integer(1, Number.MAX_SAFE_INTEGER, 'an integer of at least 1'),
  concurrency: integer(1, Number.MAX_SAFE_INTEGER, 'an integer of at least 1'),
});

/**
 * Divides a list into chunks, at most `size` long, and at least two for each place of `concurrency` if the
 * list is long enough.
 *
 * @param size - most items of a chunk
 * @param concurrency - how many chunks will be processed at once
 * @throws {@link OptionError} HEDDLE_INVALID_OPTION
 * @example chunkForParallel([1, 2, 3, 4, 5, 6, 7, 8], 1000, 2) // => [[1, 2], [3, 4], [5, 6], [7, 8]]
 */
export function chunkForParallel<T>(items: readonly T[], size: number, concurrency = 1): T[][] {
  resolveWith(CHUNK_OPTIONS, { size, concurrency }, 'chunkForParallel');
  const places = concurrency === 1 ? 1 : concurrency * 2;
  const step = Math.max(1, Math.min(size, Math.ceil(items.length / places)));
  return Array.from({ length: Math.ceil(items.length / step) }, (_, i) =>
    items.slice(i * step, (i + 1) * step),
  );
}

/** What limits a batch: processors, or waiting for others (reads and writes of an API or a database). */
export type OperationKind = 'cpu' | 'io' | 'read' | 'write';

const DEFAULT_CONCURRENCY = { io: 10, read: 10, write: 8 } as const;
const COUNT = number(0, Number.POSITIVE_INFINITY, 'a number from 0');
const CONCURRENCY_OPTIONS = object({
  kind: oneOf('cpu', 'io', 'read', 'write'),
  items: COUNT,
  capacity: COUNT,
});

/**
 * Returns a sensible concurrency for operations of a kind.
 *
 * @param kind - `'cpu'`: the processors; `'io'`, `'read'`: 10; `'write'`: 8, because writers contend
 * @param items - the result is never more than this
 * @param capacity - most that the other side can take, such as the size of a connection pool
 * @throws {@link OptionError} HEDDLE_INVALID_OPTION
 */
export function getOptimalConcurrency(
  kind: OperationKind,
  items: number = Number.POSITIVE_INFINITY,
  capacity: number = Number.POSITIVE_INFINITY,
): number {
  resolveWith(CONCURRENCY_OPTIONS, { kind, items, capacity }, 'getOptimalConcurrency');
  const wanted = kind === 'cpu' ? availableParallelism() : DEFAULT_CONCURRENCY[kind];
  return Math.max(1, Math.min(wanted, items, capacity));
}
