/** What of a lane falls to one of the shards of a batch, which cannot talk to each other. Rates and budgets divide themselves. */

import { OptionError } from '../../protocol/errors.js';
import { shareOf } from './limits/rate-window.js';
import type { ResolvedLimits } from './resolved-lane.js';

/** One of the shards of a batch; `index` from 1. */
export interface Share {
  readonly index: number;
  readonly count: number;
}

/** The calls at once of one shard. @throws {@link OptionError} when there are fewer than shards */
export function divideConcurrency(
  concurrency: ResolvedLimits['concurrency'],
  { index, count }: Share,
  name: string,
): ResolvedLimits['concurrency'] {
  if (concurrency === undefined) return undefined;
  const most = typeof concurrency === 'number' ? concurrency : concurrency.max;
  if (most < count) {
    throw new OptionError(
      'shard',
      `The lane ${name} allows ${most} calls at once, too few for ${count} shards, which divide them; use at most ${most} shards`,
    );
  }
  const share = shareOf(most, index, count);
  if (typeof concurrency === 'number') return share;
  return { max: share, min: Math.min(concurrency.min, share), start: Math.min(concurrency.start, share) };
}
