/**
 * The feed: rows of all sources become the inputs of one run.
 *
 * A row that cannot be used becomes an unusable input, which the run turns into a failed task. Rows are kept
 * until the outcome of their task is taken, for `--failed-out` and for messages; the window of the run bounds
 * their number.
 */

import { HeddleError, type HeddleErrorCode, taskKey, unusableInput } from '../../main/index.js';
import { UsageError } from '../shell/exit-codes.js';
import type { KeyFunction } from '../shell/keys.js';
import { asyncInputs, contentOf, type InputSource, type Row } from './input-source.js';

/** What a feed needs. */
export interface FeedOptions {
  /** Undefined when keys need no check. */
  readonly keyOf: KeyFunction | undefined;
  /**
   * Whether rows are kept until their outcome is taken. `in-order`: outcomes come in input order, so a row
   * that was passed over, such as one of another shard, is released. `no`: some rows have no outcome, and it
   * is unknown which.
   */
  readonly keeps: 'all' | 'in-order' | 'no';
}

/** Rows that are kept after their outcome was taken: events arrive a moment after outcomes. */
const RECENT = 16;

/** Reads the inputs of one run. */
export class Feed {
  /** The first input. */
  first: unknown;
  readonly #sources: readonly InputSource[];
  readonly #options: FeedOptions;
  /** By index. */
  readonly #pending = new Map<number, Row>();
  readonly #recent: { readonly index: number; readonly row: Row | undefined }[] = [];
  /** Where each key was first seen. */
  readonly #keys = new Map<string, string>();
  /** Rows read so far. */
  #read = 0;
  /** Outcomes taken so far. */
  #taken = 0;
  /** Rows below this index are released, in input order. */
  #oldest = 0;

  constructor(sources: readonly InputSource[], options: FeedOptions) {
    this.#sources = sources;
    this.#options = options;
  }

  /** The inputs, read as far as the run asks. */
  inputs(): Iterable<unknown> | AsyncIterable<unknown> {
    return this.#sources.every((source) => source.isSync)
      ? this.#sync()
      : asyncInputs(this.#sources, (source, row) => this.#give(source, row));
  }

  /** The row of a task that has no outcome yet, or received it a moment ago. */
  peek(index: number): Row | undefined {
    return this.#pending.get(index) ?? this.#recent.find((task) => task.index === index)?.row;
  }

  /** Removes and returns the row of an outcome. */
  take(index: number): Row | undefined {
    const row = this.#pending.get(index);
    this.#pending.delete(index);
    if (this.#options.keeps === 'in-order') while (this.#oldest < index) this.#pending.delete(this.#oldest++);
    this.#recent[this.#taken++ % RECENT] = { index, row };
    return row;
  }

  *#sync(): Generator<unknown, void> {
    for (const source of this.#sources) {
      for (const row of source.open() as Iterable<Row>) yield this.#give(source, row);
    }
  }

  /** The input of a row, or an unusable one. */
  #give(source: InputSource, row: Row): unknown {
    const error = this.#problem(source, row);
    const index = this.#read++;
    if (this.#options.keeps !== 'no') this.#pending.set(index, row);
    if (error !== undefined) return unusableInput(error, { key: taskKey(contentOf(row)) });
    this.first ??= row.input;
    return row.input;
  }

  /** @throws UsageError when a row of a checked file can no longer be read */
  #problem(source: InputSource, row: Row): Error | undefined {
    const { problem } = row;
    if (problem === undefined) return this.#keyProblem(source, row);
    if (source.isRepeatable)
      throw new UsageError(`${source.place(row.line)} changed after it was checked: ${problem.reason}`);
    const error = rowError('HEDDLE_BAD_INPUT', source, row, problem.reason, problem.column);
    return problem.text === '' ? error : Object.assign(error, { text: problem.text });
  }

  #keyProblem(source: InputSource, row: Row): Error | undefined {
    const { keyOf } = this.#options;
    if (keyOf === undefined) return undefined;
    let key: string;
    try {
      key = keyOf(row.input);
    } catch (error) {
      return rowError('HEDDLE_INVALID_KEY', source, row, (error as Error).message);
    }
    const first = this.#keys.get(key);
    if (first === undefined) {
      this.#keys.set(key, source.place(row.line));
      return undefined;
    }
    const reason = `the key "${key}" is that of ${first} already; a key names one task`;
    return rowError('HEDDLE_DUPLICATE_KEY', source, row, reason);
  }
}

function rowError(
  code: HeddleErrorCode,
  source: InputSource,
  { line }: Row,
  reason: string,
  column?: number,
): Error {
  const place = `${source.place(line)}${column === undefined ? '' : `:${column}`}`;
  const error = new HeddleError(code, `${place}: ${reason}`);
  // The stack would only show where heddle read the row.
  Object.defineProperty(error, 'stack', { value: undefined });
  return Object.assign(error, { line });
}
