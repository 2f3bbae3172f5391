/**
 * Tasks that run again: after a wait, at once, or alone in a thread of their own if they may have killed one.
 *
 * A wait is a timer of its own; the task holds nothing while it waits.
 */

import { now } from '../../protocol/control-cell.js';
import { MAX_TIMER_MS } from '../executor/attempt-watch.js';
import { type Chunk, isAlone, joined } from '../executor/chunk.js';
import type { Counters } from '../figures/counters.js';
import type { Wake } from './wake.js';

/** Keeps the tasks that are to run again. */
export class Repeats {
  readonly #waiting = new Map<NodeJS.Timeout, Chunk>();
  readonly #wake: Wake;
  readonly #counters: Pick<Counters, 'waiting' | 'submitted'>;
  #ready: Chunk[] = [];
  #suspects: Chunk[] = [];

  constructor(wake: Wake, counters: Pick<Counters, 'waiting' | 'submitted'>) {
    this.#wake = wake;
    this.#counters = counters;
  }

  get isEmpty(): boolean {
    return this.#waiting.size + this.#ready.length + this.#suspects.length === 0;
  }

  get suspects(): number {
    return this.#suspects.length;
  }

  /** Runs a task again after a delay. */
  later(chunk: Chunk, delayMs: number): void {
    const timer = setTimeout(
      () => {
        this.#waiting.delete(timer);
        this.#count(chunk, -1);
        this.now({ ...chunk, readyAt: now() });
      },
      Math.min(delayMs, MAX_TIMER_MS),
    );
    this.#waiting.set(timer, chunk);
    this.#count(chunk, 1);
  }

  /** Runs a task again at once. */
  now(chunk: Chunk): void {
    (chunk.isolated ? this.#suspects : this.#ready).push(chunk);
    this.#wake.fire();
  }

  nextSuspect(): Chunk | undefined {
    return this.#suspects.shift();
  }

  /**
   * The next task; with it, those that follow it in the batch and may travel with it.
   *
   * @param most - how many may travel together, given how many are ready
   */
  next(most: (ready: number) => number, travelsAlone: boolean): Chunk | undefined {
    const first = this.#ready[0];
    if (first === undefined) return undefined;
    const limit = travelsAlone || isAlone(first) ? 1 : Math.min(most(this.#ready.length), this.#ready.length);
    let count = 1;
    for (; count < limit; count++) {
      const next = this.#ready[count] as Chunk;
      if (next.first !== first.first + count || next.attempt !== first.attempt || isAlone(next)) break;
    }
    return joined(this.#ready.splice(0, count));
  }

  /** Returns all tasks that were to run again. */
  cancel(): Chunk[] {
    for (const [timer, chunk] of this.#waiting) {
      clearTimeout(timer);
      this.#count(chunk, -1);
    }
    const chunks = [...this.#waiting.values(), ...this.#ready, ...this.#suspects];
    this.#waiting.clear();
    this.#ready = [];
    this.#suspects = [];
    return chunks;
  }

  #count({ job }: Chunk, change: 1 | -1): void {
    if (job === undefined) this.#counters.waiting += change;
    else this.#counters.submitted += change;
  }
}
