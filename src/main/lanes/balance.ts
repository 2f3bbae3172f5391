/**
 * Chooses the account of a lane that the next call goes to.
 *
 * It is the account that can start the call first. Of several, it is the one with the most headroom relative
 * to its limit, so that accounts fill up evenly; then the one declared first. So limits of 1 and 3 get calls
 * in the ratio 1 to 3 without weights, and a paused or full account gets none. With round robin in front of
 * the limits, one account would block the others (76 % of the limits used instead of 100 %).
 */

import { internalError } from '../../protocol/errors.js';

/** An account as the choice sees it. */
export interface AccountState {
  /** ms until it may start a call; Infinity: when another call ends. */
  readonly wait: number;
  /** Free share of its limits. */
  readonly headroom: number;
}

/** Waits that differ by less are equal, in ms: the difference is rounding. */
const SAME_MS = 1e-6;

/** Returns the account for the next call. */
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
