/**
 * Which task module heddle is loading on this thread.
 *
 * A task module that imports the program that runs it would start threads within threads without end; a run
 * that starts meanwhile looks here and refuses. A registered symbol, so that copies of heddle see each
 * other's mark.
 */

const MARK: unique symbol = Symbol.for('heddle.loading-task');

type MarkedGlobal = typeof globalThis & { [MARK]?: string | undefined };

/** @param module - URL of the module that is loaded from now on; undefined when it is loaded */
export function markLoading(module: string | undefined): void {
  (globalThis as MarkedGlobal)[MARK] = module;
}

/** URL of the module that is being loaded, if any. */
export function loadingModule(): string | undefined {
  return (globalThis as MarkedGlobal)[MARK];
}
