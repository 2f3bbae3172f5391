/**
 * For tasks whose attempts must not be repeated blindly: those declared at-most-once, and those that can be
 * adopted.
 *
 * With a session, each attempt is marked durably before it begins, so that a later run knows which ones were
 * cut off with the process. An at-most-once task that was cut off within this run fails here, because it is
 * unknown how far it came. The schedule sends such tasks one by one.
 */

import { HeddleError } from '../../protocol/errors.js';
import type { TaskTraits } from '../../protocol/task.js';
import type { Chunk } from './chunk.js';
import {
  type ChunkEnd,
  type ChunkExecution,
  type ChunkListener,
  type ExecutionOptions,
  type Executor,
  type Leftover,
  notBegun,
} from './executor.js';

/** Where begins are recorded. */
export interface BeginMarks {
  begin(key: string, attempt: number): Promise<void>;
  takeBack(key: string): Promise<void>;
}

/** Puts marks around an executor. */
export class MarkedExecutor implements Executor {
  readonly #executor: Executor;
  readonly #traits: TaskTraits;
  readonly #marks: BeginMarks;

  constructor(executor: Executor, traits: TaskTraits, marks: BeginMarks) {
    this.#executor = executor;
    this.#traits = traits;
    this.#marks = marks;
  }

  get parallelism(): number {
    return this.#executor.parallelism;
  }

  get threads(): number {
    return this.#executor.threads;
  }

  start(): Promise<TaskTraits> {
    return Promise.resolve(this.#traits);
  }

  execute(chunk: Chunk, options: ExecutionOptions, listener: ChunkListener): ChunkExecution {
    // To ask about a job changes nothing.
    if (chunk.job !== undefined) return this.#executor.execute(chunk, options, listener);
    let execution: ChunkExecution | undefined;
    let isStopped = false;
    let aborted: { readonly reason: Error } | undefined;
    const run = async (): Promise<ChunkEnd> => {
      await this.#marks.begin(chunk.keys?.[0] as string, chunk.attempt);
      if (isStopped) return this.#end(chunk, { leftovers: notBegun(chunk) });
      execution = this.#executor.execute(chunk, options, listener);
      if (aborted !== undefined) execution.abort(aborted.reason);
      return this.#end(chunk, await execution.over);
    };
    return {
      over: run().catch((fatal: Error) => ({ leftovers: notBegun(chunk), fatal })),
      stop: () => {
        isStopped = true;
        execution?.stop();
      },
      abort: (reason) => {
        aborted = { reason };
        execution?.abort(reason);
      },
    };
  }

  /** A task is sent only where it begins at once. */
  rebalance(): undefined {
    return undefined;
  }

  close(): Promise<void> {
    return this.#executor.close();
  }

  async #end(chunk: Chunk, end: ChunkEnd): Promise<ChunkEnd> {
    const [leftover] = end.leftovers;
    if (leftover === undefined) return end;
    const neverBegan = leftover.kind === 'unexplained' || (leftover.kind === 'again' && !leftover.begun);
    if (neverBegan) {
      // The mark of an earlier attempt that was cut off stays: what became of it is still unknown.
      if (!chunk.interrupted) await this.#marks.takeBack(chunk.keys?.[0] as string);
      return end;
    }
    if (this.#traits.execution === 'at-least-once' || leftover.kind === 'aborted') return end;
    return { ...end, leftovers: [cutOff(leftover)] };
  }
}

/** A task that must not be executed twice. */
function cutOff(leftover: Leftover): Leftover {
  const cause = 'error' in leftover ? leftover.error : undefined;
  const error = interruptedError(cause?.message ?? 'its thread ended', cause);
  const { startedAt, workerId } =
    leftover.kind === 'failed' ? leftover : { startedAt: Date.now(), workerId: 0 };
  return { position: leftover.position, kind: 'failed', error, startedAt, workerId };
}

/** The failure of a task that must not be executed twice and whose attempt was cut off. */
export function interruptedError(what: string, cause?: unknown): HeddleError {
  return new HeddleError(
    'HEDDLE_INTERRUPTED',
    `The attempt was cut off (${what}) and the task is declared at-most-once, so it is not executed again; ` +
      'find out what became of it, then run it with --retry-failed (option retryFailed), ' +
      'or export adopt from the task module',
    cause === undefined ? undefined : { cause },
  );
}
