/**
 * Options are checked and given their defaults once, here. Unknown names and impossible values are refused with
 * the option's name, what was expected and what came.
 */

import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { OptionError } from '../../protocol/errors.js';
import type { Outcome } from '../../protocol/outcome.js';
import type { Services } from '../../protocol/task.js';
import { MIN_STALE_MS } from '../../session/limits.js';
import { nearest } from '../../text/nearest.js';
import type { Progress } from '../figures/counters.js';
import type { RetryPolicy } from '../lanes/backoff.js';
import type { ResolvedLane } from '../lanes/resolved-lane.js';
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
import type { RetryOptions, RunOptions, RuntimeOptions, SessionOptions } from './options.js';
import { resolveLane } from './resolve-lane.js';

/** {@link RuntimeOptions} with nothing left out. */
export interface ResolvedRuntimeOptions {
  readonly threads: number;
  readonly memoryLimitMb: number | undefined;
  readonly env: Readonly<Record<string, string>> | undefined;
  readonly taskOutput: 'inherit' | 'stderr';
  readonly loadTimeoutMs: number;
  readonly lanes: ReadonlyMap<string, ResolvedLane>;
}

/** Names the lane of each task, of those that there are. */
export type LaneChoice = ((input: unknown, index: number) => ResolvedLane) & {
  readonly lanes: readonly ResolvedLane[];
};

/** How many failures end a run. */
export type FailureLimit = { readonly count: number } | { readonly share: number } | undefined;

/** {@link RunOptions} with nothing left out; undefined means that the feature is off. */
export interface ResolvedRunOptions {
  readonly concurrency: number | undefined;
  readonly order: 'input' | 'completion';
  readonly window: number | 'auto';
  readonly timeoutMs: number | undefined;
  readonly graceMs: number;
  readonly deadlineMs: number | undefined;
  readonly retry: RetryPolicy;
  /** The caller has said something of retries. */
  readonly hasRetry: boolean;
  readonly lane: ResolvedLane | LaneChoice | undefined;
  readonly locks: ((input: unknown, index: number) => unknown) | undefined;
  readonly failureLimit: FailureLimit;
  readonly chunk: number | 'auto';
  readonly key: ((input: unknown, index: number) => unknown) | undefined;
  readonly total: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: Progress) => void) | undefined;
  readonly onOutcome: ((outcome: Outcome) => void) | undefined;
  readonly services: Services;
  readonly session: ResolvedSession | undefined;
  readonly retryFailed: boolean;
  readonly shard: { readonly index: number; readonly count: number } | undefined;
  readonly cache: string | undefined;
}

/** {@link SessionOptions} with nothing left out. */
export interface ResolvedSession extends SessionOptions {
  readonly force: boolean;
}

/** Defaults that are plain values. */
const DEFAULTS = {
  graceMs: 10_000,
  loadTimeoutMs: 60_000,
  retry: { attempts: 1, backoffMs: 100, factor: 2, maxDelayMs: 30_000, jitter: 'full' },
} as const;

/** @throws {@link OptionError} HEDDLE_INVALID_OPTION */
export function resolveRuntimeOptions(options: RuntimeOptions = {}): ResolvedRuntimeOptions {
  refuseUnknown(
    options,
    ['threads', 'memoryLimitMb', 'env', 'taskOutput', 'loadTimeoutMs', 'lanes'],
    'createRuntime',
  );
  const { threads = 'auto', env } = options;
  if (env !== undefined && (typeof env !== 'object' || env === null)) throw expected('env', 'an object', env);
  return Object.freeze({
    threads: threads === 'auto' ? availableParallelism() : integer('threads', threads, 1, 1024, ' or "auto"'),
    memoryLimitMb: optional(options.memoryLimitMb, (value) => integer('memoryLimitMb', value, 16, MAX_COUNT)),
    env,
    taskOutput: oneOf('taskOutput', options.taskOutput ?? 'inherit', ['inherit', 'stderr']),
    lanes: resolveLanes(options.lanes),
    loadTimeoutMs: milliseconds('loadTimeoutMs', options.loadTimeoutMs ?? DEFAULTS.loadTimeoutMs, 1),
  });
}

const RUN_OPTIONS: readonly (keyof RunOptions)[] = [
  'concurrency',
  'order',
  'window',
  'timeoutMs',
  'graceMs',
  'deadlineMs',
  'retry',
  'lane',
  'locks',
  'failFast',
  'maxFailures',
  'chunk',
  'key',
  'total',
  'signal',
  'onProgress',
  'services',
  'onOutcome',
  'session',
  'retryFailed',
  'shard',
  'cache',
];

