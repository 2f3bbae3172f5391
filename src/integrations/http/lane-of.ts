/**
 * What a batch asks of heddle's lanes: the only place here that knows them.
 *
 * There is a lane where there is something to keep to: a rate, retries, or a concurrency that is to be found out. Without, a request is sent once
 * and fails as it fails, 429 included: the same as a loop over `fetch` would see. With one, an API that says "later" is waited for at no
 * attempt's cost, and one in trouble is left alone until it answers again.
 */

import type { LaneOptions, TaskContext, Verdict } from '../../main/index.js';
import type { Limits, RetryPlan } from './service-limits.js';

/** Statuses that are worth another attempt, where nobody says which. */
const USUAL = new Set([408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529]);
/** With a wait that is written down, as it is written down. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** The lane of a batch; undefined when there is nothing to keep to. */
export function laneOf({ rates, retry, isAuto, concurrency }: Limits): LaneOptions | undefined {
  if (rates.length === 0 && retry === undefined && !isAuto) return undefined;
  const delayMs = retry?.delayMs;
  return {
    ...(isAuto && { concurrency: { max: concurrency, start: Math.min(4, concurrency) } }),
    ...(rates.length > 0 && {
      rate: rates.map(({ limit, perMs, burst }) => ({ limit, perMs, ...(burst !== undefined && { burst }) })),
    }),
    retry: {
      attempts: retry?.attempts ?? 1,
      ...(delayMs !== undefined && {
        backoffMs: delayMs,
        factor: 1,
        jitter: 'none',
        maxDelayMs: MAX_DELAY_MS,
      }),
    },
    // What is not repeated is not to be held back either.
    ...(retry === undefined && { breaker: false }),
    classify: (error, usual) => classify(error, usual, retry),
  };
}

/** What a failed request means for the batch. */
export function classify(error: Error, usual: Verdict, retry: RetryPlan | undefined): Verdict {
  const { status, code, isRepeatable, isNetwork, mayHaveHappened } = error as {
    status?: number;
    code?: unknown;
    isRepeatable?: boolean;
    isNetwork?: boolean;
    mayHaveHappened?: boolean;
  };
  const permanent: Verdict = {
    kind: 'permanent',
    scope: 'task',
    ...(mayHaveHappened === true && { mayHaveHappened }),
  };
  const isTold = code === 'API_REQUEST_FAILED' && status !== undefined;
  const { statuses } = retry ?? {};
  // What is usually made of it knows more: a quota that is used up is no reason to wait.
  if (isTold && status === 429) return statuses === undefined || statuses.includes(429) ? usual : permanent;
  if (retry === undefined || isRepeatable !== true) return permanent;
  if (isNetwork === true) return { ...usual, kind: 'transient', mayHaveHappened: mayHaveHappened === true };
  const isWorth = isTold && (statuses === undefined ? USUAL.has(status) : statuses.includes(status));
  if (!isWorth) return permanent;
  return usual.kind === 'permanent' ? { kind: 'transient' } : usual;
}

/** Lets the lane learn its limits from an answer. */
export function observe(ctx: TaskContext, headers: Readonly<Record<string, string>>): void {
  ctx.observe({ headers });
}
