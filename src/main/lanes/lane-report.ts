/** The part of a report about a lane. */

import type { BreakerState } from './limits/breaker.js';

/** What can hold the tasks of a run back. */
export type HeldBy = 'pause' | 'breaker' | 'concurrency' | 'rate' | 'budget' | 'locks';

/** Figures of one lane in a run. Times in ms. */
export interface LaneReport {
  /** Name of the lane; undefined for tasks with locks and no lane. */
  readonly lane: string | undefined;
  /** Attempts that started. */
  readonly starts: number;
  /** Repeated attempts that were charged. */
  readonly retries: number;
  /** Repeated attempts that cost nothing, because the provider refused them or was in trouble. */
  readonly throttled: number;
  /** How often the provider made the lane wait. */
  readonly pauses: number;
  /** How often its breaker opened. */
  readonly opened: number;
  /** How long ready tasks were held back, by what held them. */
  readonly heldMs: Readonly<Record<HeldBy, number>>;
  /** The limit that held the run back, in words: `40,000 tokens/min`; undefined if none did. */
  readonly boundBy: string | undefined;
  readonly accounts: readonly AccountReport[];
}

/** One account of a lane. */
export interface AccountReport {
  /** Undefined for a lane without accounts. */
  readonly name: string | undefined;
  /** Calls that started, in all runs of the runtime. */
  readonly starts: number;
  /** Concurrent calls allowed at the end; Infinity when nothing limits them. */
  readonly concurrency: number;
  /** Calls per second that the provider accepted, if no rate is declared and it refused some. */
  readonly learnedPerSecond: number | undefined;
  readonly breaker: BreakerState | undefined;
}
