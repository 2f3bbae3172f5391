/**
 * Blocks: the outcomes of consecutive tasks on their way from settling to the consumer.
 *
 * Tasks that succeeded together stay together, as the columns in which their thread reported them. An Outcome
 * object is made when the consumer takes it; a consumer of values never pays for one.
 */

import { decodeValue, type EncodedValue, encodeValue } from '../../protocol/encoded-value.js';
import {
  type Failed,
  type Outcome,
  succeeded,
  type Unfinished,
  unsuccessful,
} from '../../protocol/outcome.js';
import { reviveError, type SerializedError, serializeError } from '../../protocol/serialized-error.js';
import type { NewRecord, OutcomeOnDisk } from '../../session/record.js';
import type { Recorded } from '../../session/recorded.js';
import type { RecordableBlock } from '../../session/recorder.js';
import { type Chunk, type ChunkTasks, explicitKeyOf, indexOf } from '../executor/chunk.js';

/** Outcomes of consecutive tasks with the same status. */
export interface OutcomeBlock {
  /** Index of the first in the batch; the others follow it without a gap. */
  readonly first: number;
  readonly length: number;
  readonly status: Outcome['status'];
  /** From an earlier run of the session. */
  readonly isResumed: boolean;
  /** The i-th outcome. */
  at(i: number): Outcome;
  /** Value of the i-th task, if it succeeded. */
  valueAt(i: number): unknown;
}

/** What a thread reported of tasks that succeeded. */
export interface SuccessColumns {
  /** Position of the first in its chunk. */
  readonly from: number;
  readonly length: number;
  readonly values: readonly unknown[];
  readonly times: Float64Array;
  /** Position of the first in `values` and `times`. */
  readonly offset: number;
  /** Added to `times`: ms since the epoch. */
  readonly origin: number;
  readonly workerId: number;
  readonly isEncoded: boolean;
}

/** What a block needs to know of its tasks. */
type BlockTasks = ChunkTasks & Pick<Chunk, 'attempt'>;

/** A block of tasks that succeeded, as columns. */
export class SucceededBlock implements OutcomeBlock, RecordableBlock {
  readonly status = 'succeeded';
  readonly isResumed = false;
  readonly #chunk: BlockTasks;
  readonly #columns: SuccessColumns;

  constructor(chunk: BlockTasks, columns: SuccessColumns) {
    this.#chunk = chunk;
    this.#columns = columns;
  }

  get first(): number {
    return indexOf(this.#chunk, this.#columns.from);
  }

  get length(): number {
    return this.#columns.length;
  }

  at(i: number): Outcome {
    const { offset, times, origin, workerId } = this.#columns;
    const { index, key, input } = taskOf(this.#chunk, this.#columns.from + i);
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

  valueAt(i: number): unknown {
    const value = this.#columns.values[this.#columns.offset + i];
    return this.#columns.isEncoded ? decodeValue(value as EncodedValue) : value;
  }

  recordAt(i: number): NewRecord {
    const { offset, times, origin, workerId, values, from } = this.#columns;
    const { index, key } = taskOf(this.#chunk, from + i);
    const beganAt = times[offset + i] as number;
    return {
      key: key as string,
      index,
      status: 'succeeded',
      attempts: this.#chunk.attempt,
      startedAt: origin + beganAt,
      durationMs: (times[offset + i + 1] as number) - beganAt,
      workerId,
      content: values[offset + i] as EncodedValue,
    };
  }
}

/** A block of one task that has no value. */
export class UnsuccessfulBlock implements OutcomeBlock, RecordableBlock {
  readonly length = 1;
  readonly isResumed = false;
  readonly #outcome: Failed | Unfinished;

  constructor(outcome: Outcome) {
    this.#outcome = outcome as Failed | Unfinished;
  }

  get first(): number {
    return this.#outcome.index;
  }

  get status(): Outcome['status'] {
    return this.#outcome.status;
  }

  at(): Outcome {
    return this.#outcome;
  }

  valueAt(): undefined {
    return undefined;
  }

  recordAt(): NewRecord {
    const { key, index, attempts, startedAt, durationMs, workerId, error } = this.#outcome;
    const content = encodeValue(serializeError(error));
    return { key, index, status: 'failed', attempts, startedAt, durationMs, workerId, content };
  }
}

/**
 * Tasks with the same status whose outcomes are in the session. The consumer's `take` reads them from disk.
 */
export class RecordedBlock implements OutcomeBlock {
  readonly isResumed = true;
  readonly first: number;
  readonly status: 'succeeded' | 'failed';
  readonly #recorded: Pick<Recorded, 'read'>;
  readonly #slots: readonly number[];

  constructor(
    first: number,
    status: 'succeeded' | 'failed',
    slots: readonly number[],
    recorded: Pick<Recorded, 'read'>,
  ) {
    this.first = first;
    this.status = status;
    this.#slots = slots;
    this.#recorded = recorded;
  }

  get length(): number {
    return this.#slots.length;
  }

  at(i: number): Outcome {
    return outcomeOf({ ...this.#read(i), index: this.first + i });
  }

  valueAt(i: number): unknown {
    return this.#read(i).value;
  }

  #read(i: number): OutcomeOnDisk {
    return this.#recorded.read(this.#slots[i] as number);
  }
}

/** An outcome from its record. */
export function outcomeOf(record: OutcomeOnDisk): Outcome {
  const { index, key, attempts, startedAt, durationMs, workerId } = record;
  if (record.status === 'succeeded') {
    // A task that ran had begun.
    return succeeded(
      index,
      record.value,
      attempts,
      startedAt ?? 0,
      durationMs,
      workerId ?? 0,
      key,
      undefined,
    );
  }
  const error = reviveError(record.error as SerializedError);
  return unsuccessful(
    'failed',
    error,
    { attempts, startedAt, durationMs, workerId },
    { index, key, input: undefined },
  );
}

/** A task of a chunk; its key is undefined when it is the hash of the input. */
export function taskOf(
  chunk: ChunkTasks,
  position: number,
): { index: number; key: string | undefined; input: unknown } {
  return {
    index: indexOf(chunk, position),
    key: explicitKeyOf(chunk, position),
    input: chunk.inputs[position],
  };
}
