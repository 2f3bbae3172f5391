/**
 * The session of a run: the options `session`, `shard` and `cache`, opened and put in the places where the run asks.
 */

import type { EncodedValue } from '../protocol/encoded-value.js';
import type { Job } from '../protocol/messages.js';
import { taskKey } from '../protocol/task-key.js';
import { isTransfer, unwrapTransfer } from '../protocol/transfer.js';
import { ValueCache } from '../session/cache.js';
import type { TaskFingerprint } from '../session/manifest.js';
import { WHOLE } from '../session/names.js';
import { hashIdOf, idOf, shardOf } from '../session/record.js';
import type { RecordableBlock, Recorder } from '../session/recorder.js';
import type { ReportedState } from '../session/run-reporter.js';
import { SessionWriter } from '../session/session-writer.js';
import type { Chunk } from './executor/executor.js';
import type { ResolvedRunOptions } from './resolve-options.js';
import type { Known } from './selection.js';
import type { Inputs } from './source.js';

/** Outcomes of short tasks come in bunches of some milliseconds; a consumer sees them this much later at most. */
const FLUSH_PAUSE_MS = 10;

/** What a run keeps and knows beyond itself. */
export class RunSession implements Recorder, Known {
  readonly writer: SessionWriter | undefined;
  readonly isResuming: boolean;
  readonly #shard: { readonly index: number; readonly count: number } | undefined;
  readonly #cache: ValueCache | undefined;
  readonly #hasKeys: boolean;

  private constructor(
    writer: SessionWriter | undefined,
    cache: ValueCache | undefined,
    options: ResolvedRunOptions,
  ) {
    this.writer = writer;
    this.isResuming = (writer?.recorded.ids.size ?? 0) > 0;
    this.#cache = cache;
    this.#shard = options.shard;
    this.#hasKeys = options.key !== undefined;
  }

  /** @throws {@link HeddleError} HEDDLE_SESSION_* */
  static async open(
    options: ResolvedRunOptions,
    identify: () => TaskFingerprint,
    inputs: Inputs<unknown>,
    total: number | undefined,
  ): Promise<RunSession> {
    const { session, shard, cache } = options;
    const task = identify();
    const values = cache === undefined ? undefined : new ValueCache(cache, task.hash);
    if (session === undefined) return new RunSession(undefined, values, options);
    const writer = await SessionWriter.open({
      folder: session.path,
      shard: shard ?? WHOLE,
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
    return new RunSession(writer, values, options);
  }

  isElsewhere(key: string): boolean {
    if (this.#shard === undefined) return false;
    const id = this.#hasKeys ? idOf(key) : hashIdOf(key);
    return shardOf(id, this.#shard.count) !== this.#shard.index;
  }

  see(...task: Parameters<SessionWriter['see']>): ReturnType<SessionWriter['see']> | undefined {
    return this.writer?.see(...task);
  }

  get caches(): boolean {
    return this.#cache !== undefined;
  }

  cached(hash: string): { readonly content: EncodedValue } | undefined {
    return this.#cache?.get(hash);
  }

  record(block: RecordableBlock): Promise<void> | undefined {
    return this.writer?.record(block);
  }

  submit(key: string, job: Job): Promise<void> | undefined {
    return this.writer?.submit(key, job);
  }

  /** Keeps the values of tasks that succeeded for other sessions. */
  keep({ hashes }: Pick<Chunk, 'hashes'>, from: number, values: readonly EncodedValue[]): void {
    if (this.#cache === undefined || hashes === undefined) return;
    for (const [i, value] of values.entries()) this.#cache.put(hashes[from + i] as string, value);
  }

  /** Tasks of the session that the batch has no longer; known behind `close`. */
  get removed(): number {
    return this.writer?.gone ?? 0;
  }

  /** What the session has to tell. */
  get notes(): string[] {
    const { removed } = this;
    const what = removed === 1 ? '1 task of the session is' : `${removed} tasks of the session are`;
    const told = `${what} not in this batch any more; recorded outcomes are kept and not counted`;
    return [...(this.writer?.notes ?? []), ...(removed === 0 ? [] : [told])];
  }

  /** Lets go of what outcomes of earlier runs are read from. */
  release(): void {
    this.writer?.release();
  }

  async close(state: ReportedState, isAllRead: boolean): Promise<void> {
    await this.writer?.close(state, isAllRead);
  }
}

/** Whether the session has any task of the batch: mostly the first one answers. */
function hasAny(
  inputs: readonly unknown[],
  key: ResolvedRunOptions['key'],
  has: (key: string) => boolean,
): boolean {
  if (inputs.length === 0) return true;
  try {
    return inputs.some((input, index) => has(key === undefined ? keyOf(input) : String(key(input, index))));
  } catch {
    // The run will tell what is wrong with the key.
    return true;
  }
}

function keyOf(input: unknown): string {
  return taskKey(isTransfer(input) ? unwrapTransfer(input, []) : input);
}
