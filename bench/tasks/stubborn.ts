/**
 * A busy loop that cannot be interrupted: it never reads its context and never returns to the event loop.
 *
 * `state` is shared memory: [0] counts the loops that have begun.
 */

export default function stubborn(state: Int32Array): never {
  Atomics.add(state, 0, 1);
  for (;;) Atomics.load(state, 1);
}
