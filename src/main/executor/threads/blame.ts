/**
 * Which task is to blame when a thread dies.
 *
 * A thread may have had several chunks: one in the synchronous part of a task, others awaiting theirs, others
 * not begun. A task is found guilty only where it is certain. In doubt it runs again at no cost, alone in a
 * fresh thread, where a second death is proof.
 *
 *   ended by heddle (timeout, abort)    the caller of `terminate` names the task; all others are bystanders
 *   exit within a synchronous part      nothing else can have run: that task is guilty
 *   everything else                     memory, a timer or a promise may be left from an earlier task:
 *                                       running tasks are suspects; alone in a fresh thread, one is guilty
 */

import { PHASES } from '../../../protocol/control-cell.js';

/** One chunk of the dead thread. */
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

/** What the running task of a chunk has to do with it. */
export type Guilt = 'guilty' | 'suspect' | 'bystander';

/** Judges the running tasks of all chunks of a thread that ended by itself. */
export function blame(chunks: readonly ChunkState[], death: Death): Guilt[] {
  const isRunning = chunks.map((chunk) => chunk.begun > chunk.reported && chunk.phase !== PHASES.between);
  const inside = chunks.findIndex((chunk, i) => isRunning[i] === true && chunk.phase === PHASES.synchronous);
  return chunks.map((chunk, i) => {
    if (isRunning[i] !== true || (inside !== -1 && inside !== i)) return 'bystander';
    const isProven = chunk.isolated || (inside === i && death === 'exit');
    return isProven ? 'guilty' : 'suspect';
  });
}
