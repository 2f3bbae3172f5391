/** Checks the options of a lane and fills in defaults. */

import type {
  BreakerOptions,
  BudgetOptions,
  LaneLimits,
  LaneOptions,
  LaneRetryOptions,
  RateOptions,
} from '../lanes/lane-options.js';
import type { ResolvedAdaptive } from '../lanes/limits/adaptive.js';
import type { ResolvedBreaker } from '../lanes/limits/breaker.js';
import type { ResolvedBudget } from '../lanes/limits/budget.js';
import type { ResolvedRate } from '../lanes/limits/rate-window.js';
import type { ResolvedLane, ResolvedLimits } from '../lanes/resolved-lane.js';
import {
  boolean,
  callback,
  expected,
  integer,
  MAX_COUNT,
  milliseconds,
  oneOf,
  optional,
  refuseUnknown,
} from './option-checks.js';

export type { ResolvedLane } from '../lanes/resolved-lane.js';

const LIMITS = ['concurrency', 'rate', 'budgets'] as const;

/**
 * Checks the options of a lane and fills in defaults.
 *
 * @param name - for messages and reports
 * @param option - path of the option, for messages
 * @throws {@link OptionError} HEDDLE_INVALID_OPTION
 */
export function resolveLane(name: string, value: LaneOptions, option: string): ResolvedLane {
  const example = 'an object such as { concurrency: 10, rate: { limit: 100, perMs: 1000 } }';
  checkFields(option, value, example, [...LIMITS, 'accounts', 'retry', 'breaker', 'classify']);
  const accounts = Object.entries(value.accounts ?? {}).map(([account, limits]) => {
    const where = `${option}.accounts.${account}`;
    checkFields(where, limits, 'an object of limits', LIMITS);
    return { name: account, limits: resolveLimits(limits, where) };
  });
  if (value.accounts !== undefined && accounts.length === 0)
    throw expected(`${option}.accounts`, 'an object with at least one account', value.accounts);
  return {
    name,
    limits: resolveLimits(value, option),
    accounts,
    ...resolveRetry(value.retry ?? {}, `${option}.retry`),
    breaker: value.breaker === false ? undefined : resolveBreaker(value.breaker ?? {}, `${option}.breaker`),
    classify: optional(value.classify, (hook) => callback(`${option}.classify`, hook)),
  };
}

function resolveLimits({ concurrency, rate, budgets }: LaneLimits, option: string): ResolvedLimits {
  const rates = rate === undefined ? [] : Array.isArray(rate) ? rate : [rate];
  if (budgets !== undefined && !Array.isArray(budgets))
    throw expected(`${option}.budgets`, 'an array of budgets', budgets);
  return {
    concurrency: optional(concurrency, (value) => resolveConcurrency(value, `${option}.concurrency`)),
    rates: rates.map((each, i) =>
      resolveRate(each, rates.length > 1 ? `${option}.rate[${i}]` : `${option}.rate`),
    ),
    budgets: (budgets ?? []).map((budget: BudgetOptions, i) =>
      resolveBudget(budget, `${option}.budgets[${i}]`),
    ),
  };
}

function resolveConcurrency(
  value: NonNullable<LaneLimits['concurrency']>,
  option: string,
): number | ResolvedAdaptive {
  if (typeof value !== 'object' || value === null)
    return value === 'auto'
      ? { min: 1, max: 64, start: 4 }
      : integer(option, value, 1, MAX_COUNT, ' or "auto"');
  refuseUnknown(value, ['min', 'max', 'start'], option, `${option}.`);
  const min = integer(`${option}.min`, value.min ?? 1, 1, MAX_COUNT);
  const max = integer(`${option}.max`, value.max ?? Math.max(64, min), min, MAX_COUNT);
  const start = integer(`${option}.start`, value.start ?? Math.min(max, Math.max(min, 4)), min, max);
  return { min, max, start };
}

