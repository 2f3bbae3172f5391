/**
 * One set of limits: a key of a provider, or what all keys of a lane share.
 *
 * A call starts only when everything here grants it at the same moment, and is then charged to everything at once: pause, breaker,
 * concurrency, rates, budgets, and the rate that was learned from refusals where none is declared. `wait` says how long until then and
 * what it is that holds the call; it changes nothing.
 */

import { OptionError } from '../../protocol/errors.js';
import { describe } from '../../protocol/serialized-error.js';
import type { ResolvedLimits } from '../options/resolve-lane.js';
import type { Announced } from './failures/announced-limits.js';
import { AdaptiveConcurrency } from './limits/adaptive.js';
import type { Breaker } from './limits/breaker.js';
import { Budget, divideBudget } from './limits/budget.js';
import { LearnedRate } from './limits/learned-rate.js';
import { divideRate, RateWindow } from './limits/rate-window.js';
import { divideConcurrency, type Share } from './shares.js';

/** What can hold a call back. */
export type Bound = 'pause' | 'breaker' | 'concurrency' | 'rate' | 'budget';

/** Whoever wants to start a call. */
export interface Caller {
  readonly input: unknown;
  /** It asks what became of a job: it takes no place among the calls at once, and uses up no budget. */
  readonly isPoll: boolean;
  /** The only account that it can use: the job that it asks about was submitted there. */
  readonly account: string | undefined;
  /** What it will use up, for each set of limits that was asked. */
  readonly costs: Map<Account, readonly number[]>;
  /** What it did use up, by unit, as far as it said so. */
  used: Readonly<Record<string, number>> | undefined;
}

/** A lane without a rate of its own takes over one that the provider announces, if the window is at least this long. */
const MIN_ADOPTED_MS = 100;
/** A pause that is longer than this is not waited for. */
const MAX_PAUSE_MS = 900_000;
/** No call is expected to take longer. */
const LONG_CALL_MS = 600_000;
const NO_COSTS: readonly number[] = [];

/** Holds calls back. */
export class Account {
  readonly name: string | undefined;
  readonly breaker: Breaker | undefined;
  /** Calls that it let through. */
  starts = 0;
  /** Calls at once that it will bear at most. */
  readonly mostAtOnce: number;
  readonly #adaptive: AdaptiveConcurrency | undefined;
  readonly #concurrency: number | undefined;
  readonly #budgets: readonly Budget[];
  readonly #divisor: number;
  readonly #isRateDeclared: boolean;
  #rates: readonly RateWindow[];
  #learned: LearnedRate | undefined;
  #inFlight = 0;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #isSuspended = false;
  /** What held the last call that was asked about. */
  bound: Bound | undefined;
  /** The same in words. */
  boundText = '';

