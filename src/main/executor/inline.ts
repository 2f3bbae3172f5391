/**
 * The inline executor: attempts run on the caller's own thread.
 *
 * For closures, for I/O, and for a debugger. The thread side's own chunk runner does the work, loaded by its
 * URL as a thread loads it. Nothing here can be ended by force: an attempt that must end and does not (at
 * once if it never asked for its signal, after the grace time otherwise) is given up. Its outcome says so;
 * the function may still run.
 */

import { performance } from 'node:perf_hooks';
import { ControlCell } from '../../protocol/control-cell.js';
import { HeddleError, internalError } from '../../protocol/errors.js';
import type { LoadedTask, RemoteServices, Services, TaskFunction, TaskTraits } from '../../protocol/task.js';
import type { ChunkChannel, ChunkRunner, TaskLoader } from '../../protocol/thread-side.js';
import { isTransfer, unwrapTransfer } from '../../protocol/transfer.js';
import { nextTurn } from '../../protocol/turn.js';
import { AttemptWatch } from './attempt-watch.js';
import { type Chunk, requestFor } from './chunk.js';
import {
  type ChunkEnd,
  type ChunkExecution,
  type ChunkLimits,
  type ChunkListener,
  type ExecutionOptions,
  type Executor,
  type Leftover,
  leftoversFrom,
} from './executor.js';
import { serviceNamed } from './service-offer.js';

/** What a run asks of the caller's thread. */
export interface InlineRun extends ChunkLimits {
  /** The function itself, or the URL of a task module. */
  readonly task: TaskFunction | string;
  /** Version of the module that its outcomes are recorded under; undefined if that does not matter. */
  readonly version: string | undefined;
  readonly loadTimeoutMs: number;
  readonly services: Services;
  /** Values are wanted as a session keeps them. */
  readonly isEncoded: boolean;
}

/** How long chunks may keep the caller's event loop before it turns. */
const TURN_MS = 10;

/** Executes chunks on this thread. */
export class InlineExecutor implements Executor {
  readonly parallelism = Number.POSITIVE_INFINITY;
  readonly threads = 1;
  readonly #run: InlineRun;
  #task: LoadedTask | undefined;
  #runner: ChunkRunner | undefined;
  #turnedAt = 0;

  constructor(run: InlineRun) {
    this.#run = run;
  }

  async start(): Promise<TaskTraits> {
    const { task } = this.#run;
    const runner: ChunkRunner = await import(new URL('../../workers/run-chunk.js', import.meta.url).href);
    const loader: TaskLoader = await import(new URL('../../workers/load-task.js', import.meta.url).href);
    this.#runner = runner;
    this.#task =
      typeof task === 'function'
        ? loader.taskOf(task, task as unknown as Record<string, unknown>, 'The task function')
        : await this.#load(task, loader);
    const { execution, adopt, poll } = this.#task;
    return { execution, adopts: adopt !== undefined, polls: poll !== undefined };
  }

  execute(chunk: Chunk, options: ExecutionOptions, listener: ChunkListener): ChunkExecution {
    if (this.#runner === undefined || this.#task === undefined) throw internalError('execute before start');
    const inline = new InlineChunk(chunk, this.#run, listener);
    return inline.execute(this.#runner, this.#task, this.#turn(), options.budgetMs);
  }

  rebalance(): undefined {
    return undefined;
  }

  async close(): Promise<void> {}

  async #load(module: string, loader: TaskLoader): Promise<LoadedTask> {
    const { version, loadTimeoutMs } = this.#run;
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<never>((_, reject) => {
      const limit = `took longer than ${loadTimeoutMs} ms to load (runtime option loadTimeoutMs)`;
      timer = setTimeout(() => reject(moduleError(module, limit)), loadTimeoutMs);
    });
    const task = await Promise.race([loader.loadTask(module), tooLong]).finally(() => clearTimeout(timer));
    if (version === undefined || task.version === version) return task;
    // A module stays loaded until its thread ends, which is this one.
    throw moduleError(module, 'has changed since this thread loaded it; restart the program, or use threads');
  }

  /** Lets timers and I/O of the caller have their turn between chunks of synchronous tasks. */
  async #turn(): Promise<void> {
    if (performance.now() - this.#turnedAt < TURN_MS) return;
    await nextTurn();
    this.#turnedAt = performance.now();
  }
}

function moduleError(module: string, what: string): HeddleError {
  return new HeddleError('HEDDLE_TASK_MODULE_LOAD', `Task module ${module} ${what}`);
}

class InlineChunk implements ChunkChannel {
  readonly #chunk: Chunk;
  readonly #run: InlineRun;
  readonly #listener: ChunkListener;
  readonly #cell = new ControlCell();
  readonly #watch: AttemptWatch;
  #abortReason: Error | undefined;
  #wake: () => void = () => {};
  #giveUp: (end: ChunkEnd) => void = () => {};

  constructor(chunk: Chunk, run: InlineRun, listener: ChunkListener) {
    this.#chunk = chunk;
    this.#run = run;
    this.#listener = listener;
    this.#watch = new AttemptWatch(this.#cell, run.timeoutMs, {
      isHeldUp: () => false,
      onQuiet: () => {},
      onTimeout: (begun) => this.#timeOut(begun),
    });
  }