function resolveRate(value: RateOptions, option: string): ResolvedRate {
  const example = 'an object such as { limit: 100, perMs: 1000 }';
  checkFields(option, value, example, ['limit', 'perMs', 'burst', 'guardMs', 'strict']);
  const limit = integer(`${option}.limit`, value.limit, 1, MAX_COUNT);
  const perMs = milliseconds(`${option}.perMs`, value.perMs ?? 1000, 1);
  return {
    limit,
    perMs,
    burst: integer(`${option}.burst`, value.burst ?? Math.max(1, Math.floor(limit / 20)), 1, limit),
    guardMs: milliseconds(`${option}.guardMs`, value.guardMs ?? Math.min(250, Math.max(50, perMs / 50)), 0),
    strict: boolean(`${option}.strict`, value.strict ?? false),
  };
}

function resolveBudget(value: BudgetOptions, option: string): ResolvedBudget {
  const example = 'an object such as { unit: "tokens", limit: 40000, estimate: (input) => … }';
  checkFields(option, value, example, ['unit', 'limit', 'perMs', 'burst', 'estimate', 'settle']);
  const { unit } = value;
  if (typeof unit !== 'string' || unit === '')
    throw expected(`${option}.unit`, 'the name of what is counted', unit);
  const limit = positive(`${option}.limit`, value.limit);
  return {
    unit,
    limit,
    perMs: milliseconds(`${option}.perMs`, value.perMs ?? 60_000, 1),
    burst: positive(`${option}.burst`, value.burst ?? limit / 10, limit),
    estimate: callback(`${option}.estimate`, value.estimate),
    settle: oneOf(`${option}.settle`, value.settle ?? 'refund', ['refund', 'keep']),
  };
}

function resolveRetry(value: LaneRetryOptions, option: string): Pick<ResolvedLane, 'retry' | 'retryShare'> {
  const names = ['attempts', 'backoffMs', 'factor', 'maxDelayMs', 'jitter', 'share'];
  checkFields(option, value, 'an object such as { attempts: 4 }', names);
  return {
    retry: {
      attempts: integer(`${option}.attempts`, value.attempts ?? 4, 1, MAX_COUNT),
      backoffMs: milliseconds(`${option}.backoffMs`, value.backoffMs ?? 500, 0),
      factor: between(`${option}.factor`, value.factor ?? 2, 1, 100),
      maxDelayMs: milliseconds(`${option}.maxDelayMs`, value.maxDelayMs ?? 30_000, 0),
      jitter: oneOf(`${option}.jitter`, value.jitter ?? 'full', ['full', 'none']),
      retryIf: () => true,
    },
    retryShare: between(`${option}.share`, value.share ?? 0.2, 0, 1),
  };
}

function resolveBreaker(value: BreakerOptions, option: string): ResolvedBreaker {
  const names = ['failures', 'inARow', 'openMs', 'maxOpenMs', 'onOpen', 'giveUpMs'];
  checkFields(option, value, 'false, or an object such as { openMs: 2000 }', names);
  const openMs = milliseconds(`${option}.openMs`, value.openMs ?? 2000, 1);
  return {
    failures: between(`${option}.failures`, value.failures ?? 0.5, 0.01, 1),
    inARow: integer(`${option}.inARow`, value.inARow ?? 5, 1, MAX_COUNT),
    openMs,
    maxOpenMs: milliseconds(`${option}.maxOpenMs`, value.maxOpenMs ?? Math.max(60_000, openMs), openMs),
    onOpen: oneOf(`${option}.onOpen`, value.onOpen ?? 'wait', ['wait', 'fail']),
    giveUpMs: milliseconds(`${option}.giveUpMs`, value.giveUpMs ?? 900_000, 0),
  };
}

function checkFields(option: string, value: object, example: string, names: readonly string[]): void {
  if (typeof value !== 'object' || value === null) throw expected(option, example, value);
  refuseUnknown(value, names, option, `${option}.`);
}

function between(option: string, value: unknown, least: number, most: number): number {
  if (typeof value === 'number' && value >= least && value <= most) return value;
  throw expected(option, `a number from ${least} to ${most}`, value);
}

function positive(option: string, value: unknown, most: number = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && value > 0 && value <= most) return value;
  const bound = most < Number.MAX_SAFE_INTEGER ? `, at most ${most}` : '';
  throw expected(option, `a number above 0${bound}`, value);
}
