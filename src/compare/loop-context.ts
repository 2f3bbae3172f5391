/**
 * What a task function gets beside its input in a loop without heddle: a context that does nothing but exist.
 *
 * Getters, and one small object a task: a function that does not use its context pays next to nothing for it.
 */

import { createHash } from 'node:crypto';

const NEVER = new AbortController().signal;

/** Stands in for the library's context. */
export class LoopContext {
  readonly index: number;
  readonly #input: unknown;
  readonly #keyOf: ((input: unknown) => string) | undefined;

  /** @param keyOf - the library's, where outcomes are compared; elsewhere something that costs as much will do */
  constructor(index: number, input: unknown, keyOf?: (input: unknown) => string) {
    this.index = index;
    this.#input = input;
    this.#keyOf = keyOf;
  }

  get key(): string {
    if (this.#keyOf !== undefined) return this.#keyOf(this.#input);
    return createHash('sha256')
      .update(JSON.stringify(this.#input) ?? '')
      .digest('hex')
      .slice(0, 32);
  }

  get attempt(): number {
    return 1;
  }

  get signal(): AbortSignal {
    return NEVER;
  }

  get progress(): () => void {
    return () => {};
  }

  get log(): () => void {
    return () => {};
  }

  get transfer(): (value: unknown) => unknown {
    return (value) => value;
  }

  /** There are none in `heddle run`, either; the library says so with the same code. */
  get services(): unknown {
    return new Proxy(
      {},
      {
        get: (_, name) =>
          typeof name === 'symbol' || name === 'then'
            ? undefined
            : async () => {
                const { HeddleError } = await import('../main/index.js');
                throw new HeddleError('HEDDLE_SERVICE_UNAVAILABLE', `There is no service "${name}"`);
              },
      },
    );
  }
}