/** @throws {@link OptionError} HEDDLE_INVALID_OPTION */
export function resolveRunOptions(
  // biome-ignore lint/suspicious/noExplicitAny: accepts the options of a run of any input, value and services
  options: RunOptions<any, any, any> = {},
  lanes: ReadonlyMap<string, ResolvedLane> = new Map(),
): ResolvedRunOptions {
  refuseUnknown(options, RUN_OPTIONS, 'run');
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
    throw expected('signal', 'an AbortSignal', options.signal);
  }
  return Object.freeze({
    concurrency: optional(options.concurrency, (value) => integer('concurrency', value, 1, MAX_COUNT)),
    order: oneOf('order', options.order ?? 'input', ['input', 'completion']),
    window:
      options.window === undefined || options.window === 'auto'
        ? 'auto'
        : integer('window', options.window, 1, 2 ** 30, ' or "auto"'),
    timeoutMs: optional(options.timeoutMs, (value) => milliseconds('timeoutMs', value, 1)),
    graceMs: milliseconds('graceMs', options.graceMs ?? DEFAULTS.graceMs, 0),
    deadlineMs: optional(options.deadlineMs, (value) => milliseconds('deadlineMs', value, 1)),
    retry: resolveRetry(options.retry),
    hasRetry: options.retry !== undefined,
    lane: optional(options.lane, (value) => resolveLaneOption(value, lanes)),
    locks: optional(options.locks, (value) => locksOf(value, options.shard)),
    failureLimit: failureLimit(options),
    chunk:
      options.chunk === undefined || options.chunk === 'auto'
        ? 'auto'
        : integer('chunk', options.chunk, 1, 100_000, ' or "auto"'),
    key: optional(options.key, (value) => callback('key', value)),
    total: optional(options.total, (value) => integer('total', value, 0, Number.MAX_SAFE_INTEGER)),
    signal: options.signal,
    onProgress: optional(options.onProgress, (value) => callback('onProgress', value)),
    onOutcome: optional(options.onOutcome, (value) => callback('onOutcome', value)),
    services: services(options.services),
    session: optional(options.session, session),
    retryFailed: boolean('retryFailed', options.retryFailed ?? false),
    shard: optional(options.shard, shard),
    cache: optional(options.cache, (value) => folder('cache', value)),
  });
}

function resolveRetry(retry: RetryOptions = {}): RetryPolicy {
  if (typeof retry !== 'object' || retry === null)
    throw expected('retry', 'an object such as { attempts: 3 }', retry);
  refuseUnknown(
    retry,
    ['attempts', 'backoffMs', 'factor', 'maxDelayMs', 'jitter', 'retryIf'],
    'retry',
    'retry.',
  );
  const { factor = DEFAULTS.retry.factor } = retry;
  if (typeof factor !== 'number' || !(factor >= 1 && factor <= 100))
    throw expected('retry.factor', 'a number from 1 to 100', factor);
  return {
    attempts: integer('retry.attempts', retry.attempts ?? DEFAULTS.retry.attempts, 1, MAX_COUNT),
    backoffMs: milliseconds('retry.backoffMs', retry.backoffMs ?? DEFAULTS.retry.backoffMs, 0),
    factor,
    maxDelayMs: milliseconds('retry.maxDelayMs', retry.maxDelayMs ?? DEFAULTS.retry.maxDelayMs, 0),
    jitter: oneOf('retry.jitter', retry.jitter ?? DEFAULTS.retry.jitter, ['full', 'none']),
    retryIf: retry.retryIf === undefined ? () => true : callback('retry.retryIf', retry.retryIf),
  };
}

function resolveLanes(lanes: RuntimeOptions['lanes']): ReadonlyMap<string, ResolvedLane> {
  if (lanes === undefined) return new Map();
  if (typeof lanes !== 'object' || lanes === null)
    throw expected('lanes', 'an object of lanes by name', lanes);
  return new Map(
    Object.entries(lanes).map(([name, lane]) => [name, resolveLane(name, lane, `lanes.${name}`)]),
  );
}

