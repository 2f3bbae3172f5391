/**
 * A lane: a route to one provider, with its accounts and the limits that they share.
 *
 *   admit → (the call) → succeeded | failed → over
 *
 * `admit` starts the call on the account that can start it first, or returns how long to wait and why.
 * `failed` decides what the failure means for the task. For other tasks it acts at once: an account or the
 * whole lane pauses, the breaker opens, the limits go down.
 *
 * The runs of a runtime share its lanes. A run that waits subscribes and is called when a call may start.
 */

import { Account, type CallRequest, type Hold } from './account.js';
import { pickAccount } from './balance.js';
import { runCallerCode } from './caller-code.js';
import { readLimitHeaders } from './failures/announced-limits.js';
import { classifyError, resolveVerdict } from './failures/classify.js';
import type { EarlierCall, Grant, LaneEvent, LaneListener } from './lane-call.js';
import type { Verdict } from './lane-options.js';
import { Breaker, type BreakerState } from './limits/breaker.js';
import { RetryBudget } from './limits/retry-budget.js';
import type { ResolvedLane } from './resolved-lane.js';
import { decideRetry, type FailedAttempt, type RetryDecision } from './retry-decision.js';
import type { Share } from './shares.js';

/** Asks for the state of an account, not for a call. */
const NO_CALL: CallRequest = {
  input: undefined,
  isPoll: true,
  account: undefined,
  inContext: undefined,
  costs: new Map(),
  used: undefined,
};

/** First pause after a throttle without a delay. It doubles with each further throttle in a row. */
const THROTTLE_MS = 1000;
const MAX_THROTTLE_MS = 60_000;

/** A route to a provider that limits calls. */
export class Lane {
  readonly options: ResolvedLane;
  readonly accounts: readonly Account[];
  readonly #shared: Account | undefined;
  readonly #listeners = new Set<LaneListener>();
  readonly #retries: RetryBudget;
  readonly #random: () => number;
  #throttlesInARow = 0;
  #lastThrottleAt = Number.NEGATIVE_INFINITY;
  #lastError: string | undefined;

  /** @param random - uniform in [0, 1) */
  constructor(options: ResolvedLane, share: Share, random: () => number) {
    this.options = options;
    this.#random = random;
    this.#retries = new RetryBudget(options.retryShare);
    const lane = options.name;
    const hasAccounts = options.accounts.length > 0;
    const declared = hasAccounts ? options.accounts : [{ name: undefined, limits: options.limits }];
    this.#shared = hasAccounts ? new Account(undefined, options.limits, share, lane) : undefined;
    this.accounts = declared.map(({ name, limits }) => {
      const onChange = (state: BreakerState) => this.#onBreaker(state, name);
      const breaker =
        options.breaker === undefined ? undefined : new Breaker(options.breaker, random, onChange);
      return new Account(name, limits, share, lane, breaker);
    });
  }

  get name(): string {
    return this.options.name;
  }

