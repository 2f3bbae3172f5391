/**
 * `transfer`: moves buffers between threads instead of copying them.
 *
 * The caller gets a value of the same type back, in fact a small marker around it; whoever sends the value
 * (the dispatcher for inputs, the chunk runner for values) unwraps it and hands the buffers to the message's
 * transfer list. The marker is known by a registered symbol, so copies of heddle understand each other.
 */

import type { Transferable } from './task.js';

const MARK: unique symbol = Symbol.for('heddle.transfer');

interface Marked {
  readonly [MARK]: readonly Transferable[];
  readonly value: unknown;
}

/**
 * Marks the buffers of an input or a value to be moved, not copied. After the move the sender's buffers are empty, so
 * a task whose input was moved cannot be retried.
 */
export function transfer<T>(value: T, buffers: readonly Transferable[]): T {
  return { [MARK]: buffers, value } as unknown as T;
}

/** True when the value was marked by {@link transfer}. */
export function isTransfer(value: unknown): value is Marked {
  return typeof value === 'object' && value !== null && MARK in value;
}

/** The marked value itself; its buffers are appended to `list`. */
export function unwrapTransfer(marked: Marked, list: Transferable[]): unknown {
  for (const buffer of marked[MARK]) if (!list.includes(buffer)) list.push(buffer);
  return marked.value;
}
