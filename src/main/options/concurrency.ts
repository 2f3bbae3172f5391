/** How many tasks run at once: the number requested, and what keeps a run from reaching it. */

import type { Clamp } from '../figures/report.js';
import type { ResolvedLimits } from '../lanes/resolved-lane.js';
import type { ResolvedRunOptions } from './resolve-options.js';

/** The concurrency to run with. The report names all clamps. */
export function concurrencyOf(
  { concurrency, window, lane, shard }: ResolvedRunOptions,
  threads: number,
  total: number | undefined,
): { readonly requested: number; readonly clamps: readonly Clamp[] } {
  const requested = concurrency ?? laneConcurrency(lane, shard?.count ?? 1) ?? threads;
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

/** How many calls a lane allows at once; undefined when it sets no limit. */
function laneConcurrency(lane: ResolvedRunOptions['lane'], shards: number): number | undefined {
  if (lane === undefined || typeof lane === 'function') return undefined;
  const of = ({ concurrency }: ResolvedLimits) =>
    typeof concurrency === 'object' ? concurrency.max : concurrency;
  const own = of(lane.limits);
  const accounts = lane.accounts.map(({ limits }) => of(limits));
  const sum = accounts.reduce<number | undefined>(
    (total, most) => (total === undefined || most === undefined ? undefined : total + most),
    accounts.length === 0 ? undefined : 0,
  );
  const most = own === undefined ? sum : Math.min(own, sum ?? own);
  return most === undefined ? undefined : Math.ceil(most / shards);
}
