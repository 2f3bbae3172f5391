/**
 * A lane: the accounts of one provider, and what they share.
 *
 *   admit → (the call) → succeeded | failed → over
 *
 * `admit` gives the call to the account that can start it first, or says how long to wait and why. `failed` says what the failure means for
 * the task; for the others it acts at once: an account or the whole lane pauses, the breaker opens, the limits go down. Being throttled, and
 * failing while the breaker is open, costs a task no attempt: the provider is to blame.
 *
 * Lanes of a runtime are shared by its runs: whoever waits subscribes, and is called when there may be room.
 */

import type { ResolvedLane } from '../options/resolve-lane.js';
import type { ResolvedRetry } from '../options/resolve-options.js';
import { Account, type Bound, type Caller } from './account.js';
import { backoffMs } from './backoff.js';
import { pickAccount } from './balance.js';
import { readLimitHeaders } from './failures/announced-limits.js';
import { classifyError, resolveVerdict } from './failures/classify.js';
import type { Decision, EarlierCall, Failure, Grant, Hold, LaneEvent, LaneListener } from './lane-call.js';
import type { Verdict } from './lane-options.js';
import { Breaker, type BreakerState } from './limits/breaker.js';
import { RetryBudget } from './limits/retry-budget.js';
import type { Share } from './shares.js';

/** Asks about an account on nobody's behalf. */
const NOBODY: Caller = {
  input: undefined,
  isPoll: true,
  account: undefined,
  costs: new Map(),
  used: undefined,
};

/** A throttled lane that was not told for how long waits so long first, and twice as long each further time in a row. */
const THROTTLE_MS = 1000;
const MAX_THROTTLE_MS = 60_000;
/** Somebody else holds what the task needs: looked at again sooner, and more often. */
const LOCKED: ResolvedRetry = {
  attempts: 8,
  backoffMs: 50,
  factor: 2,
  maxDelayMs: 2000,
  jitter: 'full',
  retryIf: () => true,
};

