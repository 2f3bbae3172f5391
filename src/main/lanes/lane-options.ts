/**
 * The options of a lane, as the caller writes them: meaning, units, defaults.
 *
 * A lane is a named route to something that limits its callers: an API, an AI provider, a database. Its
 * limits hold for every attempt of every task that goes through it, first or repeated, on any thread.
 * resolve-lane.ts checks the options and fills in defaults.
 */

/** Calls that a provider allows in a window of time. */
export interface RateOptions {
  /** Calls in any window. */
  readonly limit: number;
  /** Length of the window, in ms. @defaultValue 1000 */
  readonly perMs?: number | undefined;
  /**
   * Calls that may start at once; the others follow at an even pace. With `limit`, a whole window's worth may
   * start at once: providers that count calls per window accept that, those that fill a bucket refuse it.
   *
   * @defaultValue a twentieth of `limit`, at least 1
   */
  readonly burst?: number | undefined;
  /**
   * A call counts for the window and this time, in ms. Must exceed the difference between the network delays
   * of two calls.
   *
   * @defaultValue a fiftieth of `perMs`, from 50 to 250
   */
  readonly guardMs?: number | undefined;
  /**
   * Counts a call until one window after its answer instead of its start: exact whatever the network does,
   * but slower. @defaultValue false
   */
  readonly strict?: boolean | undefined;
}

/** A budget of units that tasks use in unequal amounts: tokens, points, seconds of execution. */
export interface BudgetOptions {
  /**
   * What is counted: `'tokens'`. Reports name it, and a task reports its true use by this name:
   * `ctx.observe({ used: { tokens: 812 } })`.
   */
  readonly unit: string;
  readonly limit: number;
  /** @defaultValue 60_000 */
  readonly perMs?: number | undefined;
  /** Units that may start at once. @defaultValue a tenth of `limit` */
  readonly burst?: number | undefined;
  /** Returns how many units a task will use, at most. */
  // biome-ignore lint/suspicious/noExplicitAny: an input of any batch
  readonly estimate: (input: any) => number;
  /**
   * `'refund'`: the use that a task reported replaces the estimate when it ends. `'keep'`: the estimate stays
   * charged.
   *
   * @defaultValue 'refund'
   */
  readonly settle?: 'refund' | 'keep' | undefined;
}

/** Concurrency that adapts to what the provider can handle. */
export interface AdaptiveOptions {
  /** @defaultValue 1 */
  readonly min?: number | undefined;
  /** @defaultValue 64 */
  readonly max?: number | undefined;
  /** @defaultValue 4 */
  readonly start?: number | undefined;
}

/** What limits a lane, or one account of it. All must grant before a task starts. */
export interface LaneLimits {
  /** Concurrent calls. `'auto'` adapts to what the provider can handle. @defaultValue the run's limit */
  readonly concurrency?: number | 'auto' | AdaptiveOptions | undefined;
  readonly rate?: RateOptions | readonly RateOptions[] | undefined;
  readonly budgets?: readonly BudgetOptions[] | undefined;
}

/** What a failed attempt means. */
export interface Verdict {
  /**
   * `throttle`: the provider wants fewer calls; costs no attempt. `lock`: another client holds what the task
   * needs. `transient`: worth another attempt. `permanent`: not worth one.
   */
  readonly kind: 'throttle' | 'lock' | 'transient' | 'permanent';
  /** The least delay before the next attempt, in ms. */
  readonly delayMs?: number | undefined;
  /** Who waits. @defaultValue the account for `throttle`, else the task */
  readonly scope?: 'task' | 'account' | 'lane' | undefined;
  /** The provider cannot keep up: fewer concurrent calls from now on. */
  readonly isOverload?: boolean | undefined;
  /** The call may have taken effect although it failed. */
  readonly mayHaveHappened?: boolean | undefined;
}

/** Judges a failed attempt; `usual` is heddle's own verdict. */
export type Classify = (error: Error, usual: Verdict) => Verdict | Verdict['kind'];

/** How attempts in a lane are repeated. */
export interface LaneRetryOptions {
  /** Attempts in all, the first included; throttled attempts do not count. @defaultValue 4 */
  readonly attempts?: number | undefined;
  /** @defaultValue 500 */
  readonly backoffMs?: number | undefined;
  /** @defaultValue 2 */
  readonly factor?: number | undefined;
  /** @defaultValue 30_000 */
  readonly maxDelayMs?: number | undefined;
  /** @defaultValue 'full' */
  readonly jitter?: 'full' | 'none' | undefined;
  /**
   * Upper bound of the retries for each call that succeeds. Beyond it, the breaker opens, so that retries do
   * not flood a provider in trouble. @defaultValue 0.2
   */
  readonly share?: number | undefined;
}

/** When a lane stops calling a provider in trouble, and how it tests whether it recovered. */
export interface BreakerOptions {
  /** Share of failed calls, of at least 20 calls in 10 s, that opens the breaker. @defaultValue 0.5 */
  readonly failures?: number | undefined;
  /** Failures in a row that open it when there are fewer calls. @defaultValue 5 */
  readonly inARow?: number | undefined;
  /** First pause, in ms; doubles with each failed probe. @defaultValue 2000 */
  readonly openMs?: number | undefined;
  /** @defaultValue 60_000 */
  readonly maxOpenMs?: number | undefined;
  /** `'wait'`: tasks wait until it closes; `'fail'`: they fail with HEDDLE_LANE_OPEN. @defaultValue 'wait' */
  readonly onOpen?: 'wait' | 'fail' | undefined;
  /** The run ends resumable when all that is left has waited this long, in ms. @defaultValue 900_000 */
  readonly giveUpMs?: number | undefined;
}

/** A lane. */
export interface LaneOptions extends LaneLimits {
  /**
   * Several keys of one provider, by name. Each has limits of its own in addition to those of the lane. A
   * task goes to the account that can start it first, and finds the account's name in `ctx.account`.
   */
  readonly accounts?: Readonly<Record<string, LaneLimits>> | undefined;
  readonly retry?: LaneRetryOptions | undefined;
  readonly breaker?: BreakerOptions | false | undefined;
  readonly classify?: Classify | undefined;
}

/** Something that tasks must not use at the same time. A string is an exclusive lock. */
export type Lock = string | { readonly key: string; readonly mode: 'shared' | 'exclusive' };
