/** Divides the concurrency of a lane among shards. Rates and budgets have their own division. */

import { OptionError } from '../../protocol/errors.js';
import { shareOf } from './limits/rate-window.js';
import type { ResolvedLimits } from './resolved-lane.js';

/** One of the shards of a batch; `index` from 1. */
export interface Share {
  readonly index: number;
  readonly count: number;
}

/** Returns the concurrent calls of one shard. @throws {@link OptionError} when there are fewer than shards */
export function divideConcurrency(
  concurrency: ResolvedLimits['concurrency'],
  { index, count }: Share,
  name: string,
): ResolvedLimits['concurrency'] {
  if (concurrency === undefined) return undefined;
  const most = typeof concurrency === 'number' ? concurrency : concurrency.max;
  if (most < count) {
    const limit = `The lane ${name} allows ${most} calls at once, which ${count} shards cannot divide`;
    throw new OptionError('shard', `${limit}; use at most ${most} shards`);
  }
  const share = shareOf(most, index, count);
  if (typeof concurrency === 'number') return share;
  return { max: share, min: Math.min(concurrency.min, share), start: Math.min(concurrency.start, share) };
}