  /** Upper bound of the concurrent calls; Infinity when the lane does not limit them. */
  get mostAtOnce(): number {
    const sum = this.accounts.reduce((total, account) => total + account.mostAtOnce, 0);
    return Math.min(sum, this.#shared?.mostAtOnce ?? Number.POSITIVE_INFINITY);
  }

  /** How far back calls of an earlier process matter, in ms. */
  get memoryMs(): number {
    const all = this.#shared === undefined ? this.accounts : [...this.accounts, this.#shared];
    return Math.max(...all.map((account) => account.memoryMs));
  }

  /** When the breaker of the last usable account opened; undefined while any is closed. */
  get troubledSince(): number | undefined {
    let latest: number | undefined;
    for (const { breaker, isSuspended } of this.accounts) {
      if (isSuspended) continue;
      if (breaker?.openSince === undefined) return undefined;
      latest = Math.max(latest ?? 0, breaker.openSince);
    }
    return latest;
  }

  /** A breaker is not closed. */
  get isTroubled(): boolean {
    return this.accounts.some(isTroubled);
  }

  /** No account takes a call for longer than is worth waiting for. */
  isDead(now: number): boolean {
    return this.accounts.every((account) => account.isUnusable(now));
  }

  /** A job that was submitted with this account cannot be asked about. */
  cannotReach(account: string | undefined): boolean {
    if (account === undefined) return false;
    return this.#accountOf(account)?.isSuspended ?? true;
  }

  /**
   * Returns how much longer to wait for the lane, in ms.
   *
   * @param since - when the waiting began; earlier trouble does not count
   */
  patience(now: number, since: number): number {
    if (this.isDead(now)) return 0;
    const { troubledSince } = this;
    if (troubledSince === undefined) return Number.POSITIVE_INFINITY;
    const giveUpMs = this.options.breaker?.giveUpMs ?? Number.POSITIVE_INFINITY;
    return Math.max(0, Math.max(troubledSince, since) + giveUpMs - now);
  }

  /** Says why `patience` returned 0. */
  whyClosed(now: number): string {
    if (this.accounts.every(({ isSuspended }) => isSuspended))
      return 'the quota of each of its accounts is used up';
    if (this.isDead(now)) return 'its provider asked to wait for longer than 15 minutes';
    const seconds = (now - (this.troubledSince ?? now)) / 1000;
    const time = seconds < 10 ? seconds.toFixed(1) : Math.round(seconds);
    return `its provider has been in trouble for ${time} s`;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** @returns a function that ends the subscription */
  subscribe(listener: LaneListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Returns what holds a call back; undefined when it may start. */
  look(now: number, request: CallRequest): Hold | undefined {
    return this.#hold(now, request, this.#pick(now, request));
  }

  /** Starts a call if all limits allow it. */
  admit(now: number, request: CallRequest): Grant | Hold {
    const account = this.#pick(now, request);
    const hold = this.#hold(now, request, account);
    if (hold !== undefined) return hold;
    this.#shared?.take(now, request);
    const isProbe = account.take(now, request);
    return { account, request, startedAt: now, isProbe, isReported: false };
  }

  #hold(now: number, request: CallRequest, account: Account): Hold | undefined {
    const own = account.hold(now, request);
    const shared = this.#shared?.hold(now, request);
    return own === undefined || (shared !== undefined && shared.waitMs > own.waitMs) ? shared : own;
  }

  #pick(now: number, request: CallRequest): Account {
    const [first] = this.accounts as readonly [Account];
    if (this.accounts.length === 1) return first;
    const own = request.account === undefined ? undefined : this.#accountOf(request.account);
    if (own !== undefined) return own;
    const states = this.accounts.map((account) => ({
      account,
      wait: account.hold(now, request)?.waitMs ?? 0,
      headroom: account.headroom,
    }));
    return pickAccount(states).account;
  }

  #accountOf(name: string | undefined): Account | undefined {
    return this.accounts.find((account) => account.name === name);
  }

  succeeded(grant: Grant, now: number): void {
    grant.isReported = true;
    this.#throttlesInARow = 0;
    this.#retries.succeeded();
    grant.account.breaker?.ended(now, 'ok', grant.isProbe, grant.startedAt);
    this.#measure(grant, now, false);
  }

  /**
   * Decides what a failure means for its task, and protects the provider from the others. Calls the caller's
   * `classify` and `retryIf`, and throws what they throw.
   */
  failed(grant: Grant, failed: FailedAttempt, now: number): RetryDecision {
    const { account, isProbe, startedAt } = grant;
    this.#lastError = failed.error.message;
    const verdict = this.#judge(failed.error, grant.request);
    const isTransient = verdict.kind === 'transient';
    // Other failures say nothing about how long an answer takes.
    if (verdict.isOverload === true) this.#measure(grant, now, true);
    const retryAfterMs = isTransient ? verdict.delayMs : undefined;
    account.breaker?.ended(now, isTransient ? 'failed' : 'neutral', isProbe, startedAt, retryAfterMs);
    grant.isReported = true;
    this.#holdOthers(verdict, grant, now);
    const decision = decideRetry(failed, this.#random, {
      verdict,
      policy: this.options.retry,
      isTroubled: isTroubled(account),
      hasOtherAccount: verdict.scope === 'account' && !this.isDead(now),
    });
    // A lane that needs more retries than its share has a provider in trouble.
    const isRetry = isTransient && decision.kind === 'again' && decision.isCharged;
    if (isRetry && !this.#retries.take(now)) account.breaker?.trip(now);
    return decision;
  }

