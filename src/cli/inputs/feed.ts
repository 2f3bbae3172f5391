/**
 * The feed: rows of all sources become the inputs of one run.
 *
 * The runtime sees good inputs only. A row of a stream that cannot be used becomes a failed task without the runtime's knowing, so
 * there are two countings: the ordinal is the position among the good inputs (what the runtime calls index), the index is the
 * position in the batch (what is shown). `indexOf` translates. In a batch without bad rows the two are the same.
 *
 * Inputs are kept from the moment they are read until their outcome is taken; the window of the run bounds how many.
 */

import { UsageError } from '../shell/exit-codes.js';
import type { KeyFunction } from '../shell/keys.js';
import type { InputSource, Problem, Row } from './input-source.js';

/** A row of a stream that cannot be used. */
export interface BadRow {
  /** Position in the batch. */
  readonly index: number;
  /** Good inputs before it. */
  readonly ordinal: number;
  /** "stdin:3" */
  readonly place: string;
  readonly line: number;
  readonly code: 'HEDDLE_BAD_INPUT' | 'HEDDLE_INVALID_KEY' | 'HEDDLE_DUPLICATE_KEY';
  readonly problem: Problem;
  /** The parsed input, when only its key is wrong. */
  readonly input: unknown;
}

/** What a feed needs. */
export interface FeedOptions {
  readonly keyOf: KeyFunction | undefined;
  /** Told about each bad row; reading goes on when the promise is fulfilled. */
  readonly onBadRow: (bad: BadRow) => Promise<void> | undefined;
  /**
   * Whether inputs are kept until their outcome is taken. `in-order`: outcomes come in input order, so an input that was passed over, as
   * those of other shards are, is let go. `no`: some never have an outcome, and nobody could tell which.
   */
  readonly keeps: 'all' | 'in-order' | 'no';
}

/** Inputs that are remembered after their outcome was taken. */
const RECENT = 16;

/** Reads the inputs of one run. */
export class Feed {
  readonly #sources: readonly InputSource[];
  readonly #options: FeedOptions;
  readonly #pending = new Map<number, unknown>();
  /** Ordinals in front of which bad rows stand, ascending. */
  readonly #badOrdinals: number[] = [];
  readonly #keys = new Map<string, string>();
  readonly #recent: { readonly ordinal: number; readonly input: unknown }[] = [];
  #given = 0;
  #taken = 0;
  #first: unknown;

  constructor(sources: readonly InputSource[], options: FeedOptions) {
    this.#sources = sources;
    this.#options = options;
  }

  /** The first good input. */
  get first(): unknown {
    return this.#first;
  }

  /** The good inputs, read as far as the runtime asks. */
  inputs(): Iterable<unknown> | AsyncIterable<unknown> {
    return this.#sources.every((source) => source.isSync) ? this.#sync() : this.#async();
  }

  /** The input of a task that has no outcome yet, or has had it just now: events arrive a moment after outcomes. */
  peek(ordinal: number): unknown {
    return this.#pending.get(ordinal) ?? this.#recent.find((task) => task?.ordinal === ordinal)?.input;
  }

  /** Takes back the input of an outcome. */
  take(ordinal: number): unknown {
    const input = this.#pending.get(ordinal);
    this.#pending.delete(ordinal);
    if (this.#options.keeps === 'in-order') this.#letGo(ordinal);
    this.#recent[this.#taken++ % RECENT] = { ordinal, input };
    return input;
  }

  /** Position in the batch of the good input with this ordinal. */
  indexOf(ordinal: number): number {
    let low = 0;
    let high = this.#badOrdinals.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#badOrdinals[middle] as number) <= ordinal) low = middle + 1;
      else high = middle;
    }
    return ordinal + low;
  }

  *#sync(): Generator<unknown, void> {
    for (const source of this.#sources) {
      for (const row of source.open() as Iterable<Row>) {
        if (row.problem !== undefined) throw changed(source, row);
        yield this.#give(row.input);
      }
    }
  }

  /** Not an async generator: its `return` would wait for a pending read, for ever if nothing comes. */
  #async(): AsyncIterable<unknown> {
    const sources = [...this.#sources];
    let source: InputSource | undefined;
    let rows: AsyncIterator<Row> | Iterator<Row> | undefined;
    const next = async (): Promise<IteratorResult<unknown, undefined>> => {
      for (;;) {
        if (rows === undefined || source === undefined) {
          source = sources.shift();
          if (source === undefined) return { value: undefined, done: true };
          rows = iteratorOf(source.open());
        }
        const row = await rows.next();
        if (row.done === true) rows = undefined;
        else {
          const bad = this.#badRow(source, row.value);
          if (bad === undefined) return { value: this.#give(row.value.input), done: false };
          this.#badOrdinals.push(this.#given);
          await this.#options.onBadRow(bad);
        }
      }
    };
    const close = async (): Promise<IteratorResult<unknown, undefined>> => {
      sources.length = 0;
      await rows?.return?.();
      return { value: undefined, done: true };
    };
    return { [Symbol.asyncIterator]: () => ({ next, return: close }) };
  }

  #give(input: unknown): unknown {
    if (this.#given === 0) this.#first = input;
    if (this.#options.keeps !== 'no') this.#pending.set(this.#given, input);
    this.#given++;
    return input;
  }

  /** A Map is read in the order in which it was filled: the oldest come first. */
  #letGo(below: number): void {
    for (const ordinal of this.#pending.keys()) {
      if (ordinal >= below) return;
      this.#pending.delete(ordinal);
    }
  }

  #badRow(source: InputSource, row: Row): BadRow | undefined {
    const found = row.problem === undefined ? this.#keyProblem(source, row) : undefined;
    if (row.problem === undefined && found === undefined) return undefined;
    if (source.isRepeatable && row.problem !== undefined) throw changed(source, row);
    return {
      index: this.#given + this.#badOrdinals.length,
      ordinal: this.#given,
      place: source.place(row.line),
      line: row.line,
      code: found?.code ?? 'HEDDLE_BAD_INPUT',
      problem: row.problem ?? { reason: found?.reason ?? '', column: undefined, text: '' },
      input: row.input,
    };
  }

  /** Looks at the key when a stream is involved; those of files alone were checked before. */
  #keyProblem(source: InputSource, row: Row): { code: BadRow['code']; reason: string } | undefined {
    const { keyOf } = this.#options;
    if (keyOf === undefined) return undefined;
    let key: string;
    try {
      key = keyOf(row.input);
    } catch (error) {
      return { code: 'HEDDLE_INVALID_KEY', reason: (error as Error).message };
    }
    const first = this.#keys.get(key);
    if (first === undefined) {
      this.#keys.set(key, source.place(row.line));
      return undefined;
    }
    return {
      code: 'HEDDLE_DUPLICATE_KEY',
      reason: `the key "${key}" is that of ${first} already; a key names one task`,
    };
  }
}

function iteratorOf(rows: Iterable<Row> | AsyncIterable<Row>): AsyncIterator<Row> | Iterator<Row> {
  return Symbol.asyncIterator in rows ? rows[Symbol.asyncIterator]() : rows[Symbol.iterator]();
}

function changed(source: InputSource, row: Row): UsageError {
  return new UsageError(`${source.place(row.line)} changed after it was checked: ${row.problem?.reason}`);
}
