/**
 * Executes the tasks of one chunk, one after the other, and reports how each ended.
 *
 * A chunk is a sequential lane: concurrency is the number of chunks in flight, so a declared concurrency holds whatever
 * the chunk size is. Synchronous tasks are not awaited; a chunk of them is a plain loop.
 *
 * Reports leave in batches: at the end of the chunk, when an awaited task lets the event loop turn, and in front of a
 * task when the last report is older than FLUSH_MS. What a dying thread takes with it is therefore a few milliseconds
 * of work, which runs again; which task was being executed stands in the control cell.
 *
 * The same code runs on the caller's thread for the inline executor, with another channel.
 */

import { performance } from 'node:perf_hooks';
import { type ControlCell, ORIGIN, PHASES } from '../protocol/control-cell.js';
import { HeddleError } from '../protocol/errors.js';
import { limitHeadersOf } from '../protocol/limit-headers.js';
import type { Job } from '../protocol/messages.js';
import { describe } from '../protocol/serialized-error.js';
import { type LoadedTask, Submitted } from '../protocol/task.js';
import type { ChunkChannel, ChunkWork } from '../protocol/thread-side.js';
import { Report } from './report.js';
import { AttemptContext, type ContextHost, checkedObservation, timeoutError } from './task-context.js';

/** A report older than this is sent before the next task begins. */
const FLUSH_MS = 10;

/** Progress reports of one chunk are at least this far apart, but the last one (fraction 1) always leaves. */
const PROGRESS_MS = 100;

const chunksOfThisThread = new Set<ChunkRun>();

/**
 * Runs a chunk; fulfils when every task was reported or the control cell asked to stop.
 *
 * @returns whether the last report has said that the chunk is over
 */
export async function runChunk(
  task: LoadedTask,
  work: ChunkWork,
  cell: ControlCell,
  channel: ChunkChannel,
): Promise<boolean> {
  const run = new ChunkRun(task, work, cell, channel);
  chunksOfThisThread.add(run);
  try {
    return await run.run();
  } finally {
    chunksOfThisThread.delete(run);
  }
}

/** Sends what every running chunk has not reported yet: the thread is about to exit. */
export function flushChunks(): void {
  for (const chunk of chunksOfThisThread) chunk.flush();
}

type Call = (input: unknown, ctx: AttemptContext) => unknown;

/** Asks first what became of the attempt that was cut off. */
function adoptOrRun({ adopt, run }: LoadedTask): Call {
  return async (input, ctx) => {
    const adopted: unknown = await (adopt as unknown as Call)(input, ctx);
    if (adopted === undefined) return (run as unknown as Call)(input, ctx);
    if (adopted instanceof Submitted) return adopted;
    if (typeof adopted === 'object' && adopted !== null && 'value' in adopted) return adopted.value;
    throw new HeddleError(
      'HEDDLE_TASK_MODULE_INVALID',
      `Expected adopt to answer { value }, ctx.submitted(handle) or undefined, got ${describe(adopted)}`,
    );
  };
}

/** Asks what became of a job. */
function pollOf({ poll }: LoadedTask, { handle }: Job): Call {
  return (_input, ctx) => {
    if (poll !== undefined) return (poll as unknown as Call)(JSON.parse(handle), ctx);
    throw new HeddleError(
      'HEDDLE_TASK_MODULE_INVALID',
      'The task has submitted a job, and its module does not export poll, which is asked what became of it; add `export function poll(handle, ctx) { … }`',
    );
  };
}

class ChunkRun {
  readonly #call: Call;
  readonly #work: ChunkWork;
  readonly #cell: ControlCell;
  readonly #channel: ChunkChannel;
  readonly #host: ContextHost;
  readonly #report: Report;
  #awaited: AttemptContext | undefined;
  #turn: NodeJS.Immediate | undefined;
  #listens = false;
  #progressAt = 0;

  constructor(task: LoadedTask, work: ChunkWork, cell: ControlCell, channel: ChunkChannel) {
    if (work.job !== undefined) this.#call = pollOf(task, work.job);
    else this.#call = (work.interrupted && task.adopt !== undefined ? adoptOrRun(task) : task.run) as Call;
    this.#work = work;
    this.#cell = cell;
    this.#channel = channel;
    this.#report = new Report(work, channel.settled);
    this.#host = this.#contextHost();
  }

  async run(): Promise<boolean> {
    const { inputs, budgetMs = Number.POSITIVE_INFINITY } = this.#work;
    const cell = this.#cell;
    const report = this.#report;
    let at = performance.now();
    let flushedAt = at;
    const endAt = at + budgetMs;
    for (let position = 0; position < inputs.length && (at < endAt || position === 0); position++) {
      if (at - flushedAt > FLUSH_MS) {
        report.flush();
        flushedAt = at;
      }
      report.begin(at);
      cell.begin(position, ORIGIN + at);
      // Looked at behind `begin`: whoever asks to stop sees either that the task began or that it will not.
      if (cell.isStopped) {
        cell.takeBack(position);
        break;
      }
      const ctx = new AttemptContext(this.#host, position);
      try {
        let value = this.#call(inputs[position], ctx);
        if (isThenable(value)) value = await this.#wait(value, ctx);
        cell.phase = PHASES.between;
        if (cell.isTimedOut(position)) report.fail(position, timeoutError(this.#work.timeoutMs), false);
        else if (value instanceof Submitted) report.submit(position, value, this.#work.account);
        else report.succeed(value);
      } catch (error) {
        cell.phase = PHASES.between;
        if (cell.isTimedOut(position))
          report.fail(position, timeoutError(this.#work.timeoutMs, error), false);
        else report.fail(position, error, cell.isAborted);
      }
      at = performance.now();
      report.end(at);
    }
    clearImmediate(this.#turn);
    this.#awaited = undefined;
    return report.flush(this.#channel.mayEnd());
  }

  flush(): void {
    this.#report.flush();
  }

  #wait(value: PromiseLike<unknown>, ctx: AttemptContext): PromiseLike<unknown> {
    this.#cell.phase = PHASES.awaiting;
    this.#awaited = ctx;
    // Only when the event loop turns: tasks whose promises are settled already stay as cheap as synchronous ones.
    this.#turn ??= setImmediate(() => this.#onTurn());
    return value;
  }

  #onTurn(): void {
    this.#turn = undefined;
    this.#report.flush();
    if (this.#listens) return;
    this.#listens = true;
    this.#channel.onAbort(() => this.#awaited?.pollAbort());
    this.#awaited?.pollAbort();
  }

  #contextHost(): ContextHost {
    const { firstIndex, indexes, keys, inputs, account, attempt, timeoutMs } = this.#work;
    const channel = this.#channel;
    return {
      account,
      attempt,
      timeoutMs,
      cell: this.#cell,
      indexAt: (position) => indexes?.[position] ?? firstIndex + position,
      keyAt: (position) => keys?.[position],
      inputAt: (position) => inputs[position],
      progress: (position, fraction, note) => {
        const at = performance.now();
        if (fraction < 1 && at - this.#progressAt < PROGRESS_MS) return;
        this.#progressAt = at;
        channel.progress(position, fraction, note);
      },
      log: (position, level, message, fields) => channel.log(position, level, message, fields),
      observe: (position, observation) => {
        const { headers, used } = checkedObservation(observation);
        if (headers === undefined && used === undefined) return;
        const limits = headers === undefined ? undefined : limitHeadersOf(headers);
        channel.observed(position, { headers: limits, used });
      },
      services: () => channel.services(),
      abortReason: () => channel.abortReason(),
    };
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}