  /** Classifies a failure; the caller's own `classify` has the last word. */
  #judge(error: Error, { inContext }: CallRequest): Verdict {
    const usual = classifyError(error, Date.now());
    const { classify } = this.options;
    if (classify === undefined) return usual;
    return resolveVerdict(
      runCallerCode('lane.classify', () => classify(error, usual), inContext),
      usual,
    );
  }

  /** Releases what an ended call held, however it ended. */
  over(grant: Grant, now: number): void {
    if (!grant.isReported) grant.account.breaker?.abandon(grant.isProbe);
    grant.account.release(now, grant.request);
    this.#shared?.release(now, grant.request);
    this.#notifyFree();
  }

  /** Applies what the task reported of its provider's answer: headers, and units used. */
  observe(
    { account, request }: Grant,
    headers: Readonly<Record<string, string>> | undefined,
    used: Readonly<Record<string, number>> | undefined,
    now: number,
  ): void {
    if (used !== undefined) request.used = { ...request.used, ...used };
    if (headers === undefined) return;
    const until = account.announce(readLimitHeaders(headers, Date.now()), now);
    if (until !== undefined) this.#pause(account, until, now, 'its window is used up, says the provider');
  }

  /** Returns what a call was charged: the budgets of its account, then those of the lane. */
  costsOf({ account, request: { costs } }: Grant): number[] {
    const shared = this.#shared === undefined ? undefined : costs.get(this.#shared);
    return [...(costs.get(account) ?? []), ...(shared ?? [])];
  }

  /** Charges calls of an earlier process, ascending; times on the clock of `admit`. */
  seed(calls: readonly EarlierCall[], now: number): void {
    for (const account of this.accounts)
      account.seed(
        calls.filter((call) => call.account === account.name),
        now,
      );
    this.#shared?.seed(
      calls.map(({ account, at, costs }) => ({
        at,
        costs: costs.slice(this.#accountOf(account)?.budgetCount ?? 0),
      })),
      now,
    );
  }

  #measure({ account, startedAt }: Grant, now: number, isOverload: boolean): void {
    const durationMs = now - startedAt;
    const { inFlight } = account;
    account.measure({ now, sentAt: startedAt, durationMs, inFlight, isOverload });
  }

  #holdOthers({ kind, delayMs, scope }: Verdict, { account, startedAt }: Grant, now: number): void {
    if (scope === 'task' || (scope === undefined && kind !== 'throttle')) return;
    const affected = scope === 'lane' ? this.accounts : [account];
    if (kind === 'permanent') {
      for (const each of affected) each.suspend();
      return;
    }
    const isThrottle = kind === 'throttle';
    if (isThrottle) account.throttled(now, startedAt);
    else if (delayMs === undefined) return;
    const pauseMs =
      delayMs === undefined ? this.#throttleMs(now, startedAt) : delayMs + this.#jitter(delayMs);
    const reason = isThrottle ? 'the provider refuses calls' : 'the provider asked to wait';
    for (const each of affected) this.#pause(each, now + pauseMs, now, reason);
  }

  /** Returns a pause for a throttle without a delay. Throttles of calls that overlapped count as one. */
  #throttleMs(now: number, startedAt: number): number {
    if (startedAt >= this.#lastThrottleAt) this.#throttlesInARow++;
    this.#lastThrottleAt = now;
    const bound = Math.min(MAX_THROTTLE_MS, THROTTLE_MS * 2 ** (this.#throttlesInARow - 1));
    return bound / 2 + (bound / 2) * this.#random();
  }

  /** Lengthens a requested delay, so that not all processes come back at the same moment. */
  #jitter(ms: number): number {
    return Math.min(2000, ms * 0.1 * this.#random());
  }

  #pause(account: Account, untilMs: number, now: number, reason: string): void {
    // Calls that overlapped are refused one by one; that is one pause.
    const isNew = account.hold(now, NO_CALL)?.bound !== 'pause';
    if (!account.pause(untilMs, now) || !isNew) return;
    this.#emit({ type: 'lane-paused', forMs: untilMs - now, reason }, account.name);
    this.#notifyFree();
  }

  #onBreaker(state: BreakerState, account: string | undefined): void {
    const reason = state === 'open' ? this.#lastError : undefined;
    this.#emit({ type: 'lane-breaker', state, reason }, account);
    this.#notifyFree();
  }

  #emit(event: LaneEvent, account: string | undefined): void {
    for (const listener of this.#listeners) listener.onEvent(event, account);
  }

  #notifyFree(): void {
    for (const listener of this.#listeners) listener.onFree();
  }
}

function isTroubled({ breaker }: Account): boolean {
  return breaker !== undefined && breaker.state !== 'closed';
}
