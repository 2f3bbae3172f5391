/**
 * Hashes of outcomes, by which variants are compared: 8 bytes each, in input order, so that a million of them
 * cross a pipe easily.
 *
 * Values are hashed in heddle's canonical form, which a copy between threads does not change. An error counts
 * by name, code and message; one of heddle's own (timeout, thread that ended, …) by its code alone, because
 * its message depends on how the attempt ran.
 */

import { inspect } from 'node:util';
import { reviveError, serializeError, taskKey } from '../main/index.js';
import type { Round } from './child-protocol.js';

const BYTES = 8;
const SHOWN_LENGTH = 80;

/** Collects the outcomes of one round. */
export class OutcomeHashes {
  readonly keyOf = taskKey;
  readonly #hashes: Buffer;
  readonly #show: number | undefined;
  #failed = 0;
  #firstError: string | undefined;
  #shown: string | undefined;

  /** @param show - position of the outcome to show as text */
  constructor(count: number, show: number | undefined) {
    this.#hashes = Buffer.alloc(count * BYTES);
    this.#show = show;
  }

  succeeded(position: number, value: unknown): void {
    this.#put(position, ['succeeded', value]);
    if (position === this.#show) this.#shown = `value ${short(value)}`;
  }

  failed(position: number, thrown: unknown): void {
    // In the form that an error has after it crossed from a thread.
    const error: Error & { readonly code?: unknown } = reviveError(serializeError(thrown));
    const { name, code, message } = error;
    const isOurs = typeof code === 'string' && code.startsWith('HEDDLE_');
    this.#put(position, ['failed', name, code, isOurs ? undefined : message]);
    const shownCode = code === undefined || message.includes(String(code)) ? '' : ` [${code}]`;
    const text = `${name}${shownCode}: ${message}`.slice(0, 300);
    this.#failed++;
    this.#firstError ??= text;
    if (position === this.#show) this.#shown = text;
  }

  result(): Pick<Round, 'hashes' | 'failed' | 'firstError' | 'shown'> {
    return {
      hashes: this.#hashes,
      failed: this.#failed,
      firstError: this.#firstError,
      shown: this.#shown,
    };
  }

  #put(position: number, outcome: unknown): void {
    this.#hashes.write(keyOfOutcome(outcome).slice(0, BYTES * 2), position * BYTES, 'hex');
  }
}

/** The first position at which two rounds have different outcomes; -1 if there is none. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number {
  const left = Buffer.from(a.buffer, a.byteOffset, a.byteLength);
  const right = Buffer.from(b.buffer, b.byteOffset, b.byteLength);
  for (let at = 0; at < Math.max(a.length, b.length); at += BYTES) {
    if (left.compare(right, at, at + BYTES, at, at + BYTES) !== 0) return at / BYTES;
  }
  return -1;
}

/** Values that cannot be walked (too deep, or a getter that throws) count as equal. */
function keyOfOutcome(outcome: unknown): string {
  try {
    return taskKey(outcome);
  } catch {
    return taskKey('cannot be compared');
  }
}

function short(value: unknown): string {
  const shown = inspect(value, {
    depth: 2,
    breakLength: Number.POSITIVE_INFINITY,
    maxArrayLength: 5,
    maxStringLength: SHOWN_LENGTH,
  });
  return shown.length > SHOWN_LENGTH ? `${shown.slice(0, SHOWN_LENGTH)}…` : shown;
}
