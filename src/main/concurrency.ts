/** How many tasks run at once: what was asked for, and what keeps a run from reaching it. */

import type { Clamp } from './advice.js';
import type { ResolvedRunOptions } from './resolve-options.js';

/** The concurrency to run with. Clamps are told in the report, never silent. */
export function concurrencyOf(
  { concurrency, window }: ResolvedRunOptions,
  threads: number,
  total: number | undefined,
): { readonly requested: number; readonly clamps: readonly Clamp[] } {
  const requested = concurrency ?? threads;
  const clamps: Clamp[] = [];
  if (concurrency !== undefined && total !== undefined && total > 0 && total < requested) {
    clamps.push({
      requested,
      ran: total,
      reason: `the batch has ${total} ${total === 1 ? 'task' : 'tasks'}`,
    });
  }
  if (window !== 'auto' && window < requested)
    clamps.push({ requested, ran: window, reason: `the window is ${window}` });
  return { requested, clamps };
}
