/**
 * Inputs that cannot be used: a source yields one in place of an input that it could not read.
 *
 * The run gives it the outcome `failed` without calling the task. Recognised by a private field, so that
 * looking at an input never runs code of the caller.
 */

import { reviveError, serializeError } from './serialized-error.js';

/** A place of the batch that holds no usable input. Made by {@link unusableInput}. */
export class UnusableInput {
  readonly #error: Error;
  /** Name of the task; by default one is made of its position. */
  readonly key: string | undefined;

  constructor(error: Error, key: string | undefined) {
    // As errors of tasks: whatever was given can be shown, grouped and recorded.
    this.#error = reviveError(serializeError(error));
    this.key = key;
  }

  get error(): Error {
    return this.#error;
  }

  static is(value: unknown): value is UnusableInput {
    return typeof value === 'object' && value !== null && #error in value;
  }
}

/** True for what {@link unusableInput} returned. */
export function isUnusableInput(value: unknown): boolean {
  return UnusableInput.is(value);
}

/**
 * Marks a place of the batch as unusable, for sources that read line by line. Its task fails with the given
 * error and 0 attempts; the other tasks run. It is not recorded in a session: every run reads it again.
 *
 * @param error - why it cannot be used
 * @param options - `key`: name of the task. @defaultValue `unkeyed-<index>`
 * @example yield unusableInput(new Error(`line ${n} is not JSON`))
 */
export function unusableInput<Input = never>(error: Error, options: { readonly key?: string } = {}): Input {
  return new UnusableInput(error, options.key) as Input;
}
