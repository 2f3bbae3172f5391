/**
 * A busy loop that looks at its signal and never returns to the event loop.
 *
 * `state` is shared memory: [0] counts the loops that have begun, [1] those that have noticed the abort.
 */

import type { TaskContext } from '../heddle.js';

export default function polite(state: Int32Array, { signal }: TaskContext): never {
  Atomics.add(state, 0, 1);
  while (!signal.aborted);
  Atomics.add(state, 1, 1);
  throw signal.reason;
}
