/** A call through a lane, from the grant to its end: what goes back and forth between a lane and those who use it. */

import type { ResolvedRetry } from '../options/resolve-options.js';
import type { Account, Bound, Caller } from './account.js';
import type { Verdict } from './lane-options.js';
import type { BreakerState } from './limits/breaker.js';

/** A call that was let through. */
export interface Grant {
  readonly account: Account;
  readonly caller: Caller;
  readonly startedAt: number;
  readonly isProbe: boolean;
  /** How it ended was told. */
  isTold: boolean;
  /** What its failure was found to be. */
  failure: Verdict['kind'] | undefined;
}

/** A call that was not. */
export interface Hold {
  readonly waitMs: number;
  readonly bound: Bound;
  /** The limit in words: `40,000 tokens/min`. */
  readonly text: string;
}

/** A failed attempt. */
export interface Failure {
  readonly now: number;
  readonly attempt: number;
  /** How often the task was started, this time included. */
  readonly starts: number;
  readonly retry: ResolvedRetry;
  /** The caller has asked for retries. */
  readonly isAsked: boolean;
  /** The task may run again at all: its input is there, and the run goes on. */
  readonly mayRepeat: boolean;
  /** It must not happen twice. */
  readonly isOnce: boolean;
  /** Whether the caller wants this failure repeated. */
  readonly isWorth: () => boolean;
}

/** What a failed attempt means for its task; undefined: it has failed. */
export type Decision = { readonly delayMs: number; readonly isCharged: boolean } | undefined;

/** A call of an earlier process. */
export interface EarlierCall {
  readonly account: string | undefined;
  readonly at: number;
  readonly costs: readonly number[];
}

/** Something that happened to a lane. */
export type LaneEvent =
  | { readonly type: 'lane-paused'; readonly forMs: number; readonly reason: string }
  | { readonly type: 'lane-breaker'; readonly state: BreakerState; readonly reason: string | undefined };

/** Who waits for a lane. */
export interface LaneListener {
  /** There may be room. */
  onFree(): void;
  onEvent(event: LaneEvent, account: string | undefined): void;
}
