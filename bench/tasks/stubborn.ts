/**
 * A busy loop that nobody can talk to: it never looks at its context and never returns to the event loop.
 *
 * `state` is shared memory: [0] counts the loops that have begun.
 */

export default function stubborn(state: Int32Array): never {
  Atomics.add(state, 0, 1);
  for (;;) Atomics.load(state, 1);
}
