/**
 * One set of limits: those of one key of a provider, or those that all keys of a lane share.
 *
 * A call starts only when pause, breaker, concurrency, rates, budgets, and the learned rate (where none is
 * declared) all allow it at the same moment. It is then charged to all of them at once.
 */

import { OptionError } from '../../protocol/errors.js';
import { describe } from '../../protocol/serialized-error.js';
import type { InContext } from '../executor/executor.js';
import { runCallerCode } from './caller-code.js';
import type { Announced } from './failures/announced-limits.js';
import type { HeldBy } from './lane-report.js';
import { AdaptiveConcurrency, type EndedCall } from './limits/adaptive.js';
import type { Breaker } from './limits/breaker.js';
import { Budget, divideBudget } from './limits/budget.js';
import { LearnedRate } from './limits/learned-rate.js';
import { divideRate, RateWindow } from './limits/rate-window.js';
import type { ResolvedLimits } from './resolved-lane.js';
import { divideConcurrency, type Share } from './shares.js';

/** What can hold a call back. */
export type Bound = Exclude<HeldBy, 'locks'>;

/** Why a call cannot start now. */
export interface Hold {
  /** Until it may start; Infinity: until another call ends. */
  readonly waitMs: number;
  readonly bound: Bound;
  /** The limit in words: `40,000 tokens/min`. */
  readonly text: string;
}

/** A call that wants to start. */
export interface CallRequest {
  readonly input: unknown;
  /** It asks about a job: it counts neither as a concurrent call nor against a budget. */
  readonly isPoll: boolean;
  /** The only account that it can use, because its job was submitted there. */
  readonly account: string | undefined;
  /** The async context of its run. */
  readonly inContext: InContext | undefined;
  /** Estimated costs, by the account that asked for them. */
  readonly costs: Map<Account, readonly number[]>;
  /** Units that it reported to have used. */
  used: Readonly<Record<string, number>> | undefined;
}

/** Announced windows shorter than this are not adopted by lanes without a declared rate. */
const MIN_ADOPTED_MS = 100;
/** Longer pauses are not waited for. */
const MAX_PAUSE_MS = 900_000;
/** No call is expected to take longer. */
const LONG_CALL_MS = 600_000;
const NO_COSTS: readonly number[] = [];
const NO_QUOTA: Hold = {
  waitMs: Number.POSITIVE_INFINITY,
  bound: 'pause',
  text: 'its quota is used up',
};

/** Holds calls back. */
export class Account {
  readonly name: string | undefined;
  readonly breaker: Breaker | undefined;
  /** Calls that it let through. */
  starts = 0;
  /** Upper bound of the concurrent calls. */
  readonly mostAtOnce: number;
  readonly #adaptive: AdaptiveConcurrency | undefined;
  /** Where it is not adaptive. */
  readonly #concurrency: number = Number.POSITIVE_INFINITY;
  readonly #budgets: readonly Budget[];
  readonly #divisor: number;
  readonly #isRateDeclared: boolean;
  #rates: readonly RateWindow[];
  #learned: LearnedRate | undefined;
  #inFlight = 0;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #isSuspended = false;

  /** @param lane - name of the lane, for messages */
  constructor(
    name: string | undefined,
    limits: ResolvedLimits,
    share: Share,
    lane: string,
    breaker?: Breaker | undefined,
  ) {
    const { index, count } = share;
    this.name = name;
    this.breaker = breaker;
    const concurrency = divideConcurrency(limits.concurrency, share, lane);
    if (typeof concurrency === 'object') this.#adaptive = new AdaptiveConcurrency(concurrency);
    else this.#concurrency = concurrency ?? Number.POSITIVE_INFINITY;
    this.mostAtOnce = typeof concurrency === 'object' ? concurrency.max : this.#concurrency;
    this.#rates = limits.rates.map((rate) => new RateWindow(divideRate(rate, index, count)));
    this.#budgets = limits.budgets.map((budget) => new Budget(divideBudget(budget, index, count)));
    this.#divisor = count;
    this.#isRateDeclared = limits.rates.length > 0;
  }

  /** Concurrent calls that it allows now; Infinity when it does not limit them. */
  get concurrency(): number {
    return this.#adaptive?.limit ?? this.#concurrency;
  }