/** A route to something that limits calls. */
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

  constructor(options: ResolvedLane, share: Share, random: () => number) {
    this.options = options;
    this.#random = random;
    this.#retries = new RetryBudget(options.retryShare);
    const lane = options.name;
    const declared =
      options.accounts.length > 0 ? options.accounts : [{ name: undefined, limits: options.limits }];
    this.#shared =
      options.accounts.length > 0 ? new Account(undefined, options.limits, { share, lane }) : undefined;
    this.accounts = declared.map(({ name, limits }) => {
      const breaker =
        options.breaker === undefined
          ? undefined
          : new Breaker(options.breaker, random, (state) => this.#onBreaker(state, name));
      return new Account(name, limits, { share, lane, breaker });
    });
  }

  get name(): string {
    return this.options.name;
  }

  /** Calls at once that it will bear at most; Infinity when it does not limit them. */
  get mostAtOnce(): number {
    const sum = this.accounts.reduce((total, account) => total + account.mostAtOnce, 0);
    return Math.min(sum, this.#shared?.mostAtOnce ?? Number.POSITIVE_INFINITY);
  }

  /** How far back calls of an earlier process matter, in ms. */
  get memoryMs(): number {
    return Math.max(...this.#all.map((account) => account.memoryMs));
  }

  /** Since when no account takes calls because the provider is in trouble. */
  get troubledSince(): number | undefined {
    let latest: number | undefined;
    for (const { breaker, isSuspended } of this.accounts) {
      if (isSuspended) continue;
      if (breaker?.openSince === undefined) return undefined;
      latest = Math.max(latest ?? 0, breaker.openSince);
    }
    return latest;
  }

  /** A provider in trouble is asked with tasks that were not tried yet: one that was may be the trouble. */
  get isTroubled(): boolean {
    return this.accounts.some(({ breaker }) => breaker !== undefined && breaker.state !== 'closed');
  }

  /** No account takes a call for longer than anybody would wait. */
  isDead(now: number): boolean {
    return this.accounts.every((account) => account.isOut(now));
  }

  /** A job that was submitted with this account cannot be asked about. */
  cannotReach(account: string | undefined): boolean {
    if (account === undefined) return false;
    const own = this.accounts.find(({ name }) => name === account);
    return own === undefined || own.isSuspended;
  }

  /**
   * For how long it is still worth waiting for it, in ms.
   *
   * @param since - when the waiting began; trouble of before does not count
   */
  patience(now: number, since: number): number {
    if (this.isDead(now)) return 0;
    const { troubledSince } = this;
    if (troubledSince === undefined) return Number.POSITIVE_INFINITY;
    const giveUpMs = this.options.breaker?.giveUpMs ?? Number.POSITIVE_INFINITY;
    return Math.max(0, Math.max(troubledSince, since) + giveUpMs - now);
  }

  /** The same in words, when it is not. */
  whyClosed(now: number): string {
    if (this.accounts.every(({ isSuspended }) => isSuspended))
      return 'the quota of each of its accounts is used up';
    if (this.isDead(now)) return 'its provider asked to wait for longer than 15 minutes';
    const seconds = (now - (this.troubledSince ?? now)) / 1000;
    return `its provider has been in trouble for ${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  subscribe(listener: LaneListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What holds a call back; undefined: nothing. */
  look(now: number, caller: Caller): Hold | undefined {
    return this.#hold(now, caller, this.#pick(now, caller));
  }

  /** Starts a call, if everything grants it. */
  admit(now: number, caller: Caller): Grant | Hold {
    const account = this.#pick(now, caller);
    const hold = this.#hold(now, caller, account);
    if (hold !== undefined) return hold;
    this.#shared?.take(now, caller);
    const isProbe = account.take(now, caller);
    return { account, caller, startedAt: now, isProbe, isTold: false, failure: undefined };
  }

  #hold(now: number, caller: Caller, account: Account): Hold | undefined {
    const shared = this.#shared;
    const sharedMs = shared?.wait(now, caller) ?? 0;
    const ms = account.wait(now, caller);
    if (ms <= 0 && sharedMs <= 0) return undefined;
    const slower = shared !== undefined && sharedMs > ms ? shared : account;
    return { waitMs: Math.max(ms, sharedMs), bound: slower.bound as Bound, text: slower.boundText };
  }

  #pick(now: number, caller: Caller): Account {
    const [first] = this.accounts as readonly [Account];
    if (this.accounts.length === 1) return first;
    const own =
      caller.account === undefined ? undefined : this.accounts.find(({ name }) => name === caller.account);
    if (own !== undefined) return own;
    const picked = pickAccount(
      this.accounts.map((account) => ({
        account,
        wait: account.wait(now, caller),
        headroom: account.headroom,
      })),
    );
    return picked.account;
  }

  succeeded(grant: Grant, now: number): void {
    grant.isTold = true;
    this.#throttlesInARow = 0;
    this.#retries.succeeded();
    grant.account.breaker?.ended(now, 'ok', grant.isProbe, grant.startedAt);
    this.#learn(grant, now, false);
  }

  failed(grant: Grant, error: Error, failure: Failure): Decision {
    const { now, attempt, starts, retry } = failure;
    this.#lastError = error.message;
    const verdict = this.#judge(error);
    grant.failure = verdict.kind;
    const { account } = grant;
    const { breaker } = account;
    const { kind, delayMs = 0 } = verdict;
    const isTransient = kind === 'transient';
    // Other failures say nothing of how long an answer takes.
    if (verdict.isOverload === true) this.#learn(grant, now, true);
    const counts = isTransient ? 'failed' : 'neutral';
    breaker?.ended(now, counts, grant.isProbe, grant.startedAt, isTransient ? verdict.delayMs : undefined);
    grant.isTold = true;
    this.#holdOthers(verdict, grant, now);
    if (!failure.mayRepeat || starts >= MOST_STARTS) return undefined;
    if (kind === 'throttle' || (kind === 'permanent' && this.#isElsewhere(verdict, now)))
      return { delayMs: verdict.scope === 'task' ? delayMs : 0, isCharged: false };
    if (kind === 'permanent') return undefined;
    const isTroubled = breaker !== undefined && breaker.state !== 'closed';
    const isRefunded = isTransient && isTroubled && starts - attempt < MOST_REFUNDS;
    if (!mayHappenAgain(verdict, failure, isRefunded)) return undefined;
    const policy =
      kind === 'lock' ? { ...LOCKED, attempts: Math.max(LOCKED.attempts, retry.attempts) } : retry;
    if (!isRefunded && (attempt >= policy.attempts || !failure.isWorth())) return undefined;
    // Where others wait as well, the lane is the wait.
    const ownMs = verdict.scope === undefined || verdict.scope === 'task' ? delayMs : 0;
    if (isRefunded) return { delayMs: ownMs, isCharged: false };
    if (isTransient && !this.#retries.take(now)) breaker?.trip(now);
    const backoff = backoffMs(policy, attempt + 1, this.#random);
    return { delayMs: Math.max(ownMs, backoff), isCharged: true };
  }

  /** What a failure means: what is known of it, and what the caller's own hook says. */
  #judge(error: Error): Verdict {
    const usual = classifyError(error, Date.now());
    const { classify } = this.options;
    return classify === undefined ? usual : resolveVerdict(classify(error, usual), usual);
  }

  /** The call is over, whatever became of it. */
  over(grant: Grant, now: number): void {
    if (!grant.isTold) grant.account.breaker?.abandon(grant.isProbe);
    grant.account.free(now, grant.caller);
    this.#shared?.free(now, grant.caller);
    this.#free();
  }

  /** What the task learned from the provider's answer. */
  observe(
    grant: Grant,
    headers: Readonly<Record<string, string>> | undefined,
    used: Readonly<Record<string, number>> | undefined,
    now: number,
  ): void {
    if (used !== undefined) grant.caller.used = { ...grant.caller.used, ...used };
    if (headers === undefined) return;
    const announced = readLimitHeaders(headers, Date.now());
    const until = grant.account.announce(announced, now);
    if (until !== undefined)
      this.#pause(grant.account, until, now, 'its window is used up, says the provider');
  }

  /** What a call was charged: the budgets of its account, then those of the lane. */
  costsOf({ account, caller }: Grant): number[] {
    const own = caller.costs.get(account) ?? [];
    const shared = this.#shared === undefined ? undefined : caller.costs.get(this.#shared);
    return shared === undefined ? [...own] : [...own, ...shared];
  }

  /** Calls of an earlier process, ascending; times on the clock of `admit`. */
  seed(calls: readonly EarlierCall[], now: number): void {
    for (const account of this.accounts)
      account.seed(
        calls.filter((call) => call.account === account.name),
        now,
      );
    this.#shared?.seed(
      calls.map(({ account, at, costs }) => {
        const own = this.accounts.find(({ name }) => name === account)?.budgetCount ?? 0;
        return { at, costs: costs.slice(own) };
      }),
      now,
    );
  }

  get #all(): readonly Account[] {
    return this.#shared === undefined ? this.accounts : [...this.accounts, this.#shared];
  }

  #learn({ account, startedAt }: Grant, now: number, isOverload: boolean): void {
    const durationMs = now - startedAt;
    const { inFlight } = account;
    account.learn({ now, sentAt: startedAt, durationMs, inFlight, isOverload });
  }

  #holdOthers({ kind, delayMs, scope }: Verdict, { account, startedAt }: Grant, now: number): void {
    if (scope === 'task') return;
    const all = scope === 'lane' ? this.accounts : [account];
    if (kind === 'permanent') {
      if (scope !== undefined) for (const each of all) each.suspend();
    } else if (kind === 'throttle') {
      account.throttled(now, startedAt);
      const ms = delayMs === undefined ? this.#throttleMs(now, startedAt) : delayMs + this.#jitter(delayMs);
      for (const each of all) this.#pause(each, now + ms, now, 'the provider refuses calls');
    } else if (delayMs !== undefined && scope !== undefined) {
      for (const each of all)
        this.#pause(each, now + delayMs + this.#jitter(delayMs), now, 'the provider asked to wait');
    }
  }

  /** The wait that nobody named. Refusals of calls that were on their way at the same time are one. */
  #throttleMs(now: number, startedAt: number): number {
    if (startedAt >= this.#lastThrottleAt) this.#throttlesInARow++;
    this.#lastThrottleAt = now;
    const bound = Math.min(MAX_THROTTLE_MS, THROTTLE_MS * 2 ** (this.#throttlesInARow - 1));
    return bound / 2 + (bound / 2) * this.#random();
  }

  /** Never sooner than was said, and not all at the same moment. */
  #jitter(ms: number): number {
    return Math.min(2000, ms * 0.1 * this.#random());
  }

  #pause(account: Account, untilMs: number, now: number, reason: string): void {
    // Of calls that were on their way together each is refused; that is one pause.
    const isNews = account.wait(now, NOBODY) === 0 || account.bound !== 'pause';
    if (!account.pause(untilMs, now) || !isNews) return;
    this.#tell({ type: 'lane-paused', forMs: untilMs - now, reason }, account.name);
    this.#free();
  }

  /** One account cannot go on, and another can. */
  #isElsewhere({ scope }: Verdict, now: number): boolean {
    return scope === 'account' && !this.isDead(now);
  }

  #onBreaker(state: BreakerState, account: string | undefined): void {
    this.#tell(
      { type: 'lane-breaker', state, reason: state === 'open' ? this.#lastError : undefined },
      account,
    );
    this.#free();
  }

  #tell(event: LaneEvent, account: string | undefined): void {
    for (const listener of this.#listeners) listener.onEvent(event, account);
  }

  #free(): void {
    for (const listener of this.#listeners) listener.onFree();
  }
}

/** Whether a call that failed may be made again, as far as its effect goes. */
function mayHappenAgain(
  { kind, mayHaveHappened }: Verdict,
  { retry, isAsked, isOnce }: Failure,
  isRefunded: boolean,
): boolean {
  if (kind === 'lock') return retry.attempts > 1;
  if (isOnce && (mayHaveHappened === true || !isAsked)) return false;
  // One attempt means: not again what may have happened.
  return retry.attempts > 1 || (isRefunded && mayHaveHappened !== true);
}

/** So often a failure is put down to a provider in trouble; then the task itself may be the trouble. */
const MOST_REFUNDS = 10;
/** However often it is not the task's fault: a provider that refuses for ever must not keep it for ever. */
const MOST_STARTS = 50;
