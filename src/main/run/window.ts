/** How many tasks may be read ahead of what the consumer has taken. */

import type { ChunkSize } from './chunk-size.js';

/** The automatic window: at least this many tasks, unless they are large. */
const WINDOW_TASKS = 1024;
/** The automatic window: inputs and values beyond this size are not piled up. */
const WINDOW_BYTES = 16 * 1024 * 1024;

/** @param slots - chunks that may be in flight */
export function windowOf(window: number | 'auto', chunkSize: ChunkSize, slots: number): number {
  if (window !== 'auto') return window;
  const bySize = chunkSize.taskBytes === 0 ? WINDOW_TASKS : WINDOW_BYTES / chunkSize.taskBytes;
  const wanted = Math.max(WINDOW_TASKS, chunkSize.current * slots * 2);
  return Math.max(slots * 2, Math.min(wanted, Math.floor(bySize)));
}
