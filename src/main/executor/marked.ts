/**
 * For tasks whose attempts must not be repeated blindly: those declared at-most-once, and those that can be adopted.
 *
 * With a session, each attempt is marked durably before it begins; so a later run knows which ones were cut off with the
 * process. And a task that is at-most-once and was cut off within this run fails here: nobody knows how far it came.
 * The schedule sends such tasks one by one.
 */

import type { HeddleError } from '../../protocol/errors.js';
import type { TaskTraits } from '../../protocol/task.js';
import type { Chunk, ChunkEnd, Execution, Executor, Leftover } from './executor.js';

/** Where begins are recorded. */
export interface BeginMarks {
  begin(key: string, attempt: number): Promise<void>;
  takeBack(key: string): Promise<void>;
}

/** Puts marks around an executor. */
export class MarkedExecutor implements Executor {
  readonly #executor: Executor;
  readonly #traits: TaskTraits;
  readonly #marks: BeginMarks | undefined;
  readonly #interrupted: (what: string, cause: unknown) => HeddleError;

  constructor(
    executor: Executor,
    traits: TaskTraits,
    marks: BeginMarks | undefined,
    interrupted: (what: string, cause: unknown) => HeddleError,
  ) {
    this.#executor = executor;
    this.#traits = traits;
    this.#marks = marks;
    this.#interrupted = interrupted;
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

  execute(chunk: Chunk, exclusive: boolean, budgetMs: number | undefined): Execution {
    // To ask about a job changes nothing.
    if (chunk.job !== undefined) return this.#executor.execute(chunk, exclusive, budgetMs);
    let execution: Execution | undefined;
    let isStopped = false;
    let aborted: { readonly reason: Error } | undefined;
    const run = async (): Promise<ChunkEnd> => {
      await this.#marks?.begin(chunk.keys?.[0] as string, chunk.attempt);
      if (isStopped)
        return this.#end(chunk, { leftovers: [{ position: 0, kind: 'again', isHere: true, begun: false }] });
      execution = this.#executor.execute(chunk, exclusive, budgetMs);
      if (aborted !== undefined) execution.abort(aborted.reason);
      return this.#end(chunk, await execution.over);
    };
    return {
      over: run().catch((fatal: Error) => ({
        leftovers: [{ position: 0, kind: 'again', isHere: true, begun: false }],
        fatal,
      })),
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
  rebalance(): void {}

  close(): Promise<void> {
    return this.#executor.close();
  }

  async #end(chunk: Chunk, end: ChunkEnd): Promise<ChunkEnd> {
    const [leftover] = end.leftovers;
    if (leftover === undefined) return end;
    const neverBegan = leftover.kind === 'unexplained' || (leftover.kind === 'again' && !leftover.begun);
    if (neverBegan) {
      // The mark of an earlier attempt that was cut off must stay: nobody has asked yet what became of it.
      if (!chunk.interrupted) await this.#marks?.takeBack(chunk.keys?.[0] as string);
      return end;
    }
    if (this.#traits.execution === 'at-least-once' || leftover.kind === 'aborted') return end;
    return { ...end, leftovers: [this.#cutOff(leftover)] };
  }

  /** A task that must not be executed twice. */
  #cutOff(leftover: Leftover): Leftover {
    const cause = 'error' in leftover ? leftover.error : undefined;
    const error = this.#interrupted(cause?.message ?? 'its thread ended', cause);
    const { startedAt, workerId } =
      leftover.kind === 'failed' ? leftover : { startedAt: Date.now(), workerId: 0 };
    return { position: leftover.position, kind: 'failed', error, startedAt, workerId };
  }
}
