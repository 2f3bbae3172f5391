/**
 * A budget of a lane: units that tasks use up unequally, of which a provider allows so many in a window.
 *
 * The true cost is known when a call ends; until then the estimate is charged. With `refund` the true cost then takes its place, with
 * `keep` the estimate stays. A call starts when three rules allow it:
 *   1. Pace (GCRA in units): what is charged fills a bucket of `burst` that drains at 0.98 of the limit; what is given back leaves it.
 *   2. Charged: estimates of calls that were not settled, by their START, in the last window and guard: at most `limit`, with this call.
 *   3. Used (`refund` only): what settled calls used, by their END, in the last window and guard: less than `limit`, by the limit's part
 *      of a guard. This is the sum that a provider with a sliding window looks at, so it is not asked when it would refuse.
 *
 * What holds:
 *   - `keep`, and `refund` while nothing is settled: never more than `limit` units start in any window and guard (rule 2).
 *   - A provider that charges the estimate to a bucket and settles at the end: no refusal if its bucket holds `burst` and the
 *     units of one round trip. Its refund comes before ours (rule 1).
 *   - A provider that counts true use in a sliding window when calls end: no refusal, but for calls that end there while an answer or the
 *     next call is on its way, and use more than rule 3 leaves free. Simulated (100,000 tokens a minute, estimates 3.3 times the use):
 *     none without delays, 0.3 % of calls with round trips of 200 ms. Both kinds of provider: 90 % of the limit used in 10 minutes.
 *   - Not promised for `refund`: a window over the estimates of running calls plus the true use of ended ones. That would have to keep
 *     room for what running calls will most likely not use; it uses 80 % with calls of 5 s, half with calls of 20 s.
 *   - A call that takes longer than a window and guard no longer counts as charged when it ends; its estimate is then taken from
 *     others that still do. Its true use counts all the same.
 *
 * A cost above the burst starts alone, when the bucket is full, and the others then wait until it is paid for; one above the limit also
 * waits until rule 2 has nothing left to count.
 */

import { shareOf } from './rate-window.js';
import { UnitLog } from './unit-log.js';

/** {@link BudgetOptions} with nothing left out. */
export interface ResolvedBudget {
  readonly unit: string;
  readonly limit: number;
  readonly perMs: number;
  readonly burst: number;
  readonly settle: 'refund' | 'keep';
  readonly estimate: (input: unknown) => number;
}

/** An earlier call: when it started, and what it cost as far as is known. */
export interface BudgetMark {
  readonly at: number;
  readonly cost: number;
}

/** The part of a limit that is used: a provider's clock and ours do not run alike. */
const PACE = 0.98;
/** How much longer than the window units count: a fiftieth of it, within these bounds. */
const MIN_GUARD_MS = 50;
const MAX_GUARD_MS = 250;

/** One budget. Times are ms of one monotonic clock; costs are finite and not negative. */
export class Budget {
  readonly budget: ResolvedBudget;
  readonly #unitsPerMs: number;
  /** Of used units; what is missing to the limit is for calls that end while an answer is on its way. */
  readonly #mostUsed: number;
  readonly #charged: UnitLog;
  readonly #used: UnitLog;
  /** Units in the bucket of the pace, at a time. */
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

  /** ms until a call of this cost may start; 0: now. */
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

  /** A call starts. Only when `wait` is 0. */
  take(now: number, cost: number): void {
    if (cost <= 0) return;
    this.#drain(now);
    this.#level += cost;
    this.#charged.add(now, cost);
  }

  /**
   * A call has ended: with `refund`, its true cost takes the place of what `take` charged. To be called for every call, with the estimate
   * if nobody told its use: what is never settled counts by its start alone.
   */
  correct(estimated: number, actual: number, now: number): void {
    if (this.budget.settle === 'keep') return;
    this.#drain(now);
    this.#level = Math.max(0, this.#level + actual - estimated);
    this.#charged.remove(now, estimated);
    if (actual > 0) this.#used.add(now, actual);
  }

  /** Calls of an earlier process, before the first of this one, by ascending time; the times may lie before the zero of this clock. */
  seed(marks: readonly BudgetMark[], now: number): void {
    const first = marks[0];
    if (first === undefined) return;
    // What happened before the first is not known: as if its burst had been used up.
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
 * The budget of one of several shards that cannot talk to each other; `index` from 1. The limits add up to the declared one. With fewer
 * units than shards, each has one unit in a window that is longer by so much; see divideRate.
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
