/**
 * Who is to blame when a thread dies.
 *
 * A thread may have had several chunks: one in the synchronous part of a task, others awaiting theirs, others not begun.
 * Guilt is only given where it is certain; in doubt a task runs again at no cost, alone in a fresh thread, where a second
 * death is proof.
 *
 *   ended by heddle (timeout, abort)   the caller of `terminate` names the task; everybody else is a bystander
 *   a task was in its synchronous part nothing else can have run: it is guilty
 *   an uncaught error outside that     left behind by any task, also one that ended: suspects all, unless the thread was
 *                                      fresh and had one task only
 *   exit or out of memory              guilty if it was the only one begun, else suspects all
 */

import { PHASES } from '../../protocol/control-cell.js';

/** What is known of one chunk of the dead thread. */
export interface ChunkState {
  /** Tasks begun, by the control cell. */
  readonly begun: number;
  /** Tasks whose reports arrived. */
  readonly reported: number;
  readonly phase: number;
  /** The only chunk that its thread ever had, with one task. */
  readonly isolated: boolean;
}

/** How the thread ended. */
export type Death = 'exit' | 'uncaught' | 'out-of-memory';

/** The verdict on the running task of each chunk, in the given order. */
export type Verdict = 'guilty' | 'suspect' | 'bystander';

/** Judges the running tasks of all chunks of a thread that ended by itself. */
export function blame(chunks: readonly ChunkState[], death: Death): Verdict[] {
  const isRunning = chunks.map((chunk) => chunk.begun > chunk.reported);
  const inside = chunks.findIndex((chunk, i) => isRunning[i] === true && chunk.phase === PHASES.synchronous);
  const running = isRunning.filter(Boolean).length;
  return chunks.map((chunk, i) => {
    if (isRunning[i] !== true) return 'bystander';
    if (inside !== -1) return inside === i ? 'guilty' : 'bystander';
    if (chunk.isolated) return 'guilty';
    if (chunk.phase === PHASES.between) return 'bystander';
    return death !== 'uncaught' && running === 1 ? 'guilty' : 'suspect';
  });
}
