/**
 * The source of tasks: inputs are read from any iterable or async iterable, no further than asked.
 *
 * `take` answers at once with what is there. An async iterable is read ahead up to what was last asked for; when
 * something arrived, `onReady` is called: as soon as enough is there, else when the event loop turns, so that a fast
 * source fills whole chunks and a slow one never makes a task wait.
 */

import { HeddleError } from '../../protocol/errors.js';
import { describe } from '../../protocol/serialized-error.js';

/** Inputs that were read, in order, with their explicit keys if the caller gives keys. */
export interface Taken {
  readonly inputs: unknown[];
  readonly keys: string[] | undefined;
}

/** What a batch may be given as. */
export type Inputs<Input> = Iterable<Input> | AsyncIterable<Input>;

/** What a source needs beside its inputs. */
export interface SourceOptions {
  readonly key: ((input: unknown, index: number) => unknown) | undefined;
  /** The length that the caller promises. */
  readonly total: number | undefined;
  /** Called when inputs arrived after `take` had none. */
  readonly onReady: () => void;
}

/** Reads the inputs of one run. */
export class Source {
  /** Length of the batch where it can be known beforehand. */
  readonly total: number | undefined;
  /** Inputs given out so far. */
  read = 0;
  readonly #onReady: () => void;
  readonly #key: ((input: unknown, index: number) => unknown) | undefined;
  readonly #seen = new Map<string, number>();
  #array: readonly unknown[] | undefined;
  #iterator: Iterator<unknown> | undefined;
  #asyncIterator: AsyncIterator<unknown> | undefined;
  #buffer: unknown[] = [];
  #wanted = 0;
  #isPulling = false;
  #isExhausted = false;
  #error: HeddleError | undefined;
  #isErrorTold = false;

  /** @throws {@link HeddleError} HEDDLE_INVALID_OPTION when the inputs are not iterable */
  constructor(inputs: Inputs<unknown>, options: SourceOptions) {
    this.#onReady = options.onReady;
    this.#key = options.key;
    const { length, size } = (inputs ?? {}) as { length?: unknown; size?: unknown };
    if (Array.isArray(inputs)) this.#array = inputs;
    else if (typeof inputs === 'object' && inputs !== null && Symbol.asyncIterator in inputs) {
      this.#asyncIterator = inputs[Symbol.asyncIterator]();
    } else if (typeof inputs === 'object' && inputs !== null && Symbol.iterator in inputs) {
      this.#iterator = inputs[Symbol.iterator]();
    } else {
      throw new HeddleError(
        'HEDDLE_INVALID_OPTION',
        `Expected the inputs to be an iterable or async iterable, got ${describe(inputs)}`,
      );
    }
    this.total =
      options.total ?? (typeof length === 'number' ? length : typeof size === 'number' ? size : undefined);
  }

  /** True once it was told that the inputs cannot be read to their end. */
  get hasFailed(): boolean {
    return this.#isErrorTold;
  }

  /** True when every input that can be had was given out. */
  get isDone(): boolean {
    return this.#isExhausted && this.#buffer.length === 0 && (this.#error === undefined || this.#isErrorTold);
  }

  /**
   * Gives out up to `max` inputs; fewer, or none, when an async source has not got them yet.
   *
   * @throws {@link HeddleError} HEDDLE_INPUT_SOURCE, HEDDLE_INVALID_KEY, HEDDLE_DUPLICATE_KEY
   */
  take(max: number): Taken | undefined {
    const inputs = this.#error === undefined ? this.#next(max) : this.#buffer.splice(0, max);
    const keys = this.#key === undefined ? undefined : this.#keysOf(inputs);
    if (inputs.length === 0) {
      if (this.#error !== undefined && !this.#isErrorTold) {
        this.#isErrorTold = true;
        this.#isExhausted = true;
        throw this.#error;
      }
      return undefined;
    }
    this.read += inputs.length;
    return { inputs, keys };
  }

