/**
 * How progress is shown: the interface of the modes. create-display.ts makes them.
 *
 *   starting → (checking)* → running → (update)* → stop
 *
 * A display has no timer of its own, except for the redraws of the bar.
 */

import type { Progress } from '../../main/index.js';

/** What is known when the first task is about to start. */
export interface RunFacts {
  readonly total: number | undefined;
  readonly threads: number;
  readonly concurrency: number | undefined;
  readonly isInline: boolean;
  /** Where inputs come from, when their number is unknown. */
  readonly from: string;
}

/** Shows progress on standard error. */
export interface Display {
  /** Called first, before anything that takes time. */
  starting(): void;
  /** @param count - inputs checked so far */
  checking(count: number): void;
  /** The run begins. */
  running(facts: RunFacts, progress: () => Progress): void;
  /** Called ten times a second. */
  update(progress: Progress): void;
  /** Removes the display before other output on the same terminal. */
  erase(): void;
  /** Restores the terminal. */
  stop(): void;
}

/** Shows nothing. */
export const noDisplay: Display = {
  starting() {},
  checking() {},
  running() {},
  update() {},
  erase() {},
  stop() {},
};
