/**
 * Listens to the caller's abort signals, with one listener for each signal, however many runs use it. With
 * more than ten, Node would warn of a leak.
 */

const callbacks = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls back when a signal is aborted. @returns stops listening */
export function onAbortOf(signal: AbortSignal, callback: () => void): () => void {
  const known = callbacks.get(signal) ?? listenTo(signal);
  known.add(callback);
  return () => known.delete(callback);
}

function listenTo(signal: AbortSignal): Set<() => void> {
  const added = new Set<() => void>();
  callbacks.set(signal, added);
  signal.addEventListener('abort', () => {
    for (const callback of added) callback();
  });
  return added;
}
