/**
 * What a batch asks of heddle's lanes: the only place here that knows them.
 *
 * There is a lane if there is something to control: a rate, retries, or a concurrency that is to be found.
 * Without one, a request is sent once and may fail, with 429 as well, as in a loop over `fetch`. With one, an
 * API that asks to come back later is waited for at the cost of no attempt, and one in trouble is left alone
 * until it answers.
 */

import type { LaneOptions, Verdict } from '../../main/index.js';
import { MAX_TIMER_MS } from '../../text/schema.js';
import type { HttpError } from './http-error.js';
import type { BatchLimits, RetryPlan } from './service-limits.js';

/** The lane of a batch; undefined when there is nothing to control. */
export function laneOf({ rates, retry, isAuto, concurrency }: BatchLimits): LaneOptions | undefined {
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
        // A configured delay is never capped.
        maxDelayMs: MAX_TIMER_MS,
      }),
    },
    // Without retries, failures must not stop the other requests.
    ...(retry === undefined && { breaker: false }),
    classify: (error, usual) => classify(error, usual, retry),
  };
}

/**
 * What a failed request means for the batch.
 *
 * @param usual - the verdict of the core
 */
export function classify(error: Error, usual: Verdict, retry: RetryPlan | undefined): Verdict {
  const { status, code, isRepeatable, isNetwork, mayHaveHappened } = error as Partial<HttpError>;
  const permanent: Verdict = {
    kind: 'permanent',
    scope: 'task',
    ...(mayHaveHappened === true && { mayHaveHappened }),
  };
  const statuses = retry?.statuses;
  const answered = code === 'API_REQUEST_FAILED' ? status : undefined;
  // A 429 is not charged as an attempt, so it is waited out even without retries.
  if (answered === 429) return (statuses?.includes(429) ?? true) ? usual : permanent;
  if (retry === undefined || isRepeatable !== true) return permanent;
  if (isNetwork === true) return { ...usual, kind: 'transient', mayHaveHappened: mayHaveHappened === true };
  const isTemporary = usual.kind !== 'permanent';
  if (answered === undefined || !(statuses?.includes(answered) ?? isTemporary)) return permanent;
  return isTemporary ? usual : { kind: 'transient' };
}
