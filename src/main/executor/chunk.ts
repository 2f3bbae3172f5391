/**
 * Chunks: consecutive tasks on the same attempt, which travel to a thread in one message.
 *
 * Everything that makes, joins, splits or names a chunk is here.
 */

import { now } from '../../protocol/control-cell.js';
import type { ChunkRequest, Job } from '../../protocol/messages.js';
import { isTransfer } from '../../protocol/transfer.js';

/** Tasks and what names them. */
export interface ChunkTasks {
  /** Index of the first task. */
  readonly first: number;
  /** Index of each task, ascending; undefined when they follow the first without a gap. */
  readonly indexes: readonly number[] | undefined;
  readonly inputs: readonly unknown[];
  readonly keys: readonly string[] | undefined;
}

/** Consecutive tasks on the same attempt. */
export interface Chunk extends ChunkTasks {
  /** Hashes of the inputs as they were read, or {@link NOT_CACHED}, when values are to be cached. */
  readonly hashes: readonly string[] | undefined;
  readonly attempt: number;
  /** Attempts of its one task that were not counted: a provider was to blame, not the task. */
  readonly refunds: number;
  /** The account of the lane that it uses. */
  readonly account: string | undefined;
  /** Its one task has submitted this job: ask what became of it. */
  readonly job: Job | undefined;
  /** Execute it in a thread of its own: a thread died, and this task may be why. */
  readonly isolated: boolean;
  /** An attempt at its one task was cut off, in this run or in an earlier one of the session. */
  readonly interrupted: boolean;
  /** How often it came back without an attempt and with nothing to blame; such a task travels alone. */
  readonly troubles: number;
  /** When its tasks became ready to run, ms since the epoch. */
  readonly readyAt: number;
}

/** In place of a hash: the value of this task is not cached. */
export const NOT_CACHED = '';

/** Tasks that were read and begin with their first attempt. */
export type FreshTasks = ChunkTasks & Pick<Chunk, 'hashes' | 'interrupted' | 'job'>;

/** What changes when a task runs again. */
export type ChunkChanges = Partial<
  Pick<Chunk, 'attempt' | 'refunds' | 'job' | 'isolated' | 'troubles' | 'interrupted'>
>;

/** A chunk of tasks that were just read. */
export function freshChunk({ first, indexes, inputs, keys, hashes, interrupted, job }: FreshTasks): Chunk {
  return {
    first,
    indexes,
    inputs,
    keys,
    hashes,
    attempt: 1,
    refunds: 0,
    account: undefined,
    job,
    isolated: false,
    interrupted,
    troubles: 0,
    readyAt: now(),
  };
}

/** One task of a chunk, to run by itself. */
export function single(chunk: Chunk, position: number, changes: ChunkChanges = {}): Chunk {
  const key = chunk.keys?.[position];
  return {
    ...chunk,
    first: indexOf(chunk, position),
    indexes: undefined,
    inputs: [chunk.inputs[position]],
    keys: key === undefined ? undefined : [key],
    hashes: chunk.hashes === undefined ? undefined : [chunk.hashes[position] as string],
    ...changes,
  };
}

/** Tasks that follow each other in the batch, as one chunk. */
export function joined(tasks: readonly Chunk[]): Chunk {
  const [first] = tasks as readonly [Chunk];
  if (tasks.length === 1) return first;
  return {
    ...first,
    inputs: tasks.map(({ inputs }) => inputs[0]),
    keys: first.keys === undefined ? undefined : tasks.flatMap(({ keys }) => keys ?? []),
    hashes: first.hashes === undefined ? undefined : tasks.flatMap(({ hashes }) => hashes ?? []),
  };
}

/** The task travels in a message of its own. */
export function isAlone({ troubles, interrupted, job }: Chunk): boolean {
  return troubles > 0 || interrupted || job !== undefined;
}

/** Index of a task of a chunk. */
export function indexOf(chunk: Pick<Chunk, 'first' | 'indexes'>, position: number): number {
  return chunk.indexes?.[position] ?? chunk.first + position;
}

/** Name of a task of a chunk; undefined when its key is the hash of its input. */
export function explicitKeyOf(chunk: ChunkTasks, position: number): string | undefined {
  const key = chunk.keys?.[position];
  // A moved input is gone and cannot be hashed; without a key function, its position names it.
  if (key === undefined && isTransfer(chunk.inputs[position]))
    return `transferred-${indexOf(chunk, position)}`;
  return key;
}

/** How many tasks from a position on follow each other in the batch. */
export function gaplessLength({ indexes }: Pick<Chunk, 'indexes'>, from: number, most: number): number {
  if (indexes === undefined) return most;
  const first = indexes[from] as number;
  let length = 1;
  while (length < most && indexes[from + length] === first + length) length++;
  return length;
}

/** What a chunk does not know of its own execution. */
export type ExecutionSettings = Pick<
  ChunkRequest,
  'id' | 'runId' | 'module' | 'version' | 'timeoutMs' | 'isExclusive' | 'budgetMs' | 'isEncoded' | 'cell'
>;

/**
 * Returns the message that requests the execution of a chunk.
 *
 * @param inputs - its inputs, as the task receives them
 */
export function requestFor(
  { first, indexes, keys, account, attempt, interrupted, job }: Chunk,
  inputs: readonly unknown[],
  settings: ExecutionSettings,
): ChunkRequest {
  const { id, runId, module, version, timeoutMs, isExclusive, budgetMs, isEncoded, cell } = settings;
  // Spelled out: spreads would cost as much as the rest of a small chunk.
  return {
    type: 'chunk',
    id,
    runId,
    module,
    version,
    first,
    indexes,
    inputs,
    keys,
    account,
    attempt,
    timeoutMs,
    isExclusive,
    budgetMs,
    isEncoded,
    interrupted,
    job,
    cell,
  };
}
