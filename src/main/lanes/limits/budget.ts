/**
 * A budget of a lane: a limit per window of units that tasks use in unequal amounts.
 *
 * The true cost is known when a call ends; until then the estimate is charged. With `refund`, the true cost
 * then replaces the estimate; with `keep`, the estimate stays. A call starts when three rules allow it:
 *   1. Pace (GCRA in units): charges fill a bucket of `burst`, refunds leave it; it drains at 0.98 of the
 *      limit.
 *   2. Charged: estimates of unsettled calls, by their START, in the last window and guard: at most `limit`.
 *   3. Used (`refund` only): what settled calls used, by their END, in the last window and guard: below
 *      `limit`, by the guard's share of it. A provider with a sliding window counts the same.
 *
 * What holds:
 *   - `keep`, and `refund` while nothing is settled: at most `limit` units start in any window and guard.
 *   - A provider that charges the estimate to a bucket and settles at the end: no refusal if its bucket holds
 *     `burst` and the units of one round trip. Its refund comes before ours (rule 1).
 *   - A provider that counts true use in a sliding window when calls end: refusals only of calls that end
 *     there while an answer or the next call is on its way, and that use more than rule 3 leaves free.
 *     Simulated (100,000 tokens a minute, estimates 3.3 times the use): none without delays, 0.3 % with round
 *     trips of 200 ms. With both kinds of provider, 90 % of the limit is used over 10 minutes.
 *   - Not ensured for `refund`: a window over the estimates of running calls plus the true use of ended ones.
 *     That would use 80 % of the limit with calls of 5 s, and half of it with calls of 20 s.
 *   - A call longer than a window and guard is no longer charged when it ends. Its estimate is then taken
 *     from other calls that still are. Its true use counts nevertheless.
 *
 * A cost above the burst starts alone, when the bucket is empty, and later calls wait until it has drained. A
 * cost above the limit also waits until rule 2 has nothing left to count.
 */

import { shareOf } from './rate-window.js';
import { UnitLog } from './unit-log.js';

/** {@link BudgetOptions} with all defaults filled in. */
export interface ResolvedBudget {
  readonly unit: string;
  readonly limit: number;
  readonly perMs: number;
  readonly burst: number;
  readonly settle: 'refund' | 'keep';
  readonly estimate: (input: unknown) => number;
}

/** An earlier call: when it started, and its known or estimated cost. */
export interface BudgetMark {
  readonly at: number;
  readonly cost: number;
}

/** Share of a limit that is used, since the provider's clock may run slower than ours. */
const PACE = 0.98;
/** Units count for the window and a guard: a fiftieth of the window, within these bounds. */
const MIN_GUARD_MS = 50;
const MAX_GUARD_MS = 250;

/** One budget. Times are ms of one monotonic clock; costs are finite and not negative. */
export class Budget {
  readonly budget: ResolvedBudget;
  readonly #unitsPerMs: number;
  /** Upper bound of the used units. The rest is for calls that end while an answer is on its way. */
  readonly #mostUsed: number;
  readonly #charged: UnitLog;
  readonly #used: UnitLog;
  /** Units in the bucket of the pace, at `#levelAt`. */
  #level = 0;
  #levelAt: number = Number.NEGATIVE_INFINITY;

  constructor(budget: ResolvedBudget) {
    const { limit, perMs } = budget;
    const guardMs = Math.min(MAX_GUARD_MS, Math.max(MIN_GUARD_MS, perMs / 50));
    this.budget = budget;
    this.#unitsPerMs = Math.min((PACE * limit) / perMs, limit / (perMs + guardMs));
    this.#mostUsed = limit * Math.max(0.9, 1 - guardMs / perMs);
    this.#charged = new UnitLog(perMs + guardMs);
    this.#used = new UnitLog(perMs + guardMs);
  }

  /** Returns ms until a call of this cost may start; 0: now. */
  wait(now: number, cost: number): number {
    if (cost <= 0) return 0;
    const { limit, burst } = this.budget;
    const over = this.#level + Math.min(cost, burst) - burst;
    const due = over > 0 ? this.#levelAt + over / this.#unitsPerMs : now;
    return Math.max(
      now >= due ? 0 : due - now,
      this.#charged.wait(now, Math.max(0, limit - cost)),
      this.#used.wait(now, this.#mostUsed),
    );
  }

  /** Charges a call that starts. Only when `wait` returned 0. */
  take(now: number, cost: number): void {
    if (cost <= 0) return;
    this.#drain(now);
    this.#level += cost;
    this.#charged.add(now, cost);
  }

  /**
   * Settles an ended call: with `refund`, its true cost replaces what `take` charged. Must be called for
   * every call, with the estimate if its use was not reported: an unsettled call counts by its start alone.
   */
  correct(estimated: number, actual: number, now: number): void {
    if (this.budget.settle === 'keep') return;
    this.#drain(now);
    this.#level = Math.max(0, this.#level + actual - estimated);
    this.#charged.remove(now, estimated);
    if (actual > 0) this.#used.add(now, actual);
  }

  /**
   * Charges calls of an earlier process, before the first one of this process.
   *
   * @param marks - ascending; times may be negative on this clock
   */
  seed(marks: readonly BudgetMark[], now: number): void {
    const first = marks[0];
    if (first === undefined) return;
    // The calls before the first are unknown: assume that the burst was used up.
    this.#level = this.budget.burst;
    this.#levelAt = first.at;
    for (const { at, cost } of marks) {
      this.take(at, cost);
      this.#level = Math.min(this.#level, Math.max(cost, this.budget.burst));
      if (this.budget.settle === 'refund' && cost > 0) this.#used.add(at, cost);
    }
    this.#drain(now);
  }

  #drain(now: number): void {
    this.#level = Math.max(0, this.#level - (now - this.#levelAt) * this.#unitsPerMs);
    this.#levelAt = now;
  }
}

/**
 * Returns the budget of one of several shards that cannot communicate; `index` from 1. The limits add up to
 * the declared one. With fewer units than shards, each has one unit in a proportionally longer window; see
 * divideRate.
 */
export function divideBudget(budget: ResolvedBudget, index: number, count: number): ResolvedBudget {
  const { limit, perMs, burst } = budget;
  if (limit < count) return { ...budget, limit: 1, burst: 1, perMs: Math.ceil((perMs * count) / limit) };
  return {
    ...budget,
    limit: shareOf(limit, index, count),
    burst: Math.max(1, shareOf(burst, index, count)),
  };
}