  execute(
    runner: ChunkRunner,
    task: LoadedTask,
    turn: Promise<void>,
    budgetMs: number | undefined,
  ): ChunkExecution {
    const { timeoutMs, isEncoded } = this.#run;
    const inputs = this.#chunk.inputs.map((input) => (isTransfer(input) ? unwrapTransfer(input, []) : input));
    const request = requestFor(this.#chunk, inputs, {
      id: 0,
      runId: 0,
      module: '',
      version: task.version,
      timeoutMs,
      isExclusive: false,
      budgetMs,
      isEncoded,
      cell: this.#cell.buffer,
    });
    const givenUp = new Promise<ChunkEnd>((resolve) => {
      this.#giveUp = resolve;
    });
    // Never within `execute`: tasks may call back into the run.
    const ended = turn
      .then(() => runner.runChunk(task, request, this.#cell, this))
      .then(
        () => ({ leftovers: this.#rest() }),
        (fatal: Error) => ({ leftovers: this.#rest(), fatal }),
      );
    const over = Promise.race([ended, givenUp]).finally(() => this.#watch.close());
    return { over, stop: () => this.#cell.stop(), abort: (reason) => this.#abort(reason) };
  }

  readonly settled: ChunkChannel['settled'] = (message) => {
    if (this.#watch.isOver) return;
    this.#watch.reported = message.from + message.values.length;
    this.#listener.onSettled(this.#chunk, message, 0);
  };

  mayEnd(): boolean {
    return false;
  }

  progress(position: number, fraction: number, note: string | undefined): void {
    if (!this.#watch.isOver) this.#listener.onProgress(this.#chunk, position, fraction, note);
  }

  log(...[position, level, message, fields]: Parameters<ChunkChannel['log']>): void {
    if (!this.#watch.isOver) this.#listener.onLog(this.#chunk, position, level, message, fields);
  }

  observed(...[position, observation]: Parameters<ChunkChannel['observed']>): void {
    if (!this.#watch.isOver) this.#listener.onObserved(this.#chunk, position, observation);
  }

  services(): RemoteServices<Services> {
    const { services } = this.#run;
    return new Proxy({} as RemoteServices<Services>, {
      // A promise-like look would make `await ctx.services` call a service named "then".
      get: (_, name) =>
        typeof name === 'symbol' || name === 'then'
          ? undefined
          : async (...args: unknown[]) => serviceNamed(name, services)(...args),
    });
  }

  abortReason(): Error {
    return this.#abortReason ?? new HeddleError('HEDDLE_ABORTED', 'The run was aborted');
  }

  onAbort(callback: () => void): void {
    this.#wake = callback;
  }

  #abort(reason: Error): void {
    this.#abortReason = reason;
    this.#cell.abort();
    this.#wake();
    if (this.#watch.isRunning)
      this.#endRunning(this.#cell.begun, { position: this.#cell.begun - 1, kind: 'aborted' });
  }

  #timeOut(begun: number): void {
    const message =
      `The attempt took longer than its timeout of ${this.#run.timeoutMs} ms and was given up; ` +
      'let the task watch ctx.signal, or run it in a thread, where it can be ended';
    const error = new HeddleError('HEDDLE_TIMEOUT', message);
    this.#cell.timeOut(begun);
    this.#wake();
    this.#endRunning(begun, {
      position: begun - 1,
      kind: 'failed',
      error,
      startedAt: this.#cell.since,
      workerId: 0,
    });
  }

  #endRunning(begun: number, leftover: Leftover): void {
    this.#watch.whenStillRunning(begun, this.#cell.listens ? this.#run.graceMs : 0, () => {
      this.#cell.stop();
      const leftovers = this.#rest();
      leftovers[leftover.position - this.#watch.reported] = leftover;
      this.#giveUp({ leftovers });
    });
  }

  #rest(): Leftover[] {
    return leftoversFrom(this.#chunk, this.#watch.reported, this.#cell.begun);
  }
}
