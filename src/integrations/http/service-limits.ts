/**
 * The limits of a batch: the lowest of the request, the endpoint, the service and the number of items.
 *
 * A request can lower a limit of the service, never raise it. Each clamp is reported with its reason.
 */

import { type Clamp, OptionError } from '../../main/index.js';
import type { Prepared } from './prepare.js';

/** Calls in a window of time. */
export interface CallRate {
  readonly limit: number;
  readonly perMs: number;
  readonly burst: number | undefined;
}

/** When a failed request is repeated. */
export interface RetryPlan {
  /** Attempts in all. */
  readonly attempts: number;
  /** Statuses to repeat; undefined: those that the core calls temporary. */
  readonly statuses: readonly number[] | undefined;
  /** A fixed delay; undefined: exponential, with jitter. */
  readonly delayMs: number | undefined;
}

/** Limits that the caller requests. */
export interface LimitRequest {
  readonly concurrency: number | 'auto';
  /** The concurrency is the caller's own, not a default. */
  readonly isAsked: boolean;
  readonly rate: CallRate | undefined;
  readonly burst: number | undefined;
  /** Further attempts. */
  readonly retries: number | undefined;
  readonly total: number | undefined;
}

/** Limits that a batch runs with. */
export interface BatchLimits {
  readonly concurrency: number;
  readonly isAuto: boolean;
  readonly clamps: readonly Clamp[];
  readonly rates: readonly CallRate[];
  readonly retry: RetryPlan | undefined;
}

/** Highest concurrency that `auto` tries. */
const MOST_AUTO = 64;
/** Attempts when the endpoint configures retries without their number. */
const ATTEMPTS = 3;

export function limitsOf(
  prepared: Pick<Prepared, 'batchConfig' | 'rateLimits'>,
  asked: LimitRequest,
): BatchLimits {
  const { batchConfig, rateLimits } = prepared;
  refuseBurst(prepared, asked);
  const requested = asked.concurrency === 'auto' ? MOST_AUTO : asked.concurrency;
  const ceilings = [
    { most: batchConfig.maxConcurrency, reason: 'endpoint batchConfig.maxConcurrency', isReported: true },
    { most: rateLimits.concurrency, reason: 'service rateLimits.concurrency', isReported: true },
    {
      most: asked.total === undefined ? undefined : Math.max(asked.total, 1),
      reason: `the batch has ${asked.total} ${asked.total === 1 ? 'item' : 'items'}`,
      isReported: asked.isAsked,
    },
  ].flatMap(({ most, ...rest }) => (most === undefined || most >= requested ? [] : [{ most, ...rest }]));
  ceilings.sort((a, b) => a.most - b.most);
  const [least, ...others] = ceilings;
  const isReported = least?.isReported === true && asked.concurrency !== 'auto';
  const more = others
    .map(({ reason, most }) => `; ${reason}${reason.includes(' has ') ? '' : ` is ${most}`}`)
    .join('');
  return {
    concurrency: least?.most ?? requested,
    isAuto: asked.concurrency === 'auto',
    clamps: isReported ? [{ requested, ran: least.most, reason: `${least.reason}${more}` }] : [],
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
      'The option `burst` belongs to a rate, which the service does not have: add `rateLimit` (--rate-limit)',
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
  // A request must pass all of them, so the caller's own rate cannot raise the others.
  if (rate !== undefined) rates.push({ ...rate, burst: burst ?? rate.burst });
  return rates;
}

/** A rate of whole calls: half a call per second is one call in two seconds. */
export function wholeRate(limit: number, perMs: number, burst: number | undefined): CallRate {
  const scale = Number.isInteger(limit) ? 1 : limit < 1 ? 1 / limit : 10;
  const whole = Math.max(1, Math.floor(limit * scale));
  // The limit is rounded down, so the window shrinks as well and the pace stays the same.
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
