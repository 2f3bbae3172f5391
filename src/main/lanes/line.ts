/** A line at the gate: tasks that have their locks and wait for one lane, or looks at the jobs of one of its accounts. */

import type { Chunk } from '../executor/executor.js';
import type { Caller } from './account.js';
import type { Lane } from './lane.js';
import type { LineStatistics } from './line-statistics.js';
import type { LockTicket, LockWant } from './lock-table.js';

/** A task at the gate. */
export interface Waiting {
  readonly chunk: Chunk;
  readonly line: Line;
  readonly wants: readonly LockWant[];
  readonly caller: Caller;
  ticket: LockTicket | undefined;
}

/** Those that wait for one lane, or look at the jobs of one account of it. */
export interface Line {
  readonly lane: Lane | undefined;
  readonly openedAt: number;
  fresh: Waiting[];
  again: Waiting[];
  /** Tasks that gave their locks back, or were never granted them, because the lane is closed. */
  parked: Waiting[];
  readonly statistics: LineStatistics;
  /** Tasks of this line that wait for locks. */
  locking: number;
  isAgainNext: boolean;
  unsubscribe: () => void;
}

/** Puts a task that has its locks in its line. */
export function enter(waiting: Waiting): void {
  const { line, chunk } = waiting;
  (chunk.attempt > 1 || chunk.refunds > 0 ? line.again : line.fresh).push(waiting);
}

/** Nobody waits here. */
export function isEmpty({ fresh, again, parked, locking }: Line): boolean {
  return fresh.length + again.length + parked.length + locking === 0;
}

/** Those that run again go first, but not always: they must not keep new ones out. */
function isAgainsTurn({ again, fresh, isAgainNext, lane }: Line): boolean {
  return again.length > 0 && (fresh.length === 0 || (isAgainNext && lane?.isTroubled !== true));
}

/** Whose turn it is. */
export function nextOf(line: Line): Waiting | undefined {
  return (isAgainsTurn(line) ? line.again : line.fresh)[0];
}

/** Takes the one whose turn it is out of the line. */
export function shiftOf(line: Line): void {
  const isAgain = isAgainsTurn(line);
  (isAgain ? line.again : line.fresh).shift();
  line.isAgainNext = !isAgain;
}
