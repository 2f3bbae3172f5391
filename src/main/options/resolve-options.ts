/** The options of runtimes and runs: checked and given their defaults once, here. */

import { availableParallelism } from 'node:os';
import { OptionError } from '../../protocol/errors.js';
import type { Outcome } from '../../protocol/outcome.js';
import {
  boolean,
  integer,
  milliseconds,
  object,
  oneOf,
  optional,
  record,
  withDefault,
} from '../../text/schema.js';
import type { Progress } from '../figures/counters.js';
import type { ResolvedLane } from '../lanes/resolved-lane.js';
import { abortSignal, callback, folder, integerOrAuto, MAX_COUNT, resolveWith } from './option-checks.js';
import { environment, laneAmong, maxFailures, retry, services, session, shard } from './option-parts.js';
import type { RunOptions, RuntimeOptions } from './options.js';
import { LANE } from './resolve-lane.js';

const RUNTIME_OPTIONS = object({
  threads: withDefault('auto', integerOrAuto(1, 1024)),
  memoryLimitMb: optional(integer(16, MAX_COUNT)),
  env: optional(environment),
  taskOutput: withDefault('inherit', oneOf('inherit', 'stderr')),
  loadTimeoutMs: withDefault(60_000, milliseconds(1)),
  lanes: withDefault({}, record(LANE, 'an object of lanes by name')),
});

/** {@link RuntimeOptions} with all defaults filled in. */
export type ResolvedRuntimeOptions = ReturnType<typeof resolveRuntimeOptions>;

/** @throws {@link OptionError} HEDDLE_INVALID_OPTION */
export function resolveRuntimeOptions(options: RuntimeOptions = {}) {
  const { threads, lanes, ...rest } = resolveWith(RUNTIME_OPTIONS, options, 'createRuntime');
  const named = Object.entries(lanes).map(([name, lane]) => [name, { name, ...lane }] as const);
  return Object.freeze({
    ...rest,
    threads: threads === 'auto' ? availableParallelism() : threads,
    lanes: new Map<string, ResolvedLane>(named),
  });
}

const runOptions = (lanes: ReadonlyMap<string, ResolvedLane>) =>
  object({
    concurrency: optional(integer(1, MAX_COUNT)),
    order: withDefault('input', oneOf('input', 'completion')),
    window: withDefault('auto', integerOrAuto(1, 2 ** 30)),
    timeoutMs: optional(milliseconds(1)),
    graceMs: withDefault(10_000, milliseconds(0)),
    deadlineMs: optional(milliseconds(1)),
    retry: optional(retry),
    lane: optional(laneAmong(lanes)),
    locks: optional(callback<(input: unknown, index: number) => unknown>()),
    failFast: withDefault(false, boolean),
    maxFailures: optional(maxFailures),
    chunk: withDefault('auto', integerOrAuto(1, 100_000)),
    key: optional(callback<(input: unknown, index: number) => unknown>()),
    total: optional(integer(0, Number.MAX_SAFE_INTEGER)),
    signal: optional(abortSignal),
    onProgress: optional(callback<(progress: Progress) => void>()),
    services: withDefault({}, services),
    onOutcome: optional(callback<(outcome: Outcome) => void>()),
    session: optional(session),
    retryFailed: withDefault(false, boolean),
    shard: optional(shard),
    cache: optional(folder),
  });

/** {@link RunOptions} with all defaults filled in; undefined means that the feature is off. */
export type ResolvedRunOptions = ReturnType<typeof resolveRunOptions>;

/** @throws {@link OptionError} HEDDLE_INVALID_OPTION */
export function resolveRunOptions(
  // biome-ignore lint/suspicious/noExplicitAny: accepts the options of a run of any input, value and services
  options: RunOptions<any, any, any> = {},
  lanes: ReadonlyMap<string, ResolvedLane> = new Map(),
) {
  const given = resolveWith(runOptions(lanes), options, 'run');
  const { failFast, maxFailures: most, retry: ownRetry, ...rest } = given;
  if (failFast && most !== undefined && !('count' in most && most.count === 0))
    throw new OptionError(
      'maxFailures',
      'Options `failFast` and `maxFailures` contradict each other; give one of them',
    );
  if (rest.locks !== undefined && rest.shard !== undefined)
    throw new OptionError(
      'locks',
      'Options `locks` and `shard` contradict each other: locks hold within one process, so other shards ' +
        'would not see them; run the batch without shards',
    );
  return Object.freeze({
    ...rest,
    failureLimit: failFast ? { count: 0 } : most,
    retry: ownRetry ?? resolveWith(retry, {}, 'run'),
    /** The caller gave the option `retry`. */
    hasRetry: ownRetry !== undefined,
  });
}

/** Whether something keeps the values, so that they must be encoded where they are made. */
export function isKept({ session, cache }: ResolvedRunOptions): boolean {
  return session !== undefined || cache !== undefined;
}
