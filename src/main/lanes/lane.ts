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

import { OptionError } from '../../protocol/errors.js';
import { describe } from '../../protocol/serialized-error.js';
import { backoffMs } from '../backoff.js';
import type { ResolvedRetry } from '../resolve-options.js';
import { Account, type Bound, type Caller } from './account.js';
import { pickAccount } from './balance.js';
import { Breaker, type BreakerState } from './breaker.js';
import { classifyError, resolveVerdict } from './classify.js';
import type { Verdict } from './lane-options.js';
import { readLimitHeaders } from './limit-headers.js';
import type { ResolvedLane } from './resolve-lane.js';
import { RetryBudget } from './retry-budget.js';
import type { Share } from './shares.js';

/** A call that was let through. */
export interface Grant {
  readonly account: Account;
  readonly caller: Caller;
  readonly startedAt: number;
  readonly isProbe: boolean;
  /** How it ended was told. */
  isTold: boolean;
}

/** A call that was not. */
export interface Hold {
  readonly waitMs: number;
  readonly bound: Bound;
  /** The limit in words: `40,000 tokens/min`. */
  readonly text: string;
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
/** An account that is to wait longer than this is given up for this process. */
const MAX_PAUSE_MS = 900_000;

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

  /** No account will ever take a call again. */
  get isDead(): boolean {
    return this.accounts.every(({ isSuspended }) => isSuspended);
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  subscribe(listener: LaneListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Until the call could start, in ms. */
  wait(now: number, caller: Caller): number {
    return Math.max(this.#shared?.wait(now, caller) ?? 0, this.#pick(now, caller).wait(now, caller));
  }

  /** Starts a call, if everything grants it. */
  admit(now: number, caller: Caller): Grant | Hold {
    const shared = this.#shared;
    const sharedMs = shared?.wait(now, caller) ?? 0;
    const account = this.#pick(now, caller);
    const ms = account.wait(now, caller);
    if (ms > 0 || sharedMs > 0) {
      const slower = shared !== undefined && sharedMs > ms ? shared : account;
      return { waitMs: Math.max(ms, sharedMs), bound: slower.bound as Bound, text: slower.boundText };
    }
    shared?.take(now, caller);
    const isProbe = account.take(now, caller);
    return { account, caller, startedAt: now, isProbe, isTold: false };
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

  /** @param starts - how often the task was started, this time included */
  failed(
    grant: Grant,
    error: Error,
    { now, attempt, starts, retry }: { now: number; attempt: number; starts: number; retry: ResolvedRetry },
  ): Decision {
    grant.isTold = true;
    this.#lastError = error.message;
    const verdict = this.judge(error);
    const { account } = grant;
    const { breaker } = account;
    const { kind, delayMs = 0 } = verdict;
    // Other failures say nothing of how long an answer takes.
    if (verdict.isOverload === true) this.#learn(grant, now, true);
    const counts = kind === 'transient' ? 'failed' : 'neutral';
    breaker?.ended(
      now,
      counts,
      grant.isProbe,
      grant.startedAt,
      kind === 'transient' ? verdict.delayMs : undefined,
    );
    this.#holdOthers(verdict, grant, now);
    const isWorth = kind !== 'permanent' || this.#isElsewhere(verdict);
    if (!isWorth || starts >= MOST_STARTS) return undefined;
    if (kind === 'throttle' || kind === 'permanent')
      return { delayMs: verdict.scope === 'task' ? delayMs : 0, isCharged: false };
    const policy =
      kind === 'lock' ? { ...LOCKED, attempts: Math.max(LOCKED.attempts, retry.attempts) } : retry;
    const isRefunded =
      kind === 'transient' &&
      breaker !== undefined &&
      breaker.state !== 'closed' &&
      starts - attempt < MOST_REFUNDS;
    // One attempt means: never again what may have happened.
    if (retry.attempts === 1 && !(isRefunded && verdict.mayHaveHappened === false)) return undefined;
    if (attempt >= policy.attempts && !isRefunded) return undefined;
    if (kind === 'transient' && !this.#retries.take(now)) breaker?.trip(now);
    return {
      delayMs: Math.max(delayMs, backoffMs(policy, attempt + 1, this.#random)),
      isCharged: !isRefunded,
    };
  }

  /** What a failure means: what is known of it, and what the caller's own hook says. */
  judge(error: Error): Verdict {
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
    if (used !== undefined) grant.caller.used = { ...grant.caller.used, ...checkedUse(used) };
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
    if (kind === 'permanent' && scope === 'account') return account.suspend();
    if (kind === 'throttle' && scope !== 'task') {
      account.throttled(now, startedAt);
      const ms = delayMs === undefined ? this.#throttleMs(now, startedAt) : delayMs + this.#jitter(delayMs);
      if (ms > MAX_PAUSE_MS) account.suspend();
      for (const each of scope === 'lane' ? this.accounts : [account])
        this.#pause(each, now + ms, now, 'the provider refuses calls');
    } else if (delayMs !== undefined && scope !== undefined && scope !== 'task') {
      for (const each of scope === 'lane' ? this.accounts : [account])
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
    account.pause(untilMs, now);
    this.#tell({ type: 'lane-paused', forMs: untilMs - now, reason }, account.name);
    this.#free();
  }

  /** One account cannot go on, and another can. */
  #isElsewhere({ kind, scope }: Verdict): boolean {
    return kind === 'permanent' && scope === 'account' && !this.isDead;
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

/** @throws {@link OptionError} */
function checkedUse(used: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const isUse = (value: unknown) =>
    typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY;
  if (typeof used === 'object' && used !== null && Object.values(used).every(isUse)) return used;
  throw new OptionError(
    'used',
    `Expected \`used\` of ctx.observe to be numbers from 0 by unit, such as { tokens: 812 }, got ${describe(used)}`,
  );
}

/** So often a failure is put down to a provider in trouble; then the task itself may be the trouble. */
const MOST_REFUNDS = 10;
/** However often it is not the task's fault: a provider that refuses for ever must not keep it for ever. */
const MOST_STARTS = 50;
