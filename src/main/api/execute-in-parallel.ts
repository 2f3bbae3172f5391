/**
 * Helpers for those who have a list of operations and want it done: `executeInParallel`, `chunkForParallel`,
 * `getOptimalConcurrency`.
 *
 * They run on the caller's thread through the same coordinator as everything else: a sliding window, not a barrier per
 * chunk, so one slow operation never holds up the others.
 */

import { availableParallelism } from 'node:os';
import { OptionError } from '../../protocol/errors.js';
import { describe } from '../../protocol/serialized-error.js';
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

/**
 * Executes operations on the caller's thread, a bounded number at once. One that fails never stops the others.
 *
 * @throws {@link OptionError} HEDDLE_INVALID_OPTION; and the reason of `signal` when it is aborted
 * @example
 * const { results, errors, metrics } = await executeInParallel(ids.map((id) => () => load(id)), { concurrency: 10 });
 */
export async function executeInParallel<T>(
  operations: readonly (() => T | Promise<T>)[],
  options: ParallelOptions = {},
): Promise<ParallelResult<T>> {
  const wrong = operations.findIndex((operation) => typeof operation !== 'function');
  if (wrong !== -1) {
    throw new OptionError(
      'operations',
      `Expected operation ${wrong} to be a function, got ${describe(operations[wrong])}; wrap calls: () => load(id)`,
    );
  }
  const total = operations.length;
  const { concurrency = getOptimalConcurrency('io', total), onProgress, onError, signal } = options;
  const results = new Array<T | undefined>(total).fill(undefined);
  const errors: { index: number; error: Error }[] = [];
  let completed = 0;
  const runtime = createRuntime({ threads: 1 });
  const run = runtime.run((index: number) => operations[index]?.() as T | Promise<T>, operations.keys(), {
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

/**
 * Cuts a list into chunks that keep every lane busy: none larger than `size`, and at least two for each lane if the list is
 * long enough.
 *
 * @param size - most items of a chunk
 * @param concurrency - how many chunks will be worked on at once
 * @throws {@link OptionError} HEDDLE_INVALID_OPTION
 * @example chunkForParallel([1, 2, 3, 4, 5, 6, 7, 8], 1000, 2) // => [[1, 2], [3, 4], [5, 6], [7, 8]]
 */
export function chunkForParallel<T>(items: readonly T[], size: number, concurrency = 1): T[][] {
  for (const [name, value] of Object.entries({ size, concurrency })) {
    if (!Number.isInteger(value) || value < 1)
      throw new OptionError(
        name,
        `Expected \`${name}\` to be an integer of at least 1, got ${describe(value)}`,
      );
  }
  const lanes = concurrency === 1 ? 1 : concurrency * 2;
  const step = Math.max(1, Math.min(size, Math.ceil(items.length / lanes)));
  return Array.from({ length: Math.ceil(items.length / step) }, (_, i) =>
    items.slice(i * step, (i + 1) * step),
  );
}

/** What limits a batch: processors, or waiting for others (reads and writes of an API or database). */
export type OperationKind = 'cpu' | 'io' | 'read' | 'write';

const DEFAULT_CONCURRENCY = { io: 10, read: 10, write: 8 } as const;

/**
 * A sensible concurrency for operations of a kind.
 *
 * @param kind - `'cpu'`: the processors; `'io'`, `'read'`: 10; `'write'`: 8, because writers contend
 * @param items - never more than there are items
 * @param capacity - most that the other side can take, such as the size of a connection pool
 */
export function getOptimalConcurrency(
  kind: OperationKind,
  items: number = Number.POSITIVE_INFINITY,
  capacity: number = Number.POSITIVE_INFINITY,
): number {
  const wanted = kind === 'cpu' ? availableParallelism() : DEFAULT_CONCURRENCY[kind];
  return Math.max(1, Math.min(wanted, items, capacity));
}
