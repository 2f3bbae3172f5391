/**
 * Readers of inputs: arrays, iterables and asynchronous sources behind one contract. None of them throws: how
 * reading ended is a value.
 *
 * An asynchronous source is read ahead up to the number last requested. When inputs have arrived, `onReady`
 * is called: at once if there are enough, else when the event loop turns. So a fast source fills whole
 * chunks, and a slow one never makes a task wait.
 */

import { cancelTurn, onNextTurn } from '../../protocol/turn.js';
import { type AsyncInputs, asIterator, asResult, openAsync } from './async-inputs.js';

/** How reading ended, once all inputs before the end were taken. */
export type InputEnd = { readonly kind: 'done' } | { readonly kind: 'failed'; readonly cause: unknown };

/** Reads inputs, no further than asked. */
export interface InputReader {
  readonly end: InputEnd | undefined;
  /** Up to `max` inputs; fewer, or none, if they are not there yet. */
  take(max: number): unknown[];
  /** Releases the source; settles when that is done. */
  close(): Promise<unknown>;
}

const DONE: InputEnd = { kind: 'done' };

/** @param onReady - called when inputs arrived after `take` had too few */
export function openReader(
  inputs: Iterable<unknown> | AsyncIterable<unknown>,
  onReady: () => void,
): InputReader {
  try {
    if (Array.isArray(inputs)) return new ArrayReader(inputs);
    if (Symbol.asyncIterator in inputs) return new StreamReader(openAsync(inputs), onReady);
    return new IteratorReader(asIterator(inputs[Symbol.iterator]()));
  } catch (cause) {
    return { end: { kind: 'failed', cause }, take: () => [], close: async () => {} };
  }
}

class ArrayReader implements InputReader {
  readonly #array: readonly unknown[];
  #next = 0;

  constructor(array: readonly unknown[]) {
    this.#array = array;
  }

  get end(): InputEnd | undefined {
    return this.#next >= this.#array.length ? DONE : undefined;
  }

  take(max: number): unknown[] {
    const inputs = this.#array.slice(this.#next, this.#next + max);
    this.#next += inputs.length;
    return inputs;
  }

  async close(): Promise<void> {}
}

class IteratorReader implements InputReader {
  end: InputEnd | undefined;
  readonly #iterator: Iterator<unknown>;

  constructor(iterator: Iterator<unknown>) {
    this.#iterator = iterator;
  }

  take(max: number): unknown[] {
    const inputs: unknown[] = [];
    try {
      while (this.end === undefined && inputs.length < max) {
        const next = asResult(this.#iterator.next());
        if (next.done === true) this.end = DONE;
        else inputs.push(next.value);
      }
    } catch (cause) {
      this.end = { kind: 'failed', cause };
    }
    return inputs;
  }

  async close(): Promise<void> {
    if (this.end === undefined) this.#iterator.return?.();
  }
}

class StreamReader implements InputReader {
  readonly #inputs: AsyncInputs;
  readonly #onReady: () => void;
  #buffer: unknown[] = [];
  #end: InputEnd | undefined;
  #wanted = 0;
  #isPulling = false;
  #isClosed = false;

  constructor(inputs: AsyncInputs, onReady: () => void) {
    this.#inputs = inputs;
    this.#onReady = onReady;
  }

  get end(): InputEnd | undefined {
    return this.#buffer.length === 0 ? this.#end : undefined;
  }

  take(max: number): unknown[] {
    this.#wanted = Math.max(max, 1);
    const inputs = this.#buffer.splice(0, max);
    void this.#pull();
    return inputs;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#buffer = [];
    const closed = this.#inputs.close();
    // A generator that waits for its own input answers only when that has come, which may be never.
    if (this.#isPulling) closed.catch(() => {});
    else await closed;
  }

  /** Reads until as much is buffered as was asked for. Never rejects. */
  async #pull(): Promise<void> {
    if (this.#isPulling || this.#end !== undefined || this.#buffer.length >= this.#wanted) return;
    this.#isPulling = true;
    // Never calls back from within `take`, whose caller is in the middle of its own work.
    await undefined;
    let turn: NodeJS.Immediate | undefined;
    try {
      while (this.#end === undefined && this.#buffer.length < this.#wanted && !this.#isClosed) {
        const next = await this.#inputs.next();
        if (next.done === true) this.#end = DONE;
        else this.#buffer.push(next.value);
        turn ??= onNextTurn(() => {
          turn = undefined;
          this.#onReady();
        });
      }
    } catch (cause) {
      this.#end = { kind: 'failed', cause };
    }
    this.#isPulling = false;
    cancelTurn(turn);
    this.#onReady();
  }
}
