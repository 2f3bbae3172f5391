/**
 * `transfer`: moves buffers between threads instead of copying them.
 *
 * The caller gets a value of the same type, in fact a small marker around it. Whatever sends the value (the
 * dispatcher for inputs, the chunk runner for values) unwraps it and passes the buffers to the message's
 * transfer list. A registered symbol identifies the marker, so that copies of heddle understand each other.
 */

import type { Transferable } from './task.js';

const MARK: unique symbol = Symbol.for('heddle.transfer');

interface MarkedValue {
  readonly [MARK]: readonly Transferable[];
  readonly value: unknown;
}

/**
 * Marks the buffers of an input or a value to be moved, not copied. After the move the sender's buffers are
 * empty, so a task whose input was moved cannot be retried.
 */
export function transfer<T>(value: T, buffers: readonly Transferable[]): T {
  return { [MARK]: [...buffers], value } as unknown as T;
}

/**
 * True when the value was marked by {@link transfer}. Never throws: a proxy that cannot be asked was not
 * marked.
 */
export function isTransfer(value: unknown): value is MarkedValue {
  if (typeof value !== 'object' || value === null) return false;
  try {
    // A proxy may claim to have any property.
    return MARK in value && Array.isArray(value[MARK]);
  } catch {
    return false;
  }
}

/** The marked value itself; its buffers are appended to `list`. */
export function unwrapTransfer(marked: MarkedValue, list: Transferable[]): unknown {
  for (const buffer of marked[MARK]) if (!list.includes(buffer)) list.push(buffer);
  return marked.value;
}