  /** Lets go of the inputs: the iterator's own clean-up runs. */
  async close(): Promise<void> {
    if (this.#isExhausted && !this.#isPulling) return;
    this.#isExhausted = true;
    this.#buffer = [];
    try {
      this.#iterator?.return?.();
      const returned = Promise.resolve(this.#asyncIterator?.return?.());
      // A generator that waits for its own input answers only when that has come, which may be never.
      if (this.#isPulling) returned.catch(() => {});
      else await returned;
    } catch {
      // The run is over and has its result; a source that fails while it is let go cannot change that.
    }
  }

  #next(max: number): unknown[] {
    if (this.#array !== undefined) return this.#fromArray(this.#array, max);
    return this.#iterator !== undefined ? this.#fromIterator(this.#iterator, max) : this.#fromBuffer(max);
  }

  #fromArray(array: readonly unknown[], max: number): unknown[] {
    const inputs = array.slice(this.read, this.read + max);
    if (this.read + inputs.length >= array.length) this.#isExhausted = true;
    return inputs;
  }

  #fromIterator(iterator: Iterator<unknown>, max: number): unknown[] {
    const inputs: unknown[] = [];
    if (this.#isExhausted || this.#error !== undefined) return inputs;
    try {
      while (inputs.length < max) {
        const next = iterator.next();
        if (next.done === true) {
          this.#isExhausted = true;
          break;
        }
        inputs.push(next.value);
      }
    } catch (cause) {
      this.#error = sourceError(cause, this.read + inputs.length);
    }
    return inputs;
  }

  #fromBuffer(max: number): unknown[] {
    this.#wanted = Math.max(max, 1);
    const inputs = this.#buffer.length <= max ? this.#buffer : this.#buffer.slice(0, max);
    this.#buffer = this.#buffer.length <= max ? [] : this.#buffer.slice(max);
    void this.#pull();
    return inputs;
  }

  /** Reads the async iterator until as much is buffered as was asked for. Never rejects. */
  async #pull(): Promise<void> {
    const iterator = this.#asyncIterator;
    if (this.#isPulling || this.#isExhausted || this.#error !== undefined || iterator === undefined) return;
    if (this.#buffer.length >= this.#wanted) return;
    this.#isPulling = true;
    // Never calls back from within `take`: whoever takes is in the middle of its own work.
    await Promise.resolve();
    let turn: NodeJS.Immediate | undefined;
    try {
      while (this.#buffer.length < this.#wanted) {
        const next = await iterator.next();
        if (this.#isExhausted) return;
        if (next.done === true) {
          this.#isExhausted = true;
          break;
        }
        this.#buffer.push(next.value);
        turn ??= setImmediate(() => {
          turn = undefined;
          this.#onReady();
        });
      }
    } catch (cause) {
      this.#error = sourceError(cause, this.read + this.#buffer.length);
    } finally {
      this.#isPulling = false;
      clearImmediate(turn);
    }
    this.#onReady();
  }

  /** Keys up to the first input that has none; from there on the inputs are dropped and the error is kept. */
  #keysOf(inputs: unknown[]): string[] {
    const keys: string[] = [];
    try {
      for (const input of inputs) keys.push(this.#keyOf(input, this.read + keys.length));
    } catch (error) {
      this.#error = error as HeddleError;
      this.#buffer = [];
      inputs.length = keys.length;
    }
    return keys;
  }

  #keyOf(input: unknown, index: number): string {
    let key: unknown;
    try {
      key = this.#key?.(input, index);
    } catch (cause) {
      throw new HeddleError(
        'HEDDLE_INVALID_KEY',
        `The key function threw for input ${index}: ${describe(cause)}`,
        { cause },
      );
    }
    if (typeof key === 'number' && Number.isFinite(key)) key = String(key);
    if (typeof key !== 'string' || key === '') {
      throw new HeddleError(
        'HEDDLE_INVALID_KEY',
        `The key of input ${index} is ${describe(key)}; a key is a string or a number, and not empty`,
      );
    }
    const first = this.#seen.get(key);
    if (first !== undefined) {
      throw new HeddleError(
        'HEDDLE_DUPLICATE_KEY',
        `Inputs ${first} and ${index} have the same key ${describe(key)}; keys name one task each`,
      );
    }
    this.#seen.set(key, index);
    return key;
  }
}

function sourceError(cause: unknown, index: number): HeddleError {
  if (cause instanceof HeddleError) return cause;
  const message = cause instanceof Error ? cause.message : describe(cause);
  return new HeddleError('HEDDLE_INPUT_SOURCE', `Reading input ${index} failed: ${message}`, { cause });
}
