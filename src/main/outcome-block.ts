/**
 * Blocks: the outcomes of consecutive tasks on their way from settling to the consumer.
 *
 * Tasks that succeeded together stay together, as the columns in which their thread reported them. An Outcome object is made
 * when the consumer takes it; who only wants values never pays for one.
 */

import { type Outcome, succeeded } from '../protocol/outcome.js';
import { isTransfer } from '../protocol/transfer.js';
import type { Chunk } from './executor/executor.js';

/** Outcomes of consecutive tasks with the same status. */
export interface OutcomeBlock {
  /** Place of the first in the order in which tasks were read. */
  readonly ordinal: number;
  readonly length: number;
  readonly status: Outcome['status'];
  /** The i-th outcome. */
  at(i: number): Outcome;
  /** Index of the i-th task in the batch. */
  indexAt(i: number): number;
  /** Value of the i-th task, if it succeeded. */
  valueAt(i: number): unknown;
}

/** What a thread told of tasks that succeeded. */
export interface SuccessColumns {
  /** Position of the first in its chunk. */
  readonly from: number;
  readonly length: number;
  readonly values: readonly unknown[];
  readonly times: Float64Array;
  /** Where the first stands in `values` and `times`. */
  readonly offset: number;
  /** Of `times`, in ms since the epoch. */
  readonly origin: number;
  readonly workerId: number;
}

/** A block of tasks that succeeded, as columns. */
export class SucceededBlock implements OutcomeBlock {
  readonly status = 'succeeded';
  readonly #chunk: Chunk;
  readonly #columns: SuccessColumns;

  constructor(chunk: Chunk, columns: SuccessColumns) {
    this.#chunk = chunk;
    this.#columns = columns;
  }

  get ordinal(): number {
    return this.#chunk.ordinal + this.#columns.from;
  }

  get length(): number {
    return this.#columns.length;
  }

  at(i: number): Outcome {
    const { offset, times, origin, workerId } = this.#columns;
    const { index, key, input } = identityOf(this.#chunk, this.#columns.from + i);
    const beganAt = times[offset + i] as number;
    const durationMs = (times[offset + i + 1] as number) - beganAt;
    return succeeded(
      index,
      this.valueAt(i),
      this.#chunk.attempt,
      origin + beganAt,
      durationMs,
      workerId,
      key,
      input,
    );
  }

  indexAt(i: number): number {
    return indexOf(this.#chunk, this.#columns.from + i);
  }

  valueAt(i: number): unknown {
    return this.#columns.values[this.#columns.offset + i];
  }
}

/** A block of one task that has no value. */
export class UnsuccessfulBlock implements OutcomeBlock {
  readonly ordinal: number;
  readonly length = 1;
  readonly #outcome: Outcome;

  constructor(ordinal: number, outcome: Outcome) {
    this.ordinal = ordinal;
    this.#outcome = outcome;
  }

  get status(): Outcome['status'] {
    return this.#outcome.status;
  }

  at(): Outcome {
    return this.#outcome;
  }

  indexAt(): number {
    return this.#outcome.index;
  }

  valueAt(): undefined {
    return undefined;
  }
}

/** The identity of a task of a chunk; its key is undefined when it is the hash of the input. */
export function identityOf(
  chunk: Chunk,
  position: number,
): { index: number; key: string | undefined; input: unknown } {
  const index = indexOf(chunk, position);
  const input = chunk.inputs[position];
  return {
    index,
    key: chunk.keys?.[position] ?? (isTransfer(input) ? transferredKey(index) : undefined),
    input,
  };
}

function indexOf(chunk: Chunk, position: number): number {
  return chunk.indexes?.[position] ?? chunk.ordinal + position;
}

/** A moved input is gone and cannot be hashed; without a key function its place has to name it. */
function transferredKey(index: number): string {
  return `transferred-${index}`;
}
