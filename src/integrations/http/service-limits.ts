/**
 * What a batch keeps to: the least of what was asked for, what the endpoint and the service allow, and what there is to do.
 *
 * What is asked for can lower a ceiling and never raise it. Each clamp is told with its reason.
 */

import { type Clamp, OptionError } from '../../main/index.js';
import type { Prepared } from './prepare.js';

/** Calls in a window of time. */
export interface CallRate {
  readonly limit: number;
  readonly perMs: number;
  readonly burst: number | undefined;
}

/** When a failed attempt is repeated. */
export interface RetryPlan {
  /** Attempts in all. */
  readonly attempts: number;
  /** Statuses; undefined: the usual ones. */
  readonly statuses: readonly number[] | undefined;
  /** The same wait each time; undefined: growing, jittered. */
  readonly delayMs: number | undefined;
}

/** What was asked for. */
export interface LimitRequest {
  readonly concurrency: number | 'auto';
  /** The number is the caller's own, not a default. */
  readonly isAsked: boolean;
  readonly rate: CallRate | undefined;
  readonly burst: number | undefined;
  /** Further attempts. */
  readonly retries: number | undefined;
  readonly total: number | undefined;
}

/** What a batch runs with. */
export interface BatchLimits {
  readonly concurrency: number;
  readonly isAuto: boolean;
  readonly clamps: readonly Clamp[];
  readonly rates: readonly CallRate[];
  readonly retry: RetryPlan | undefined;
}

/** The most that `auto` tries. */
const MOST_AUTO = 64;
/** Attempts where the endpoint says what to repeat, and not how often. */
const ATTEMPTS = 3;

export function limitsOf(
  prepared: Pick<Prepared, 'batchConfig' | 'rateLimits'>,
  asked: LimitRequest,
): BatchLimits {
  const { batchConfig, rateLimits } = prepared;
  refuseBurst(prepared, asked);
  const requested = asked.concurrency === 'auto' ? MOST_AUTO : asked.concurrency;
  const ceilings = [
    { most: batchConfig.maxConcurrency, reason: 'endpoint batchConfig.maxConcurrency', isTold: true },
    { most: rateLimits.concurrency, reason: 'service rateLimits.concurrency', isTold: true },
    {
      most: asked.total === undefined ? undefined : Math.max(asked.total, 1),
      reason: `the batch has ${asked.total} ${asked.total === 1 ? 'item' : 'items'}`,
      isTold: asked.isAsked,
    },
  ].flatMap(({ most, ...rest }) => (most === undefined || most >= requested ? [] : [{ most, ...rest }]));
  ceilings.sort((a, b) => a.most - b.most);
  const [least, ...others] = ceilings;
  const isTold = least?.isTold === true && asked.concurrency !== 'auto';
  const more = others
    .map(({ reason, most }) => `; ${reason}${reason.includes(' has ') ? '' : ` is ${most}`}`)
    .join('');
  return {
    concurrency: least?.most ?? requested,
    isAuto: asked.concurrency === 'auto',
    clamps: isTold ? [{ requested, ran: least.most, reason: `${least.reason}${more}` }] : [],
    rates: ratesOf(prepared, asked),
    retry: retryOf(prepared, asked),
  };
}

function refuseBurst(
  { rateLimits }: Pick<Prepared, 'rateLimits'>,
  { rate, burst }: Pick<LimitRequest, 'rate' | 'burst'>,
): void {
  if (burst === undefined) return;
  const { requestsPerSecond, requestsPerMinute } = rateLimits;
  const isLimited = rate !== undefined || requestsPerSecond !== undefined || requestsPerMinute !== undefined;
  if (!isLimited)
    throw new OptionError(
      'burst',
      'The option `burst` is the number of requests of a rate that may start at once: add `rateLimit` (--rate-limit)',
    );
  if (rate !== undefined && burst > rate.limit)
    throw new OptionError(
      'burst',
      `The option \`burst\` (${burst}) is more than the ${rate.limit} requests of \`rateLimit\``,
    );
}

function ratesOf({ rateLimits }: Pick<Prepared, 'rateLimits'>, { rate, burst }: LimitRequest): CallRate[] {
  const { requestsPerSecond, requestsPerMinute, burstSize } = rateLimits;
  const rates: CallRate[] = [];
  if (requestsPerSecond !== undefined)
    rates.push(wholeRate(requestsPerSecond, 1000, least(burst, burstSize)));
  if (requestsPerMinute !== undefined)
    rates.push(wholeRate(requestsPerMinute, 60_000, least(burst, burstSize)));
  // All of them must grant, so the one that is asked for cannot raise the others.
  if (rate !== undefined) rates.push({ ...rate, burst: burst ?? rate.burst });
  return rates;
}

/** Limits are whole numbers of calls: half a call in a second is one in two. */
export function wholeRate(limit: number, perMs: number, burst: number | undefined): CallRate {
  const scale = Number.isInteger(limit) ? 1 : limit < 1 ? 1 / limit : 10;
  const whole = Math.max(1, Math.floor(limit * scale));
  // Rounded down, the window shrinks with it, so that the pace stays.
  const windowMs = Math.ceil((perMs * whole) / limit);
  return { limit: whole, perMs: windowMs, burst: burst === undefined ? undefined : Math.min(burst, whole) };
}

function least(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}

function retryOf(
  { batchConfig }: Pick<Prepared, 'batchConfig'>,
  { retries }: LimitRequest,
): RetryPlan | undefined {
  const { retryOn, retryDelay, attempts } = batchConfig;
  const isConfigured = retryOn !== undefined || retryDelay !== undefined || attempts !== undefined;
  const most = retries === undefined ? (isConfigured ? (attempts ?? ATTEMPTS) : 1) : retries + 1;
  return most === 1 ? undefined : { attempts: most, statuses: retryOn, delayMs: retryDelay };
}
