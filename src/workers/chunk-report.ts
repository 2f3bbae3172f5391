/**
 * The tasks of a chunk that have ended and are not reported yet.
 *
 * Values are sent many at a time. When such a message cannot be cloned, its values are sent one by one, so
 * that only the task whose value cannot be sent fails, with an error that names the value.
 */

import { ORIGIN } from '../protocol/control-cell.js';
import { encodeValue } from '../protocol/encoded-value.js';
import { HeddleError } from '../protocol/errors.js';
import type { AttemptFailure, ChunkRequest, SettledMessage, Submission } from '../protocol/messages.js';
import { compactViews } from '../protocol/owned-value.js';
import { describe, reasonOf } from '../protocol/plain-data.js';
import { serializeError } from '../protocol/serialized-error.js';
import type { Submitted, Transferable } from '../protocol/task.js';
import type { SendSettled } from '../protocol/thread-side.js';
import { isTransfer, unwrapTransfer } from '../protocol/transfer.js';

const NOTHING: readonly Transferable[] = [];

/** Collects how tasks ended, in the order of their positions. */
export class ChunkReport {
  readonly #id: number;
  readonly #isEncoded: boolean;
  readonly #send: SendSettled;
  readonly #times: Float64Array;
  #from = 0;
  #count = 0;
  #values: unknown[] = [];
  #others: (AttemptFailure | Submission)[] | undefined;
  /** Buffers to move, by place in `#values`. */
  #moved: Map<number, Transferable[]> | undefined;

  /** @param request - `isEncoded`: values are sent as a session keeps them */
  constructor({ id, inputs, isEncoded }: ChunkRequest, send: SendSettled) {
    this.#id = id;
    this.#isEncoded = isEncoded;
    this.#send = send;
    this.#times = new Float64Array(inputs.length + 1);
  }

  begin(at: number): void {
    this.#times[this.#count] = at;
  }

  /** @throws HEDDLE_NOT_CLONEABLE when values are encoded and this one cannot be; the task has failed then */
  succeed(value: unknown): void {
    if (!isTransfer(value)) {
      this.#values.push(sendable(value, this.#isEncoded));
      return;
    }
    const list: Transferable[] = [];
    const content = unwrapTransfer(value, list);
    this.#values.push(this.#isEncoded ? sendable(content, true) : content);
    if (this.#isEncoded) return;
    this.#moved ??= new Map();
    this.#moved.set(this.#values.length - 1, list);
  }

  fail(position: number, error: unknown, aborted: boolean): void {
    this.#values.push(undefined);
    this.#others ??= [];
    this.#others.push({ position, error: serializeError(error), aborted });
  }

  /** @throws HEDDLE_NOT_CLONEABLE when the handle is not JSON; the task has failed then */
  submit(position: number, { handle, pollMs }: Submitted, account: string | undefined): void {
    const text = asJson(handle);
    this.#values.push(undefined);
    this.#others ??= [];
    this.#others.push({ position, job: { handle: text, account }, pollMs });
  }

  end(at: number): void {
    this.#count++;
    this.#times[this.#count] = at;
  }

  /**
   * Sends what has ended since the last call.
   *
   * @param isLast - whether this ends the chunk
   * @returns whether a message that says so was sent
   */
  flush(isLast = false): boolean {
    const count = this.#values.length;
    if (count === 0) return false;
    const moved = this.#moved;
    const message: SettledMessage = {
      type: 'settled',
      id: this.#id,
      from: this.#from,
      origin: ORIGIN,
      times: this.#times.slice(0, count + 1),
      values: this.#values,
      others: this.#others,
      isLast,
    };
    // A task may be running. It began when the last one of this message ended.
    this.#times[0] = this.#times[count] as number;
    this.#from += count;
    this.#count = 0;
    this.#values = [];
    this.#others = undefined;
    this.#moved = undefined;
    try {
      this.#send(message, moved === undefined ? NOTHING : [...new Set([...moved.values()].flat())]);
      return isLast;
    } catch {
      this.#sendSingly({ ...message, isLast: false }, moved);
      return false;
    }
  }

  #sendSingly(message: SettledMessage, moved: Map<number, Transferable[]> | undefined): void {
    for (const [i, value] of message.values.entries()) {
      const position = message.from + i;
      const times = message.times.slice(i, i + 2);
      const others = message.others?.filter((other) => other.position === position);
      try {
        this.#send({ ...message, from: position, times, values: [value], others }, moved?.get(i) ?? NOTHING);
      } catch (cause) {
        const failure = { position, error: serializeError(notCloneable(value, cause)), aborted: false };
        this.#send({ ...message, from: position, times, values: [undefined], others: [failure] }, NOTHING);
      }
    }
  }
}

function sendable(value: unknown, isEncoded: boolean): unknown {
  try {
    return isEncoded ? encodeValue(value) : compactViews(value);
  } catch (cause) {
    throw notCloneable(value, cause);
  }
}

function asJson(handle: unknown): string {
  let reason = 'it is undefined';
  try {
    const text: unknown = JSON.stringify(handle);
    if (typeof text === 'string') return text;
  } catch (cause) {
    reason = reasonOf(cause);
  }
  throw new HeddleError(
    'HEDDLE_NOT_CLONEABLE',
    `The handle given to ctx.submitted, ${describe(handle)}, is not plain JSON (${reason}); ` +
      'give what it takes to find the job again, such as its id',
  );
}

function notCloneable(value: unknown, cause: unknown): HeddleError {
  return new HeddleError(
    'HEDDLE_NOT_CLONEABLE',
    `The task's value, ${describe(value)}, cannot be sent to the caller's thread ` +
      `(${reasonOf(cause)}); return plain data`,
    { cause },
  );
}
