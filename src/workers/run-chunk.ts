/**
 * Executes the tasks of one chunk, one after the other, and reports how each ended.
 *
 * Concurrency is the number of chunks in flight, so a declared concurrency holds for every chunk size.
 * Synchronous tasks are not awaited; a chunk of them is a plain loop.
 *
 * Reports leave in batches: at the end of the chunk, when an awaited task lets the event loop turn, and
 * before a task if the last report is older than FLUSH_MS. A dying thread loses a few milliseconds of work at
 * most, which runs again; the control cell says which task was running.
 *
 * The same code runs on the caller's thread for the inline executor, with another channel.
 */

import { performance } from 'node:perf_hooks';
import { type ControlCell, ORIGIN, PHASES } from '../protocol/control-cell.js';
import { HeddleError } from '../protocol/errors.js';
import { limitHeadersOf } from '../protocol/limit-headers.js';
import type { ChunkRequest, Job } from '../protocol/messages.js';
import { describe } from '../protocol/serialized-error.js';
import { type LoadedTask, Submitted } from '../protocol/task.js';
import type { ChunkChannel } from '../protocol/thread-side.js';
import { cancelTurn, onNextTurn } from '../protocol/turn.js';
import { ChunkReport } from './chunk-report.js';
import { AttemptContext, type ContextHost, checkedObservation, timeoutError } from './task-context.js';

/** A report older than this is sent before the next task begins. */
const FLUSH_MS = 10;

/** Progress reports of one chunk are at least this far apart, but the last one (fraction 1) always leaves. */
const PROGRESS_MS = 100;

const chunksOfThisThread = new Set<ChunkRun>();

/**
 * Runs a chunk; resolves when every task was reported or the control cell asked to stop.
 *
 * @returns whether the last report has said that the chunk is over
 */
export async function runChunk(
  task: LoadedTask,
  request: ChunkRequest,
  cell: ControlCell,
  channel: ChunkChannel,
): Promise<boolean> {
  const run = new ChunkRun(task, request, cell, channel);
  chunksOfThisThread.add(run);
  try {
    return await run.run();
  } finally {
    chunksOfThisThread.delete(run);
  }
}

/** Sends what the running chunks have not reported yet: the thread is about to exit. */
export function flushChunks(): void {
  for (const chunk of chunksOfThisThread) chunk.flush();
}

type TaskCall = (input: unknown, ctx: AttemptContext) => unknown;

/** The function to call for the tasks of a chunk. */
function callOf(task: LoadedTask, { job, interrupted }: ChunkRequest): TaskCall {
  if (job !== undefined) return pollOf(task, job);
  return (interrupted && task.adopt !== undefined ? adoptOrRun(task) : task.run) as TaskCall;
}

/** Asks first what became of the attempt that was cut off. */
function adoptOrRun({ adopt, run }: LoadedTask): TaskCall {
  return async (input, ctx) => {
    const adopted: unknown = await (adopt as unknown as TaskCall)(input, ctx);
    if (adopted === undefined) return (run as unknown as TaskCall)(input, ctx);
    if (adopted instanceof Submitted) return adopted;
    if (typeof adopted === 'object' && adopted !== null && 'value' in adopted) return adopted.value;
    throw new HeddleError(
      'HEDDLE_TASK_MODULE_INVALID',
      `Expected adopt to answer { value }, ctx.submitted(handle) or undefined, got ${describe(adopted)}`,
    );
  };
}

/** Asks what became of a job. */
function pollOf({ poll }: LoadedTask, { handle }: Job): TaskCall {
  return (_input, ctx) => {
    if (poll !== undefined) return (poll as unknown as TaskCall)(JSON.parse(handle), ctx);
    throw new HeddleError(
      'HEDDLE_TASK_MODULE_INVALID',
      'The task has submitted a job, but its module does not export poll, ' +
        'which asks what became of the job; ' +
        'add `export function poll(handle, ctx) { … }`',
    );
  };
}

class ChunkRun {
  readonly #call: TaskCall;
  readonly #request: ChunkRequest;
  readonly #cell: ControlCell;
  readonly #channel: ChunkChannel;
  readonly #host: ContextHost;
  readonly #report: ChunkReport;
  #awaited: AttemptContext | undefined;
  #turn: NodeJS.Immediate | undefined;
  #listens = false;
  #progressAt = 0;

  constructor(task: LoadedTask, request: ChunkRequest, cell: ControlCell, channel: ChunkChannel) {
    this.#call = callOf(task, request);
    this.#request = request;
    this.#cell = cell;
    this.#channel = channel;
    this.#report = new ChunkReport(request, channel.settled);
    this.#host = this.#contextHost();
  }

  async run(): Promise<boolean> {
    const { inputs, budgetMs = Number.POSITIVE_INFINITY } = this.#request;
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
      // Checked after `begin`: whoever asks to stop sees either that the task began or that it will not.
      if (cell.isStopped) {
        cell.takeBack(position);
        break;
      }
      const promise = this.#attempt(position);
      // Not in a method of its own: that would cost each asynchronous task another promise.
      if (promise !== undefined) {
        try {
          this.#succeed(position, await promise);
        } catch (error) {
          this.#fail(position, error);
        }
      }
      at = performance.now();
      report.end(at);
    }
    cancelTurn(this.#turn);
    this.#awaited = undefined;
    return report.flush(this.#channel.mayEnd());
  }

  flush(): void {
    this.#report.flush();
  }

  /** Executes one task. @returns the promise of an asynchronous one, which is still to be settled */
  #attempt(position: number): PromiseLike<unknown> | undefined {
    const ctx = new AttemptContext(this.#host, position);
    try {
      const value = this.#call(this.#request.inputs[position], ctx);
      if (isThenable(value)) return this.#await(value, ctx);
      this.#succeed(position, value);
    } catch (error) {
      this.#fail(position, error);
    }
    return undefined;
  }

  #await(value: PromiseLike<unknown>, ctx: AttemptContext): PromiseLike<unknown> {
    this.#cell.phase = PHASES.awaiting;
    this.#awaited = ctx;
    // Not before the event loop turns: tasks whose promises are settled stay as cheap as synchronous ones.
    this.#turn ??= onNextTurn(() => this.#onTurn());
    return value;
  }

  /** @throws HEDDLE_NOT_CLONEABLE when the value cannot be encoded; the task has failed then */
  #succeed(position: number, value: unknown): void {
    this.#cell.phase = PHASES.between;
    if (this.#cell.isTimedOut(position))
      this.#report.fail(position, timeoutError(this.#request.timeoutMs), false);
    else if (value instanceof Submitted) this.#report.submit(position, value, this.#request.account);
    else this.#report.succeed(value);
  }

  #fail(position: number, error: unknown): void {
    const cell = this.#cell;
    cell.phase = PHASES.between;
    if (cell.isTimedOut(position))
      this.#report.fail(position, timeoutError(this.#request.timeoutMs, error), false);
    else this.#report.fail(position, error, cell.isAborted);
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
    const { first, indexes, keys, inputs, account, attempt, timeoutMs } = this.#request;
    const channel = this.#channel;
    return {
      account,
      attempt,
      timeoutMs,
      cell: this.#cell,
      indexAt: (position) => indexes?.[position] ?? first + position,
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
