/**
 * The source of tasks: inputs with their keys, read no further than asked.
 *
 * Whatever goes wrong with the inputs, also before the first one is read, becomes `error`: what was read
 * before it is executed, then the run rejects.
 */

import { HeddleError } from '../../protocol/errors.js';
import { describe, reasonOf } from '../../protocol/plain-data.js';
import { UnusableInput } from '../../protocol/unusable-input.js';
import { type InputReader, openReader } from './input-reader.js';

/** What a batch may be given as. */
export type Inputs<Input> = Iterable<Input> | AsyncIterable<Input>;

/** Inputs that were read, in order. */
export type ReadInputs =
  | {
      readonly kind: 'inputs';
      /** Index of the first. */
      readonly first: number;
      readonly inputs: unknown[];
      /** Explicit keys, if the caller gives keys. */
      readonly keys: string[] | undefined;
    }
  | { readonly kind: 'unusable'; readonly index: number; readonly input: UnusableInput };

type KeyOption = (input: unknown, index: number) => unknown;

/** A source that does not answer when it is released is waited for so long, in ms. */
const RELEASE_MS = 1000;

/** Reads the inputs of one run. */
export class Source {
  /** Inputs given out so far. */
  read = 0;
  /** Why the inputs cannot be read to their end, once all before that point were given out. */
  error: HeddleError | undefined;
  readonly #reader: InputReader;
  readonly #declared: number | undefined;
  readonly #key: KeyOption | undefined;
  readonly #indexes = new Map<string, number>();
  /** Inputs that follow one that cannot be used. */
  #held: unknown[] = [];
  /** The key of the next input is wrong. */
  #keyError: HeddleError | undefined;

  /**
   * @param total - the length that the caller promises
   * @param onReady - called when inputs arrived after `take` had too few
   * @throws {@link HeddleError} HEDDLE_INVALID_OPTION when the inputs are not iterable
   */
  constructor(
    inputs: Inputs<unknown>,
    key: KeyOption | undefined,
    total: number | undefined,
    onReady: () => void,
  ) {
    if (!isIterable(inputs)) {
      throw new HeddleError(
        'HEDDLE_INVALID_OPTION',
        `Expected the inputs to be an iterable or async iterable, got ${describe(inputs)}`,
      );
    }
    this.#key = key;
    this.#declared = total ?? lengthOf(inputs);
    this.#reader = openReader(inputs, onReady);
  }

  /** Every input that can be had was given out. */
  get isDone(): boolean {
    if (this.error !== undefined) return true;
    return this.#held.length === 0 && this.#keyError === undefined && this.#reader.end?.kind === 'done';
  }

  /** Length of the batch, where it is known. */
  get total(): number | undefined {
    return this.isDone && this.error === undefined ? this.read : this.#declared;
  }

  /** Gives out up to `max` inputs; none if there are none for now, or no more. */
  take(max: number): ReadInputs | undefined {
    if (this.error !== undefined) return undefined;
    const inputs = this.#next(max);
    const first = this.read;
    const [input] = inputs;
    if (UnusableInput.is(input)) {
      this.read++;
      return { kind: 'unusable', index: first, input };
    }
    const keys = this.#key === undefined ? undefined : this.#keysOf(inputs, this.#key);
    if (inputs.length === 0) {
      const end = this.#reader.end;
      this.error = this.#keyError ?? (end?.kind === 'failed' ? sourceError(end.cause, first) : undefined);
      return undefined;
    }
    this.read += inputs.length;
    return { kind: 'inputs', first, inputs, keys };
  }

  /** Releases the inputs: the clean-up of a generator runs, a stream is destroyed. Never rejects. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, RELEASE_MS);
    });
    try {
      await Promise.race([this.#reader.close(), tooLong]);
    } catch {
      // The run is over; a source that fails when it is released cannot change its result.
    } finally {
      clearTimeout(timer);
    }
  }

  /** Inputs up to one that cannot be used, or that one alone. */
  #next(max: number): unknown[] {
    if (this.#keyError !== undefined) return [];
    const inputs = this.#held.length > 0 ? this.#held.splice(0, max) : this.#reader.take(max);
    const unusable = placeOfUnusable(inputs);
    const end = Math.max(unusable, 1);
    if (unusable === -1 || end === inputs.length) return inputs;
    this.#held = inputs.splice(end).concat(this.#held);
    return inputs;
  }

  /** Keys up to the first input that has none; it and all after it are dropped. */
  #keysOf(inputs: unknown[], key: KeyOption): string[] {
    const keys: string[] = [];
    try {
      for (const input of inputs) keys.push(this.#keyOf(input, this.read + keys.length, key));
    } catch (error) {
      this.#keyError = error as HeddleError;
      this.#held = [];
      inputs.length = keys.length;
    }
    return keys;
  }

  #keyOf(input: unknown, index: number, keyFunction: KeyOption): string {
    let key: unknown;
    try {
      key = keyFunction(input, index);
    } catch (cause) {
      throw invalidKey(`The key function threw for input ${index}: ${reasonOf(cause)}`, { cause });
    }
    if (typeof key === 'number' && Number.isFinite(key)) key = String(key);
    if (typeof key !== 'string' || key === '') {
      throw invalidKey(
        `The key of input ${index} is ${describe(key)}; a key is a string or a number, and not empty`,
      );
    }
    const first = this.#indexes.get(key);
    if (first !== undefined) {
      throw new HeddleError(
        'HEDDLE_DUPLICATE_KEY',
        `Inputs ${first} and ${index} have the same key ${describe(key)}; keys name one task each`,
      );
    }
    this.#indexes.set(key, index);
    return key;
  }
}

/** A loop, because it passes every input. */
function placeOfUnusable(inputs: readonly unknown[]): number {
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i];
    if (typeof input === 'object' && UnusableInput.is(input)) return i;
  }
  return -1;
}

function invalidKey(message: string, options?: { cause: unknown }): HeddleError {
  return new HeddleError('HEDDLE_INVALID_KEY', message, options);
}

function isIterable(inputs: unknown): inputs is Inputs<unknown> {
  if (typeof inputs !== 'object' || inputs === null) return false;
  try {
    return Symbol.asyncIterator in inputs || Symbol.iterator in inputs;
  } catch {
    // A proxy that throws: reading it will report that.
    return true;
  }
}

/** The length that a collection gives for itself. */
function lengthOf(inputs: object): number | undefined {
  try {
    const { length, size } = inputs as { length?: unknown; size?: unknown };
    const said = typeof length === 'number' ? length : size;
    return Number.isSafeInteger(said) && (said as number) >= 0 ? (said as number) : undefined;
  } catch {
    return undefined;
  }
}

function sourceError(cause: unknown, index: number): HeddleError {
  if (cause instanceof HeddleError) return cause;
  return new HeddleError('HEDDLE_INPUT_SOURCE', `Reading input ${index} failed: ${reasonOf(cause)}`, {
    cause,
  });
}
