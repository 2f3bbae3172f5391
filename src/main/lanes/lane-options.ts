/**
 * The options of a lane, as the caller writes them: meaning, units, defaults.
 *
 * A lane is a named route to something that limits you: an API, an AI provider, a database. What it declares holds for every attempt
 * of every task that goes through it, first or repeated, on whatever thread. resolve-lane.ts checks the options and fills in defaults.
 */

/** Calls that a provider allows in a window of time. */
export interface RateOptions {
  /** Calls in any window. */
  readonly limit: number;
  /** Length of the window, in ms. @defaultValue 1000 */
  readonly perMs?: number | undefined;
  /**
   * Calls that may go at once; the others follow at an even pace. `limit` lets a whole window's worth go at once: right for providers that count
   * calls in a window, refused by those that fill a bucket. @defaultValue a twentieth of `limit`, at least 1
   */
  readonly burst?: number | undefined;
  /**
   * How much longer than the window a call is counted, in ms: must exceed the difference between the delays of two calls on
   * their way to the provider. @defaultValue a fiftieth of `perMs`, from 50 to 250
   */
  readonly guardMs?: number | undefined;
  /** Count a call until one window after its answer, not its start: right whatever the network does, and slower. @defaultValue false */
  readonly strict?: boolean | undefined;
}

/** A budget of something that tasks use up unequally: tokens, points, seconds of execution. */
export interface BudgetOptions {
  /** What is counted, for reports: `'tokens'`. One task tells its true use by this name: `ctx.observe({ used: { tokens: 812 } })`. */
  readonly unit: string;
  readonly limit: number;
  /** @defaultValue 60_000 */
  readonly perMs?: number | undefined;
  /** Units that may go at once. @defaultValue a tenth of `limit` */
  readonly burst?: number | undefined;
  /** How much a task will use, at most. */
  // biome-ignore lint/suspicious/noExplicitAny: an input of any batch
  readonly estimate: (input: any) => number;
  /**
   * `'refund'`: what a task told of its use takes the place of the estimate when it ends; `'keep'`: the provider counts the estimate for
   * good. @defaultValue 'refund'
   */
  readonly settle?: 'refund' | 'keep' | undefined;
}

/** Concurrency that follows what the provider can bear. */
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
  /** Calls at once. `'auto'`: found out by what the provider bears. @defaultValue no limit but the run's */
  readonly concurrency?: number | 'auto' | AdaptiveOptions | undefined;
  readonly rate?: RateOptions | readonly RateOptions[] | undefined;
  readonly budgets?: readonly BudgetOptions[] | undefined;
}

/** What a failed attempt means. */
export interface Verdict {
  /**
   * `throttle`: the provider wants fewer calls; `lock`: somebody else holds what the task needs; `transient`: worth another attempt;
   * `permanent`: not. Being throttled costs no attempt.
   */
  readonly kind: 'throttle' | 'lock' | 'transient' | 'permanent';
  /** No sooner than this, in ms. */
  readonly delayMs?: number | undefined;
  /** Who waits. @defaultValue the account for `throttle`, else the task */
  readonly scope?: 'task' | 'account' | 'lane' | undefined;
  /** The provider cannot keep up: fewer calls at once from now on. */
  readonly isOverload?: boolean | undefined;
  /** The call may have taken effect all the same. */
  readonly mayHaveHappened?: boolean | undefined;
}

/** Looks at a failed attempt; `usual` is what heddle makes of it. */
export type Classify = (error: Error, usual: Verdict) => Verdict | Verdict['kind'];

/** Repetition of attempts in a lane. */
export interface LaneRetryOptions {
  /** Attempts in all that a task may fail; being throttled is none. @defaultValue 4 */
  readonly attempts?: number | undefined;
  /** @defaultValue 500 */
  readonly backoffMs?: number | undefined;
  /** @defaultValue 2 */
  readonly factor?: number | undefined;
  /** @defaultValue 30_000 */
  readonly maxDelayMs?: number | undefined;
  /** @defaultValue 'full' */
  readonly jitter?: 'full' | 'none' | undefined;
  /** Retries for each call that succeeds, at most: beyond it the lane pauses rather than storm a provider in trouble. @defaultValue 0.2 */
  readonly share?: number | undefined;
}

/** When a lane stops calling a provider in trouble, and how it finds out that it is over. */
export interface BreakerOptions {
  /** Share of failed calls that opens it, of at least 20 calls in 10 s. @defaultValue 0.5 */
  readonly failures?: number | undefined;
  /** With fewer calls: so many failures in a row. @defaultValue 5 */
  readonly inARow?: number | undefined;
  /** First pause, in ms; doubled with each probe that fails. @defaultValue 2000 */
  readonly openMs?: number | undefined;
  /** @defaultValue 60_000 */
  readonly maxOpenMs?: number | undefined;
  /** `'wait'`: tasks wait for the provider; `'fail'`: they fail at once with HEDDLE_LANE_OPEN. @defaultValue 'wait' */
  readonly onOpen?: 'wait' | 'fail' | undefined;
  /** When all that is left has waited so long, in ms, the run ends and can be resumed. @defaultValue 900_000 */
  readonly giveUpMs?: number | undefined;
}

/** A lane. */
export interface LaneOptions extends LaneLimits {
  /**
   * Several keys of one provider, by name: each has limits of its own beside those of the lane. A task goes to the one that can start it
   * first, and finds its name in `ctx.account`.
   */
  readonly accounts?: Readonly<Record<string, LaneLimits>> | undefined;
  readonly retry?: LaneRetryOptions | undefined;
  readonly breaker?: BreakerOptions | false | undefined;
  readonly classify?: Classify | undefined;
}

/** Something that tasks must not touch at the same time. A text is an exclusive lock. */
export type Lock = string | { readonly key: string; readonly mode: 'shared' | 'exclusive' };
