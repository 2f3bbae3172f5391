/**
 * Tasks that run again: after a wait, at once, or alone in a thread of their own because somebody died and they may be why.
 *
 * A wait is a timer of the task's own; nothing is held while it runs.
 */

import { now } from '../../protocol/control-cell.js';
import type { Chunk } from '../executor/executor.js';

/** The longest delay of a timer; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Keeps the tasks that are to run again. */
export class Repeats {
  readonly #waiting = new Map<NodeJS.Timeout, Chunk>();
  readonly #onReady: () => void;
  readonly #onWaiting: (count: number) => void;
  #again: Chunk[] = [];
  #suspects: Chunk[] = [];

  /**
   * @param onReady - a task has waited long enough
   * @param onWaiting - told how many wait, whenever that changes
   */
  constructor(onReady: () => void, onWaiting: (count: number) => void) {
    this.#onReady = onReady;
    this.#onWaiting = onWaiting;
  }

  /** Nothing is here. */
  get isEmpty(): boolean {
    return this.#waiting.size + this.#again.length + this.#suspects.length === 0;
  }

  /** Tasks that may run again now, suspects not counted. */
  get ready(): number {
    return this.#again.length;
  }

  get suspects(): number {
    return this.#suspects.length;
  }

  /** Runs a task again after a delay. */
  later(chunk: Chunk, delayMs: number): void {
    const timer = setTimeout(
      () => {
        this.#waiting.delete(timer);
        this.#again.push({ ...chunk, readyAt: now() });
        this.#onWaiting(this.#waiting.size);
        this.#onReady();
      },
      Math.min(delayMs, MAX_TIMER_MS),
    );
    this.#waiting.set(timer, chunk);
    this.#onWaiting(this.#waiting.size);
  }

  /** Runs a task again at once. */
  now(chunk: Chunk): void {
    (chunk.isolated ? this.#suspects : this.#again).push(chunk);
  }

  nextSuspect(): Chunk | undefined {
    return this.#suspects.shift();
  }

  /** The next task; with it, those that follow it side by side and may travel with it, up to `most`. */
  next(most: (ready: number) => number, travelsAlone: boolean): Chunk | undefined {
    const first = this.#again[0];
    if (first === undefined) return undefined;
    const limit = travelsAlone || isAlone(first) ? 1 : Math.min(most(this.#again.length), this.#again.length);
    let count = 1;
    for (; count < limit; count++) {
      const next = this.#again[count] as Chunk;
      if (next.first !== first.first + count || next.attempt !== first.attempt || isAlone(next)) break;
    }
    return joined(this.#again.splice(0, count));
  }

  /** Gives back all that is here. */
  cancel(): Chunk[] {
    for (const timer of this.#waiting.keys()) clearTimeout(timer);
    const chunks = [...this.#waiting.values(), ...this.#again, ...this.#suspects];
    this.#waiting.clear();
    this.#again = [];
    this.#suspects = [];
    this.#onWaiting(0);
    return chunks;
  }
}

function isAlone({ troubles, interrupted, job }: Chunk): boolean {
  return troubles > 0 || interrupted || job !== undefined;
}

/** Consecutive tasks as one chunk. */
function joined(tasks: readonly Chunk[]): Chunk {
  const [first] = tasks as readonly [Chunk];
  if (tasks.length === 1) return first;
  return {
    ...first,
    inputs: tasks.map(({ inputs }) => inputs[0]),
    keys: first.keys === undefined ? undefined : tasks.flatMap(({ keys }) => keys ?? []),
    hashes: first.hashes === undefined ? undefined : tasks.flatMap(({ hashes }) => hashes ?? []),
  };
}
