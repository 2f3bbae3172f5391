/** What a report says of a lane. */

import type { BreakerState } from './limits/breaker.js';
import type { HeldBy } from './line-statistics.js';

/** One lane's part in a run. Times in ms. */
export interface LaneReport {
  /** Its name; undefined for tasks that have locks and no lane. */
  readonly lane: string | undefined;
  /** Attempts that it let through. */
  readonly starts: number;
  /** Attempts that were repeated at the cost of an attempt. */
  readonly retries: number;
  /** Attempts that were repeated at no cost: the provider refused them, or was in trouble. */
  readonly throttled: number;
  /** How often the provider made it wait. */
  readonly pauses: number;
  /** How often its breaker opened. */
  readonly opened: number;
  /** For how long tasks that were ready were held back, by what held them. */
  readonly heldMs: Readonly<Record<HeldBy, number>>;
  /** The limit that bound the run, in words, if one did: `40,000 tokens/min`. */
  readonly boundBy: string | undefined;
  readonly accounts: readonly AccountReport[];
}

/** One account of a lane. */
export interface AccountReport {
  /** Undefined for a lane without accounts. */
  readonly name: string | undefined;
  /** Calls that it let through, of all runs of the runtime. */
  readonly starts: number;
  /** Calls at once that it bore in the end; Infinity when nothing limits them. */
  readonly concurrency: number;
  /** Calls in a second that the provider bore, where no rate is declared and it refused some. */
  readonly learnedPerSecond: number | undefined;
  readonly breaker: BreakerState | undefined;
}
