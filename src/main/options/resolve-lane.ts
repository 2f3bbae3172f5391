/** The options of lanes: checked and given their defaults once, here. */

import {
  anything,
  boolean,
  integer,
  list,
  matching,
  milliseconds,
  number,
  object,
  oneOf,
  optional,
  orEmpty,
  record,
  type Schema,
  withDefault,
} from '../../text/schema.js';
import type { Classify } from '../lanes/lane-options.js';
import type { ResolvedAdaptive } from '../lanes/limits/adaptive.js';
import type { ResolvedBreaker } from '../lanes/limits/breaker.js';
import type { ResolvedBudget } from '../lanes/limits/budget.js';
import type { ResolvedRate } from '../lanes/limits/rate-window.js';
import type { ResolvedLane, ResolvedLimits } from '../lanes/resolved-lane.js';
import { callback, MAX_COUNT, retryFields } from './option-checks.js';

const CONCURRENCY: Schema<number | ResolvedAdaptive> = (value, at) => {
  if (value === 'auto') return { min: 1, max: 64, start: 4 };
  if (typeof value !== 'object' || value === null)
    return integer(1, MAX_COUNT, `an integer from 1 to ${MAX_COUNT} or "auto"`)(value, at);
  const given = object({ min: withDefault(1, integer(1, MAX_COUNT)), max: anything, start: anything })(
    value,
    at,
  );
  const { min } = given;
  const max = withDefault(Math.max(64, min), integer(min, MAX_COUNT))(given.max, at.within('max'));
  const start = withDefault(Math.min(max, Math.max(min, 4)), integer(min, max))(
    given.start,
    at.within('start'),
  );
  return { min, max, start };
};

const RATE_FIELDS = object(
  {
    limit: integer(1, MAX_COUNT),
    perMs: withDefault(1000, milliseconds(1)),
    burst: anything,
    guardMs: optional(milliseconds(0)),
    strict: withDefault(false, boolean),
  },
  'an object such as { limit: 100, perMs: 1000 }',
);

const RATE: Schema<ResolvedRate> = (value, at) => {
  const { burst, guardMs, ...rest } = RATE_FIELDS(value, at);
  const { limit, perMs } = rest;
  return {
    ...rest,
    burst: withDefault(Math.max(1, Math.floor(limit / 20)), integer(1, limit))(burst, at.within('burst')),
    guardMs: guardMs ?? Math.min(250, Math.max(50, perMs / 50)),
  };
};

const RATES: Schema<readonly ResolvedRate[]> = (value, at) =>
  Array.isArray(value) ? list(RATE)(value, at) : [RATE(value, at)];

const BUDGET_FIELDS = object(
  {
    unit: matching<string>(
      'the name of what is counted',
      (value) => typeof value === 'string' && value !== '',
    ),
    limit: above0(),
    perMs: withDefault(60_000, milliseconds(1)),
    burst: anything,
    estimate: callback<(input: unknown) => number>(),
    settle: withDefault('refund', oneOf('refund', 'keep')),
  },
  'an object such as { unit: "tokens", limit: 40000, estimate: (input) => … }',
);

const BUDGET: Schema<ResolvedBudget> = (value, at) => {
  const { burst, ...rest } = BUDGET_FIELDS(value, at);
  const { limit } = rest;
  return { ...rest, burst: withDefault(limit / 10, above0(limit))(burst, at.within('burst')) };
};

const RETRY = object(
  { ...retryFields(4, 500), share: withDefault(0.2, number(0, 1)) },
  'an object such as { attempts: 4 }',
);

const BREAKER_FIELDS = object(
  {
    failures: withDefault(0.5, number(0.01, 1)),
    inARow: withDefault(5, integer(1, MAX_COUNT)),
    openMs: withDefault(2000, milliseconds(1)),
    maxOpenMs: anything,
    onOpen: withDefault('wait', oneOf('wait', 'fail')),
    giveUpMs: withDefault(900_000, milliseconds(0)),
  },
  'false, or an object such as { openMs: 2000 }',
);

const BREAKER: Schema<ResolvedBreaker | undefined> = (value, at) => {
  if (value === false) return undefined;
  const { maxOpenMs, ...rest } = orEmpty(BREAKER_FIELDS)(value, at);
  const { openMs } = rest;
  const longest = withDefault(Math.max(60_000, openMs), milliseconds(openMs));
  return { ...rest, maxOpenMs: longest(maxOpenMs, at.within('maxOpenMs')) };
};

const LIMITS = {
  concurrency: optional(CONCURRENCY),
  rate: withDefault([], RATES),
  budgets: withDefault([], list(BUDGET, 'an array of budgets')),
};
const ACCOUNT = object(LIMITS, 'an object of limits');
const LANE_FIELDS = object(
  {
    ...LIMITS,
    accounts: optional(record(ACCOUNT, 'an object of accounts by name')),
    retry: orEmpty(RETRY),
    breaker: BREAKER,
    classify: optional(callback<Classify>()),
  },
  'an object such as { concurrency: 10, rate: { limit: 100, perMs: 1000 } }',
);

/** {@link LaneOptions} with all defaults filled in. */
export const LANE: Schema<Omit<ResolvedLane, 'name'>> = (value, at) => {
  const { accounts, retry, breaker, classify, ...limits } = LANE_FIELDS(value, at);
  const { share, ...policy } = retry;
  const named = Object.entries(accounts ?? {});
  if (accounts !== undefined && named.length === 0)
    at.within('accounts').refuse('an object with at least one account', accounts);
  return {
    limits: limitsOf(limits),
    accounts: named.map(([name, each]) => ({ name, limits: limitsOf(each) })),
    retry: { ...policy, retryIf: () => true },
    retryShare: share,
    breaker,
    classify,
  };
};

function limitsOf({ concurrency, rate, budgets }: ReturnType<typeof ACCOUNT>): ResolvedLimits {
  return { concurrency, rates: rate, budgets };
}

function above0(most?: number): Schema<number> {
  return matching(
    `a number above 0${most === undefined ? '' : `, at most ${most}`}`,
    (value) => typeof value === 'number' && value > 0 && value <= (most ?? Number.MAX_SAFE_INTEGER),
  );
}