  get budgetCount(): number {
    return this.#budgets.length;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Free share of the concurrency, to choose between accounts that could start a call equally soon. */
  get headroom(): number {
    const { concurrency } = this;
    return concurrency === Number.POSITIVE_INFINITY ? -this.#inFlight : 1 - this.#inFlight / concurrency;
  }

  /** Its quota is used up: it takes no further call in this process. */
  get isSuspended(): boolean {
    return this.#isSuspended;
  }

  /** Calls per second that the provider was found to accept. */
  get learnedPerSecond(): number | undefined {
    return this.#learned?.perSecond;
  }

  /** How far back calls of an earlier process matter, in ms: the longest window or budget. */
  get memoryMs(): number {
    const windows = this.#rates.map(({ rate }) => rate.perMs + (rate.strict ? LONG_CALL_MS : rate.guardMs));
    return Math.max(0, ...windows, ...this.#budgets.map(({ budget }) => budget.perMs));
  }

  /** Returns what holds a call back for longest; undefined when it may start. Changes nothing. */
  hold(now: number, request: CallRequest): Hold | undefined {
    if (this.#isSuspended) return NO_QUOTA;
    let hold = longer(undefined, this.#pausedUntil - now, 'pause', () => 'the provider asked to wait');
    if (this.breaker !== undefined)
      hold = longer(hold, this.breaker.wait(now), 'breaker', () => 'the provider is in trouble');
    if (!request.isPoll && this.#inFlight >= this.concurrency)
      hold = longer(hold, Number.POSITIVE_INFINITY, 'concurrency', () => `${this.concurrency} calls at once`);
    hold = this.#rateHold(now, hold);
    return request.isPoll || this.#budgets.length === 0 ? hold : this.#budgetHold(now, request, hold);
  }

  #rateHold(now: number, before: Hold | undefined): Hold | undefined {
    let hold = before;
    for (const window of this.#rates) {
      const { limit, perMs } = window.rate;
      hold = longer(hold, window.wait(now), 'rate', () => perWindow(limit, 'calls', perMs));
    }
    if (this.#learned === undefined) return hold;
    const { perSecond = 0 } = this.#learned;
    return longer(hold, this.#learned.wait(now), 'rate', () => `${rateText(perSecond)}, which was learned`);
  }

  #budgetHold(now: number, request: CallRequest, before: Hold | undefined): Hold | undefined {
    let hold = before;
    const costs = this.#costsOf(request);
    for (const [i, budget] of this.#budgets.entries()) {
      const { limit, unit, perMs } = budget.budget;
      const waitMs = budget.wait(now, costs[i] as number);
      hold = longer(hold, waitMs, 'budget', () => perWindow(limit, unit, perMs));
    }
    return hold;
  }

  /**
   * Charges a call that starts. Only when `hold` returned undefined at this moment.
   *
   * @returns whether the call is the breaker's probe
   */
  take(now: number, request: CallRequest): boolean {
    this.starts++;
    if (!request.isPoll) {
      this.#inFlight++;
      if (this.#budgets.length > 0) {
        const costs = this.#costsOf(request);
        for (const [i, budget] of this.#budgets.entries()) budget.take(now, costs[i] as number);
      }
    }
    for (const rate of this.#rates) rate.take(now);
    this.#learned?.take(now);
    if (!this.#isRateDeclared && this.#rates.length === 0) this.#learned ??= new LearnedRate();
    return this.breaker?.take(now) ?? false;
  }

  /** Releases what an ended call held, however it ended. */
  release(now: number, request: CallRequest): void {
    if (!request.isPoll) {
      this.#inFlight--;
      const costs = request.costs.get(this) ?? NO_COSTS;
      for (const [i, budget] of this.#budgets.entries()) {
        const cost = costs[i] ?? 0;
        budget.correct(cost, request.used?.[budget.budget.unit] ?? cost, now);
      }
    }
    for (const rate of this.#rates) rate.ended(now);
  }

  /** Reports how a call went to the adaptive concurrency. */
  measure(call: EndedCall): void {
    this.#adaptive?.ended(call);
  }

  /** The provider refused a call because there were too many. */
  throttled(now: number, sentAt: number): void {
    this.#learned?.throttled(now, sentAt);
  }

  /** It takes no call for longer than is worth waiting for. */
  isUnusable(now: number): boolean {
    return this.#isSuspended || this.#pausedUntil - now > MAX_PAUSE_MS;
  }

  /** Starts no call before this time. @returns whether that extends the pause */
  pause(untilMs: number, now: number): boolean {
    if (untilMs <= this.#pausedUntil) return false;
    this.#pausedUntil = untilMs;
    this.#adaptive?.restart(now);
    return true;
  }

  /** Takes no further call. */
  suspend(): void {
    this.#isSuspended = true;
  }

  /** Applies limits that the provider announced. @returns when it wants the next call, if it said so */
  announce(announced: Announced, now: number): number | undefined {
    if (announced.concurrencyHint !== undefined) this.#adaptive?.hint(announced.concurrencyHint);
    let until: number | undefined;
    for (const { unit, limit, perMs, remaining, resetMs } of announced.windows) {
      if (remaining === 0 && resetMs !== undefined && resetMs > 0)
        until = Math.max(until ?? 0, now + resetMs);
      if (unit === 'requests' && limit !== undefined && limit >= 1)
        this.#rateFor(perMs, limit)?.announce(Math.max(1, Math.floor(limit / this.#divisor)));
    }
    return until;
  }

  /** Returns the rate that an announced window limits. Adopts the window where no rate is declared. */
  #rateFor(perMs: number | undefined, limit: number): RateWindow | undefined {
    if (!this.#isRateDeclared && this.#rates.length === 0 && perMs !== undefined && perMs >= MIN_ADOPTED_MS) {
      const share = Math.max(1, Math.floor(limit / this.#divisor));
      const guardMs = Math.min(250, Math.max(50, perMs / 50));
      const burst = Math.max(1, Math.floor(share / 20));
      this.#rates = [new RateWindow({ limit: share, perMs, burst, guardMs, strict: false })];
      this.#learned = undefined;
      return undefined;
    }
    const same = this.#rates.filter(
      ({ rate }) => perMs === undefined || Math.abs(rate.perMs - perMs) <= perMs / 100,
    );
    return same.length === 1 ? same[0] : undefined;
  }

  /** Charges calls of an earlier process, ascending by their start on the clock of `hold`. */
  seed(calls: readonly { readonly at: number; readonly costs: readonly number[] }[], now: number): void {
    // A strict rate counts from the end of a call, which is not recorded.
    for (const rate of this.#rates) rate.seed(calls.map(({ at }) => (rate.rate.strict ? now : at)));
    for (const [i, budget] of this.#budgets.entries())
      budget.seed(
        calls.map(({ at, costs }) => ({ at, cost: costs[i] ?? 0 })),
        now,
      );
  }

  #costsOf(request: CallRequest): readonly number[] {
    let costs = request.costs.get(this);
    if (costs === undefined) {
      costs = this.#budgets.map(({ budget }) => {
        const estimate = () => budget.estimate(request.input);
        const cost: unknown = runCallerCode('budgets.estimate', estimate, request.inContext);
        if (typeof cost === 'number' && cost >= 0 && cost !== Number.POSITIVE_INFINITY) return cost;
        const what = `\`estimate\` of the budget of ${budget.unit} to return a number from 0`;
        throw new OptionError('budgets.estimate', `Expected ${what}, got ${describe(cost)}`);
      });
      request.costs.set(this, costs);
    }
    return costs;
  }
}

/** Returns the hold with the longer wait. The text is made only when it is needed. */
function longer(hold: Hold | undefined, waitMs: number, bound: Bound, text: () => string): Hold | undefined {
  return waitMs > (hold?.waitMs ?? 0) ? { waitMs, bound, text: text() } : hold;
}

/** Returns `4.9 calls/s` or `12.0 calls/min`. */
function rateText(perSecond: number): string {
  return perSecond >= 1 ? `${perSecond.toFixed(1)} calls/s` : `${(perSecond * 60).toFixed(1)} calls/min`;
}

const UNITS: ReadonlyMap<number, string> = new Map([
  [1000, '/s'],
  [60_000, '/min'],
  [3_600_000, '/h'],
]);

/** Returns `40,000 tokens/min` or `20 calls per 3 s`. */
function perWindow(limit: number, unit: string, perMs: number): string {
  const window = UNITS.get(perMs) ?? ` per ${perMs % 1000 === 0 ? `${perMs / 1000} s` : `${perMs} ms`}`;
  const rounded = Math.round(limit * 100) / 100;
  const count = rounded >= 1000 ? Math.round(limit).toLocaleString('en-US') : rounded;
  return `${count} ${unit}${window}`;
}
