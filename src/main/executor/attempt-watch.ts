/**
 * Watches the attempts of one chunk from the coordinator's side: whether one is running, whether it has
 * exceeded its timeout, and whether it is still the same one when its grace time ends. The executors share it
 * and decide what ends an attempt.
 */

import { type ControlCell, now, PHASES } from '../../protocol/control-cell.js';

/** The longest delay of a timer; a longer one would fire at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** What the owner of a watch decides. */
export interface WatchOwner {
  /** True while something else keeps the running attempt from going on. */
  isHeldUp(): boolean;
  /** The running attempt, the `begun`-th, outlived the timeout. */
  onTimeout(begun: number): void;
  /** No attempt is running, for as long as the timeout; the chunk may be stuck. */
  onQuiet(): void;
}

/** An attempt that is held up is checked again after this time, and once more when it could go on. */
const HELD_UP_MS = 20;
/** An attempt that is held up gets at most this many times its timeout. */
const MOST_TIMEOUTS = 10;

/** The watch over one chunk. */
export class AttemptWatch {
  /** Tasks of the chunk whose reports arrived. */
  reported = 0;
  isOver = false;
  readonly #cell: ControlCell;
  readonly #owner: WatchOwner;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** The attempt that was held up at the last check. */
  #heldUp = 0;
  /** Begun count if no attempt was running at the last check; -1 if one was. */
  #quietAt = -1;

  constructor(cell: ControlCell, timeoutMs: number | undefined, owner: WatchOwner) {
    this.#cell = cell;
    this.#owner = owner;
    if (timeoutMs !== undefined) this.#watch(timeoutMs, timeoutMs);
  }

  /** True while a task function is in execution. */
  get isRunning(): boolean {
    return !this.isOver && this.#cell.begun > this.reported && this.#cell.phase !== PHASES.between;
  }

  /** Calls back after a time, unless the `begun`-th attempt has ended by then. */
  whenStillRunning(begun: number, ms: number, callback: () => void): void {
    this.after(ms, () => {
      if (this.isRunning && this.#cell.begun === begun) callback();
    });
  }

  close(): void {
    this.isOver = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #watch(ms: number, timeoutMs: number): void {
    this.after(ms, () => this.#watch(this.#look(timeoutMs), timeoutMs));
  }

  /** Checks the running attempt. @returns when to check again, in ms */
  #look(timeoutMs: number): number {
    const { begun, since } = this.#cell;
    if (!this.isRunning) {
      if (this.#quietAt === begun) this.#owner.onQuiet();
      this.#quietAt = begun;
      return timeoutMs;
    }
    this.#quietAt = -1;
    const leftMs = since + timeoutMs - now();
    if (leftMs > 0) return Math.ceil(leftMs);
    // Begun and since are two reads: another task may have begun between them.
    if (begun !== this.#cell.begun) return timeoutMs;
    if (leftMs > -MOST_TIMEOUTS * timeoutMs) {
      const wasHeldUp = this.#heldUp === begun;
      this.#heldUp = this.#owner.isHeldUp() ? begun : 0;
      if (wasHeldUp || this.#heldUp === begun) return HELD_UP_MS;
    }
    this.#owner.onTimeout(begun);
    return timeoutMs;
  }

  /** Calls back after a time, unless the chunk is over by then. */
  after(ms: number, callback: () => void): void {
    if (this.isOver) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.isOver) callback();
    }, ms);
    this.#timers.add(timer);
  }
}
