/** Schemas of options that are more than one value. */

import type { Services } from '../../protocol/task.js';
import { MIN_STALE_MS } from '../../session/stale-times.js';
import { nearest } from '../../text/nearest.js';
import {
  anything,
  boolean,
  integer,
  milliseconds,
  object,
  optional,
  type Schema,
  text,
  withDefault,
} from '../../text/schema.js';
import type { FailureLimit } from '../figures/failure-watch.js';
import type { RetryPolicy } from '../lanes/backoff.js';
import { unheard } from '../lanes/caller-code.js';
import type { ResolvedLane } from '../lanes/resolved-lane.js';
import { callback, folder, json, resolveWith, retryFields } from './option-checks.js';
import type { SessionOptions } from './options.js';
import { LANE } from './resolve-lane.js';

export const retry = object<RetryPolicy>(
  { ...retryFields(1, 100), retryIf: withDefault(() => true, callback()) },
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

export const session: Schema<ResolvedSession> = (value, at) =>
  SESSION(typeof value === 'string' ? { path: folder(value, at) } : value, at);

const SHARD = object(
  { count: integer(1, 100_000), index: anything },
  'an object such as { index: 1, count: 4 }',
);

/** One shard of one is the whole batch. */
export const shard: Schema<{ readonly index: number; readonly count: number } | undefined> = (value, at) => {
  const { count, ...given } = SHARD(value, at);
  const index = integer(1, count)(given.index, at.within('index'));
  return count === 1 ? undefined : { index, count };
};

export const maxFailures: Schema<FailureLimit> = (value, at) => {
  const expected = 'an integer from 0, or a share such as "5%"';
  if (typeof value !== 'string') return { count: integer(0, Number.MAX_SAFE_INTEGER, expected)(value, at) };
  const share = Number(/^(\d+(?:\.\d+)?)%$/.exec(value)?.[1] ?? Number.NaN);
  return share <= 100 ? { share: share / 100 } : at.refuse(expected, value);
};

export const services: Schema<Services> = (value, at) => {
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
export function laneAmong(lanes: ReadonlyMap<string, ResolvedLane>): Schema<ResolvedLane | LaneChoice> {
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
      resolveWith(named, unheard((value as LaneOf)(input, index)), 'run', at.path);
    return Object.assign(choice, { lanes: [...lanes.values()] });
  };
}

/** A copy of an environment, also of `process.env`. */
export const environment: Schema<Readonly<Record<string, string>>> = (value, at) =>
  isObject(value) ? { ...(value as Record<string, string>) } : at.refuse('an object', value);

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
