/**
 * The recording of a run: the one seam between a run and its session. A run without one has a null object.
 *
 *   see (what is known of a task) → [begin, takeBack] → submit | record | report → close → release
 */

import { taskKey } from '../../protocol/task-key.js';
import { isTransfer, unwrapTransfer } from '../../protocol/transfer.js';
import type { ValueCache } from '../../session/cache.js';
import type { TaskFingerprint } from '../../session/manifest.js';
import type { Recorded } from '../../session/recorded.js';
import type { Recorder } from '../../session/recorder.js';
import type { SeenTask, SessionWriter } from '../../session/session-writer.js';
import type { ResolvedRunOptions } from '../options/resolve-options.js';
import type { Inputs } from './source.js';

/** Keeps what a run does. */
export interface Recording
  extends Recorder,
    Pick<SessionWriter, 'see' | 'begin' | 'takeBack' | 'report' | 'close' | 'release' | 'notes' | 'gone'> {
  /** The outcomes of earlier runs. */
  readonly recorded: Pick<Recorded, 'read'>;
  /** Starts of calls through lanes, for limits that hold across processes. */
  readonly openCalls: SessionWriter['openCalls'] | undefined;
}

/** What a run keeps and knows beyond itself. */
export interface Memory {
  readonly recording: Recording;
  /** Earlier runs recorded outcomes: many tasks may have to be passed over. */
  readonly isResuming: boolean;
  /** Values of earlier runs of any session. */
  readonly cache: ValueCache | undefined;
  /** The part of the batch that is this run's. */
  readonly shard: ShardFilter | undefined;
}

/** One of several parts of a batch; each task falls to one of them by its key. */
export interface ShardFilter {
  isElsewhere(key: string): boolean;
}

/** Outcomes of short tasks come in bursts of some milliseconds. This delays the consumer at most so long. */
const FLUSH_PAUSE_MS = 10;

const NO_OUTCOME: Omit<SeenTask, 'key'> = {
  slot: -1,
  status: undefined,
  interrupted: false,
  job: undefined,
};

/** For runs without a session: keeps nothing. */
export const noRecording: Recording = {
  see: (key) => ({ key, ...NO_OUTCOME }),
  begin: async () => {},
  takeBack: async () => {},
  submit: () => undefined,
  record: () => undefined,
  report: () => {},
  close: async () => {},
  release: () => {},
  notes: [],
  gone: 0,
  recorded: {
    read: () => {
      throw new Error('nothing is recorded');
    },
  },
  openCalls: undefined,
};

/** For runs without a session, a cache or a shard. */
export const noMemory: Memory = {
  recording: noRecording,
  isResuming: false,
  cache: undefined,
  shard: undefined,
};

/**
 * Opens what the options `session`, `cache` and `shard` ask for. Its modules are loaded here, while the
 * threads start; other runs do not pay for them.
 *
 * @throws {@link HeddleError} HEDDLE_SESSION_*
 */
export async function openMemory(
  options: ResolvedRunOptions,
  identify: () => TaskFingerprint,
  inputs: Inputs<unknown>,
  total: number | undefined,
): Promise<Memory> {
  const { session, cache } = options;
  const { hashIdOf, idOf, shardOf } = await import('../../session/record.js');
  const { shard } = options;
  const toId = options.key === undefined ? hashIdOf : idOf;
  return {
    shard: shard && { isElsewhere: (key) => shardOf(toId(key), shard.count) !== shard.index },
    cache: cache === undefined ? undefined : await openCache(cache, identify()),
    ...(session === undefined
      ? { recording: noRecording, isResuming: false }
      : await openSession(options, session, identify(), inputs, total)),
  };
}

async function openCache(folder: string, task: TaskFingerprint): Promise<ValueCache> {
  const { ValueCache } = await import('../../session/cache.js');
  // With its path: equal text in another project may import something else.
  return new ValueCache(folder, `${task.hash} ${task.name}`);
}

async function openSession(
  options: ResolvedRunOptions,
  session: NonNullable<ResolvedRunOptions['session']>,
  task: TaskFingerprint,
  inputs: Inputs<unknown>,
  total: number | undefined,
): Promise<Pick<Memory, 'recording' | 'isResuming'>> {
  const { SessionWriter } = await import('../../session/session-writer.js');
  const { WHOLE } = await import('../../session/names.js');
  const writer = await SessionWriter.open({
    folder: session.path,
    shard: options.shard ?? WHOLE,
    pauseMs: FLUSH_PAUSE_MS,
    total,
    identity: {
      task,
      keys: options.key === undefined ? 'hash' : (session.keys ?? 'function'),
      ...(session.command !== undefined && { command: session.command }),
    },
    force: session.force,
    staleMs: session.staleMs,
    isBatch:
      session.isBatch ?? (Array.isArray(inputs) ? (has) => hasAny(inputs, options.key, has) : undefined),
  });
  return { recording: writer, isResuming: writer.recorded.ids.size > 0 };
}

/** Whether the session has any task of the batch: mostly the first one answers. */
function hasAny(
  inputs: readonly unknown[],
  key: ResolvedRunOptions['key'],
  has: (key: string) => boolean,
): boolean {
  if (inputs.length === 0) return true;
  try {
    return inputs.some((input, index) => has(key === undefined ? hashOf(input) : String(key(input, index))));
  } catch {
    // The run reports what is wrong with the key.
    return true;
  }
}

/** What the caller should know about its session. */
export function notesOf({ notes, gone }: Recording): string[] {
  if (gone === 0) return [...notes];
  const what = gone === 1 ? '1 task of the session is' : `${gone} tasks of the session are`;
  return [...notes, `${what} not in this batch any more; recorded outcomes are kept and not counted`];
}

/** The default key of an input. @throws {@link HeddleError} HEDDLE_INVALID_KEY */
export function hashOf(input: unknown): string {
  return taskKey(isTransfer(input) ? unwrapTransfer(input, []) : input);
}