function resolveLaneOption(
  value: NonNullable<RunOptions['lane']>,
  lanes: ReadonlyMap<string, ResolvedLane>,
): ResolvedLane | LaneChoice {
  const named = (name: unknown): ResolvedLane => {
    const lane = typeof name === 'string' ? lanes.get(name) : undefined;
    if (lane !== undefined) return lane;
    const known = [...lanes.keys()];
    if (known.length === 0)
      throw expected(
        'lane',
        'the name of a lane, and the runtime has none: give createRuntime the option `lanes`',
        name,
      );
    const guess = typeof name === 'string' ? nearest(name, known) : undefined;
    const meant = guess === undefined ? '' : `; did you mean "${guess}"?`;
    throw new OptionError(
      'lane',
      `${expected('lane', `the name of a lane of the runtime (${known.join(', ')})`, name).message}${meant}`,
    );
  };
  if (typeof value === 'function') {
    const choice = (input: unknown, index: number) =>
      named((value as (...task: unknown[]) => unknown)(input, index));
    return Object.assign(choice, { lanes: [...lanes.values()] });
  }
  return typeof value === 'object' ? resolveLane('lane', value, 'lane') : named(value);
}

function locksOf(value: unknown, shard: RunOptions['shard']): ResolvedRunOptions['locks'] {
  if (shard !== undefined && shard.count > 1) {
    const message =
      'Options `locks` and `shard` contradict each other: locks hold within one process, and other shards would not see them; run the batch without shards';
    throw new OptionError('locks', message);
  }
  return callback('locks', value) as ResolvedRunOptions['locks'];
}

function session(value: string | SessionOptions): ResolvedSession {
  if (typeof value === 'string') return { path: folder('session', value), force: false };
  if (typeof value !== 'object' || value === null) throw expected('session', 'the path of a folder', value);
  refuseUnknown(value, ['path', 'force', 'staleMs', 'keys', 'command', 'isBatch'], 'session', 'session.');
  return {
    path: folder('session.path', value.path),
    force: boolean('session.force', value.force ?? false),
    staleMs: optional(value.staleMs, (ms) => milliseconds('session.staleMs', ms, MIN_STALE_MS)),
    keys: optional(value.keys, (text) => {
      if (typeof text !== 'string') throw expected('session.keys', 'a string', text);
      return text;
    }),
    command: plain('session.command', value.command),
    isBatch: optional(value.isBatch, (ask) => callback('session.isBatch', ask)),
  };
}

function shard(value: { readonly index: number; readonly count: number }): ResolvedRunOptions['shard'] {
  if (typeof value !== 'object' || value === null)
    throw expected('shard', 'an object such as { index: 1, count: 4 }', value);
  refuseUnknown(value, ['index', 'count'], 'shard', 'shard.');
  const count = integer('shard.count', value.count, 1, 100_000);
  const index = integer('shard.index', value.index, 1, count);
  return count === 1 ? undefined : { index, count };
}

function folder(option: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return resolve(value);
  throw expected(option, 'the path of a folder', value);
}

function plain(option: string, value: unknown): unknown {
  try {
    JSON.stringify(value);
    return value;
  } catch {
    throw expected(option, 'plain JSON', value);
  }
}

function failureLimit({ failFast, maxFailures }: RunOptions): FailureLimit {
  if (failFast !== undefined && typeof failFast !== 'boolean')
    throw expected('failFast', 'true or false', failFast);
  if (maxFailures === undefined) return failFast === true ? { count: 0 } : undefined;
  if (failFast === true && maxFailures !== 0) {
    throw new OptionError(
      'maxFailures',
      'Options `failFast` and `maxFailures` contradict each other; give one of them',
    );
  }
  if (typeof maxFailures === 'string') {
    const share = /^(\d+(?:\.\d+)?)%$/.exec(maxFailures)?.[1];
    if (share === undefined || Number(share) > 100)
      throw expected('maxFailures', 'a count or a share such as "5%"', maxFailures);
    return { share: Number(share) / 100 };
  }
  return {
    count: integer('maxFailures', maxFailures, 0, Number.MAX_SAFE_INTEGER, ' or a share such as "5%"'),
  };
}

function services(value: Services | undefined): Services {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null)
    throw expected('services', 'an object of functions', value);
  for (const [name, member] of Object.entries(value)) callback(`services.${name}`, member);
  return value;
}

/** Whether values are to be encoded where they are made: something keeps them. */
export function isKept({ session, cache }: ResolvedRunOptions): boolean {
  return session !== undefined || cache !== undefined;
}