  constructor(
    name: string | undefined,
    limits: ResolvedLimits,
    {
      share,
      lane,
      breaker,
    }: { readonly share: Share; readonly lane: string; readonly breaker?: Breaker | undefined },
  ) {
    this.name = name;
    this.breaker = breaker;
    const concurrency = divideConcurrency(limits.concurrency, share, lane);
    this.mostAtOnce =
      typeof concurrency === 'object' ? concurrency.max : (concurrency ?? Number.POSITIVE_INFINITY);
    this.#concurrency = typeof concurrency === 'number' ? concurrency : undefined;
    this.#adaptive = typeof concurrency === 'object' ? new AdaptiveConcurrency(concurrency) : undefined;
    this.#rates = limits.rates.map((rate) => new RateWindow(divideRate(rate, share.index, share.count)));
    this.#budgets = limits.budgets.map(
      (budget) => new Budget(divideBudget(budget, share.index, share.count)),
    );
    this.#divisor = share.count;
    this.#isRateDeclared = limits.rates.length > 0;
  }

  /** Calls at once that it bears now; Infinity when it does not limit them. */
  get concurrency(): number {
    return this.#adaptive?.limit ?? this.#concurrency ?? Number.POSITIVE_INFINITY;
  }

  get budgetCount(): number {
    return this.#budgets.length;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Share of its calls at once that is free, to tell apart accounts that could start a call equally soon. */
  get headroom(): number {
    const { concurrency } = this;
    return concurrency === Number.POSITIVE_INFINITY ? -this.#inFlight : 1 - this.#inFlight / concurrency;
  }

  /** It takes no further call in this process: its quota is used up. */
  get isSuspended(): boolean {
    return this.#isSuspended;
  }

  /** Calls in a second that the provider bore, where it had to be found out. */
  get learnedPerSecond(): number | undefined {
    return this.#learned?.perSecond;
  }

  /** Windows and budgets, the longest first: how far back calls of an earlier process matter, in ms. */
  get memoryMs(): number {
    const windows = this.#rates.map(({ rate }) => rate.perMs + (rate.strict ? LONG_CALL_MS : rate.guardMs));
    return Math.max(0, ...windows, ...this.#budgets.map(({ budget }) => budget.perMs));
  }

  /** Until a call can start, in ms; 0: now; Infinity: when another one ends. */
  wait(now: number, caller: Caller): number {
    this.bound = undefined;
    if (this.#isSuspended) return this.#hold(Number.POSITIVE_INFINITY, 0, 'pause', 'its quota is used up');
    let wait = this.#hold(this.#pausedUntil - now, 0, 'pause', 'the provider asked to wait');
    if (this.breaker !== undefined)
      wait = this.#hold(this.breaker.wait(now), wait, 'breaker', 'the provider is in trouble');
    if (!caller.isPoll && this.#inFlight >= this.concurrency)
      wait = this.#hold(Number.POSITIVE_INFINITY, wait, 'concurrency', `${this.concurrency} calls at once`);
    for (const rate of this.#rates) {
      const ms = rate.wait(now);
      if (ms > wait)
        wait = this.#hold(ms, wait, 'rate', perWindow(rate.rate.limit, 'calls', rate.rate.perMs));
    }
    if (this.#learned !== undefined) {
      const ms = this.#learned.wait(now);
      if (ms > wait)
        wait = this.#hold(ms, wait, 'rate', `${rateText(this.#learned.perSecond ?? 0)}, which was learned`);
    }
    if (!caller.isPoll && this.#budgets.length > 0) {
      const costs = this.#costsOf(caller);
      for (const [i, budget] of this.#budgets.entries()) {
        const ms = budget.wait(now, costs[i] as number);
        const { limit, unit, perMs } = budget.budget;
        if (ms > wait) wait = this.#hold(ms, wait, 'budget', perWindow(limit, unit, perMs));
      }
    }
    return wait;
  }

  #hold(ms: number, wait: number, bound: Bound, text: string): number {
    if (!(ms > wait)) return wait;
    this.bound = bound;
    this.boundText = text;
    return ms;
  }

  /** A call starts; only when `wait` said 0 at this moment. @returns whether it is the breaker's probe */
  take(now: number, caller: Caller): boolean {
    this.starts++;
    if (!caller.isPoll) {
      this.#inFlight++;
      if (this.#budgets.length > 0) {
        const costs = this.#costsOf(caller);
        for (const [i, budget] of this.#budgets.entries()) budget.take(now, costs[i] as number);
      }
    }
    for (const rate of this.#rates) rate.take(now);
    this.#learned?.take(now);
    if (!this.#isRateDeclared && this.#rates.length === 0) this.#learned ??= new LearnedRate();
    return this.breaker?.take(now) ?? false;
  }

  /** A call that was taken is over, however it ended. */
  free(now: number, caller: Caller): void {
    if (!caller.isPoll) {
      this.#inFlight--;
      const costs = caller.costs.get(this) ?? NO_COSTS;
      for (const [i, budget] of this.#budgets.entries()) {
        const cost = costs[i] ?? 0;
        budget.correct(cost, caller.used?.[budget.budget.unit] ?? cost, now);
      }
    }
    for (const rate of this.#rates) rate.ended(now);
  }

  /** How a call went, for the concurrency to follow. */
  learn(call: Parameters<AdaptiveConcurrency['ended']>[0]): void {
    this.#adaptive?.ended(call);
  }

  /** The provider refused a call because there were too many. */
  throttled(now: number, sentAt: number): void {
    this.#learned?.throttled(now, sentAt);
  }

  /** It takes no call for longer than anybody would wait. */
  isOut(now: number): boolean {
    return this.#isSuspended || this.#pausedUntil - now > MAX_PAUSE_MS;
  }

  /** No call before this time. @returns whether that is later than it was */
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

  /** Takes to heart what the provider says of its limits. @returns until when it wants no call, if it says so */
  announce(announced: Announced, now: number): number | undefined {
    if (announced.concurrencyHint !== undefined) this.#adaptive?.hint(announced.concurrencyHint);
    let until: number | undefined;
    for (const { unit, limit, perMs, remaining, resetMs } of announced.windows) {
      if (remaining === 0 && resetMs !== undefined && resetMs > 0)
        until = Math.max(until ?? 0, now + resetMs);
      if (unit !== 'requests' || limit === undefined || !(limit >= 1)) continue;
      const window = this.#rateFor(perMs, limit);
      window?.announce(Math.max(1, Math.floor(limit / this.#divisor)));
    }
    return until;
  }

  /** The rate that an announced window is about; one is taken over where none is declared. */
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

  /** Calls of an earlier process: when they started, on the clock of `wait`, and what they used up. Ascending. */
  seed(calls: readonly { readonly at: number; readonly costs: readonly number[] }[], now: number): void {
    // Of a strict rate the ends count, and nobody knows them.
    for (const rate of this.#rates) rate.seed(calls.map(({ at }) => (rate.rate.strict ? now : at)));
    for (const [i, budget] of this.#budgets.entries())
      budget.seed(
        calls.map(({ at, costs }) => ({ at, cost: costs[i] ?? 0 })),
        now,
      );
  }

  #costsOf(caller: Caller): readonly number[] {
    let costs = caller.costs.get(this);
    if (costs === undefined) {
      costs = this.#budgets.map(({ budget }) => {
        const cost: unknown = budget.estimate(caller.input);
        if (typeof cost === 'number' && cost >= 0 && cost !== Number.POSITIVE_INFINITY) return cost;
        throw new OptionError(
          'budgets.estimate',
          `Expected \`estimate\` of the budget of ${budget.unit} to answer a number from 0, got ${describe(cost)}`,
        );
      });
      caller.costs.set(this, costs);
    }
    return costs;
  }
}

/** "4.9 calls/s", "12 calls/min" */
export function rateText(perSecond: number): string {
  return perSecond >= 1 ? `${perSecond.toFixed(1)} calls/s` : `${(perSecond * 60).toFixed(1)} calls/min`;
}

const UNITS: readonly (readonly [ms: number, text: string])[] = [
  [1000, '/s'],
  [60_000, '/min'],
  [3_600_000, '/h'],
];

/** "40,000 tokens/min", "20 calls per 3 s" */
function perWindow(limit: number, unit: string, perMs: number): string {
  const known = UNITS.find(([ms]) => ms === perMs)?.[1];
  const window = known ?? ` per ${perMs % 1000 === 0 ? `${perMs / 1000} s` : `${perMs} ms`}`;
  return `${Math.round(limit * 100) / 100 >= 1000 ? Math.round(limit).toLocaleString('en-US') : Math.round(limit * 100) / 100} ${unit}${window}`;
}
