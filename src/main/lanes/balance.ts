/**
 * Which account of a lane the next call goes to.
 *
 * The one that can start it first; of those, the one with the most head-room relative to its limit, so that accounts fill up evenly; of
 * those, the one that was declared first. So limits of 1 and 3 get calls 1 to 3 and nobody has to weigh anything: an account that is paused,
 * or full, waits longer. Round robin behind a limiter would block all for one account (76 % of the limits used instead of 100 %).
 */

import { internalError } from '../../protocol/errors.js';

/** An account as the choice sees it. */
export interface AccountState {
  /** ms until it may start a call; Infinity when that depends on calls that end. */
  readonly wait: number;
  /** What is free of its limits, as a part of them. */
  readonly headroom: number;
}

/** Waits that differ by rounding only are equal, in ms. */
const SAME_MS = 1e-6;

/** The account for the next call. */
export function pickAccount<A extends AccountState>(accounts: readonly A[]): A {
  let [best] = accounts;
  if (best === undefined) throw internalError('a lane has no account');
  for (const account of accounts) {
    const isSooner = account.wait < best.wait - SAME_MS;
    const isTie = account.wait <= best.wait + SAME_MS;
    if (isSooner || (isTie && account.headroom > best.headroom)) best = account;
  }
  return best;
}
