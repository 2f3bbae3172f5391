/** A call through a lane, from its start to its end: what a lane and its users exchange. */

import type { Account, CallRequest } from './account.js';
import type { BreakerState } from './limits/breaker.js';

/** A call that may start. */
export interface Grant {
  readonly account: Account;
  readonly request: CallRequest;
  readonly startedAt: number;
  /** It tests whether the provider has recovered. */
  readonly isProbe: boolean;
  /** Its success or failure was reported to the lane. */
  isReported: boolean;
}

/** A call of an earlier process. */
export interface EarlierCall {
  readonly account: string | undefined;
  readonly at: number;
  readonly costs: readonly number[];
}

/** A change in the state of a lane. */
export type LaneEvent =
  | { readonly type: 'lane-paused'; readonly forMs: number; readonly reason: string }
  | { readonly type: 'lane-breaker'; readonly state: BreakerState; readonly reason: string | undefined };

/** A user of a lane that waits for it. Called in the async context of any run. */
export interface LaneListener {
  /** A call may be able to start. */
  onFree(): void;
  onEvent(event: LaneEvent, account: string | undefined): void;
}
