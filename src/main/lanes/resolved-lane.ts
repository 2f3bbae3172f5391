/** Lane options with all defaults filled in; options/resolve-lane.ts makes them. */

import type { RetryPolicy } from './backoff.js';
import type { Classify } from './lane-options.js';
import type { ResolvedAdaptive } from './limits/adaptive.js';
import type { ResolvedBreaker } from './limits/breaker.js';
import type { ResolvedBudget } from './limits/budget.js';
import type { ResolvedRate } from './limits/rate-window.js';

/** {@link LaneLimits} with all defaults filled in. */
export interface ResolvedLimits {
  readonly concurrency: number | ResolvedAdaptive | undefined;
  readonly rates: readonly ResolvedRate[];
  readonly budgets: readonly ResolvedBudget[];
}

/** {@link LaneOptions} with all defaults filled in. */
export interface ResolvedLane {
  readonly name: string;
  readonly limits: ResolvedLimits;
  readonly accounts: readonly { readonly name: string; readonly limits: ResolvedLimits }[];
  readonly retry: RetryPolicy;
  /** Retries allowed for each call that succeeds. */
  readonly retryShare: number;
  readonly breaker: ResolvedBreaker | undefined;
  readonly classify: Classify | undefined;
}
