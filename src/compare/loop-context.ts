/**
 * The task context in a loop without heddle: every member of `TaskContext`, none of which does anything.
 *
 * Members are getters, and there is one small object a task: a function that does not use its context pays
 * next to nothing for it. heddle is not loaded for it.
 */

import { createHash } from 'node:crypto';
import type { HeddleErrorCode, RemoteServices, Services, Submitted, TaskContext } from '../main/index.js';

const NEVER = new AbortController().signal;

/** What `ctx.submitted` returns here. A loop cannot wait for the job: the runtime would poll it. */
export const SUBMITTED = { handle: undefined, pollMs: 0 } as Submitted;

/** The context of one task in the loop. */
export class LoopContext implements TaskContext {
  readonly index: number;
  readonly #input: unknown;
  readonly #keyOf: (input: unknown) => string;

  /** @param keyOf - defaults to a hash that costs as much as that of heddle */
  constructor(index: number, input: unknown, keyOf: (input: unknown) => string = hashOf) {
    this.index = index;
    this.#input = input;
    this.#keyOf = keyOf;
  }

  get key(): string {
    return this.#keyOf(this.#input);
  }

  get attempt(): number {
    return 1;
  }

  get account(): undefined {
    return undefined;
  }

  get signal(): AbortSignal {
    return NEVER;
  }

  get progress(): TaskContext['progress'] {
    return () => {};
  }

  get log(): TaskContext['log'] {
    return () => {};
  }

  get observe(): TaskContext['observe'] {
    return () => {};
  }

  get submitted(): TaskContext['submitted'] {
    return () => SUBMITTED;
  }

  get transfer(): TaskContext['transfer'] {
    return (value) => value;
  }

  /** As in `heddle run`, there are none. */
  get services(): RemoteServices<Services> {
    return new Proxy({} as RemoteServices<Services>, {
      // With a member `then`, `await ctx.services` would call it.
      get: (_, name) =>
        typeof name === 'symbol' || name === 'then'
          ? undefined
          : () => failWith('HEDDLE_SERVICE_UNAVAILABLE', `There is no service "${name}"`),
    });
  }
}

/** Throws an error of heddle's own, so that the outcome equals that of the other variants. */
export async function failWith(code: HeddleErrorCode, message: string): Promise<never> {
  const { HeddleError } = await import('../main/index.js');
  throw new HeddleError(code, message);
}

function hashOf(input: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(input) ?? '')
    .digest('hex')
    .slice(0, 32);
}
