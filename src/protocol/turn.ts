/**
 * The event loop's next turn, as it was when heddle was loaded.
 *
 * Test frameworks replace `setImmediate` by a fake that never fires by itself. heddle uses it to yield, never
 * to measure time, so it keeps the real one.
 */

export const { setImmediate: onNextTurn, clearImmediate: cancelTurn } = globalThis;

/** Resolves when the event loop has turned once. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => onNextTurn(resolve));
}
