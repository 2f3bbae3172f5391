/** The options of runtimes and runs: checked and given their defaults once, here. */

import { availableParallelism } from 'node:os';
import { OptionError } from '../../protocol/errors.js';
import type { Outcome } from '../../protocol/outcome.js';
import type { Services } from '../../protocol/task.js';
import { MIN_STALE_MS } from '../../session/limits.js';
import { nearest } from '../../text/nearest.js';
import {
  anything,
  boolean,
  integer,
  type Location,
  milliseconds,
  number,
  object,
  oneOf,
  optional,
  record,
  type Schema,
  text,
  withDefault,
} from '../../text/schema.js';
import type { Progress } from '../figures/counters.js';
import type { FailureLimit } from '../figures/failure-watch.js';
import type { RetryPolicy } from '../lanes/backoff.js';
import type { ResolvedLane } from '../lanes/resolved-lane.js';
import {
  callback,
  folder,
  instanceOf,
  integerOrAuto,
  json,
  MAX_COUNT,
  resolveWith,
} from './option-checks.js';
import type { RunOptions, RuntimeOptions, SessionOptions } from './options.js';
import { LANE } from './resolve-lane.js';

function environment(value: unknown, at: Location): Readonly<Record<string, string>> {
  return isObject(value) ? { ...(value as Record<string, string>) } : at.refuse('an object', value);
}

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

const RETRY = object<RetryPolicy>(
  {
    attempts: withDefault(1, integer(1, MAX_COUNT)),
    backoffMs: withDefault(100, milliseconds(0)),
    factor: withDefault(2, number(1, 100)),
    maxDelayMs: withDefault(30_000, milliseconds(0)),
    jitter: withDefault('full', oneOf('full', 'none')),
    retryIf: withDefault(() => true, callback()),
  },
  'an object such as { attempts: 3 }',
);

const SESSION = object<ResolvedSession>(
  {
    path: folder,
    force: withDefault(false, boolean),
    staleMs: optional(milliseconds(MIN_STALE_MS)),
    keys: optional(text),
    command: json,
    isBatch: optional(callback()),
  },
  'the path of a folder',
);

/** {@link SessionOptions} with all defaults filled in. */
export interface ResolvedSession extends SessionOptions {
  readonly force: boolean;
}

const session: Schema<ResolvedSession> = (value, at) =>
  SESSION(typeof value === 'string' ? { path: folder(value, at) } : value, at);

const SHARD = object(
  { count: integer(1, 100_000), index: anything },
  'an object such as { index: 1, count: 4 }',
);

/** One shard of one is the whole batch. */
const shard: Schema<{ readonly index: number; readonly count: number } | undefined> = (value, at) => {
  const { count, ...given } = SHARD(value, at);
  const index = integer(1, count)(given.index, at.within('index'));
  return count === 1 ? undefined : { index, count };
};

const maxFailures: Schema<FailureLimit> = (value, at) => {
  const expected = 'an integer from 0, or a share such as "5%"';
  if (typeof value !== 'string') return { count: integer(0, Number.MAX_SAFE_INTEGER, expected)(value, at) };
  const share = Number(/^(\d+(?:\.\d+)?)%$/.exec(value)?.[1] ?? Number.NaN);
  return share <= 100 ? { share: share / 100 } : at.refuse(expected, value);
};

const services: Schema<Services> = (value, at) => {
  if (!isObject(value)) return at.refuse('an object of functions', value);
  const members = Object.keys(value).map((name) => [name, callback()] as const);
  at.all(members, (name) => value[name]);
  return value as Services;
};

/** Names the lane of each task, one of `lanes`. */
export type LaneChoice = ((input: unknown, index: number) => ResolvedLane) & {
  readonly lanes: readonly ResolvedLane[];
};

type LaneOf = (input: unknown, index: number) => unknown;

/** A lane, the name of a lane of the runtime, or a function that returns such a name. */
function laneAmong(lanes: ReadonlyMap<string, ResolvedLane>): Schema<ResolvedLane | LaneChoice> {
  const known = [...lanes.keys()];
  const expected =
    known.length > 0
      ? `the name of a lane of the runtime (${known.join(', ')})`
      : 'the name of a lane, and the runtime has none: give createRuntime the option `lanes`';
  const named: Schema<ResolvedLane> = (value, at) => {
    const name = typeof value === 'string' ? value : '';
    return lanes.get(name) ?? at.refuse(expected, value, nearest(name, known));
  };
  return (value, at) => {
    if (typeof value === 'object') return { name: 'lane', ...LANE(value, at) };
    if (typeof value !== 'function') return named(value, at);
    const choice = (input: unknown, index: number) =>
      resolveWith(named, (value as LaneOf)(input, index), 'run', at.path);
    return Object.assign(choice, { lanes: [...lanes.values()] });
  };
}

const runOptions = (lanes: ReadonlyMap<string, ResolvedLane>) =>
  object({
    concurrency: optional(integer(1, MAX_COUNT)),
    order: withDefault('input', oneOf('input', 'completion')),
    window: withDefault('auto', integerOrAuto(1, 2 ** 30)),
    timeoutMs: optional(milliseconds(1)),
    graceMs: withDefault(10_000, milliseconds(0)),
    deadlineMs: optional(milliseconds(1)),
    retry: optional(RETRY),
    lane: optional(laneAmong(lanes)),
    locks: optional(callback<(input: unknown, index: number) => unknown>()),
    failFast: withDefault(false, boolean),
    maxFailures: optional(maxFailures),
    chunk: withDefault('auto', integerOrAuto(1, 100_000)),
    key: optional(callback<(input: unknown, index: number) => unknown>()),
    total: optional(integer(0, Number.MAX_SAFE_INTEGER)),
    signal: optional(instanceOf(AbortSignal, 'an AbortSignal')),
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
  const { failFast, maxFailures, retry, ...rest } = resolveWith(runOptions(lanes), options, 'run');
  if (failFast && maxFailures !== undefined && !('count' in maxFailures && maxFailures.count === 0))
    throw new OptionError(
      'maxFailures',
      'Options `failFast` and `maxFailures` contradict each other; give one of them',
    );
  if (rest.locks !== undefined && rest.shard !== undefined)
    throw new OptionError(
      'locks',
      'Options `locks` and `shard` contradict each other: locks hold within one process, so other shards would not see them; run the batch without shards',
    );
  return Object.freeze({
    ...rest,
    failureLimit: failFast ? { count: 0 } : maxFailures,
    retry: retry ?? resolveWith(RETRY, {}, 'retry'),
    /** The caller gave the option `retry`. */
    hasRetry: retry !== undefined,
  });
}

/** Whether something keeps the values, so that they must be encoded where they are made. */
export function isKept({ session, cache }: ResolvedRunOptions): boolean {
  return session !== undefined || cache !== undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
