/**
 * The threads executor: chunks travel to Piscina's threads, and outcomes come back over their channels.
 *
 * A thread that dies loses all its chunks at once. The first of them to be notified assigns the blame for all
 * (blame.ts), while every chunk still knows what it was doing; then each reports its own leftovers. A suspect
 * runs again in a fresh pool of one thread, which is destroyed afterwards.
 */

import type { MessagePort } from 'node:worker_threads';
import { ControlCell, now, PHASES } from '../../../protocol/control-cell.js';
import { HeddleError, isHeddleError } from '../../../protocol/errors.js';
import type { LoadAnswer } from '../../../protocol/messages.js';
import { describe, reasonOf } from '../../../protocol/plain-data.js';
import { reviveError } from '../../../protocol/serialized-error.js';
import type { TaskTraits, Transferable } from '../../../protocol/task.js';
import { isTransfer, unwrapTransfer } from '../../../protocol/transfer.js';
import { type Chunk, requestFor } from '../chunk.js';
import {
  type ChunkEnd,
  type ChunkExecution,
  type ChunkLimits,
  type ChunkListener,
  type ExecutionOptions,
  type Executor,
  leftoversFrom,
  notBegun,
  type OnWorkerExit,
  type Recalled,
} from '../executor.js';
import type { ServiceOffer } from '../service-offer.js';
import { blame } from './blame.js';
import { Rebalancer } from './rebalance.js';
import { ThreadChunk, type ThreadChunkHost } from './thread-chunk.js';
import { deathOf, endsThread, exitError, loadError, startError, strayError } from './thread-errors.js';
import { type ThreadOptions, ThreadPool } from './thread-pool.js';

/** What runs on one pool share: the chunks of all of them may meet on one thread. */
export interface SharedThreads {
  readonly pool: ThreadPool;
  readonly chunks: Set<ThreadChunk>;
  /** Pools of one thread, for suspects. */
  readonly isolated: Set<ThreadPool>;
  readonly options: ThreadOptions;
}

/** What a run asks of its threads. */
export interface ThreadsRun extends ChunkLimits {
  readonly runId: number;
  readonly module: string;
  /** Version of the module that all its tasks are executed with. */
  readonly version: string;
  /** Values are wanted as a session keeps them. */
  readonly isEncoded: boolean;
  readonly services: ServiceOffer;
  readonly onWorkerExit: OnWorkerExit;
  /** Tasks of the run may be moved to a thread that is idle: call `rebalance`. */
  readonly onImbalance: () => void;
}

/** A load is repeated this often when its thread died of something else. */
const MOST_LOADS = 10;

/** Executes the chunks of one run on the shared threads. */
export class ThreadsExecutor implements Executor, ThreadChunkHost {
  readonly timeoutMs: number | undefined;
  readonly graceMs: number;
  readonly #shared: SharedThreads;
  readonly #run: ThreadsRun;
  readonly #unsubscribe: () => void;
  readonly #ends = new Map<ThreadChunk, (end: ChunkEnd) => void>();
  readonly #rebalancer: Rebalancer;
  #loadTimer: NodeJS.Timeout | undefined;
  #cancelLoad: () => Promise<void> = async () => {};
  #isClosed = false;

  constructor(shared: SharedThreads, run: ThreadsRun) {
    this.#shared = shared;
    this.#run = run;
    this.timeoutMs = run.timeoutMs;
    this.graceMs = run.graceMs;
    this.#unsubscribe = shared.pool.onStray((workerId, error) =>
      run.onWorkerExit(workerId, strayError(error)),
    );
    this.#rebalancer = new Rebalancer(shared.pool, run.onImbalance);
  }

  get parallelism(): number {
    return this.#shared.pool.threads;
  }

  get threads(): number {
    return this.#shared.pool.threads;
  }

  async start(): Promise<TaskTraits> {
    const { module } = this.#run;
    let isDoubted = false;
    let last: unknown;
    // A thread that holds another version of the module is replaced, so each of them may answer once.
    for (let loads = MOST_LOADS + this.threads; loads > 0; loads--) {
      const cell = new ControlCell();
      try {
        const answer = await this.#load(cell, isDoubted);
        if (answer.kind === 'loaded') return answer.traits;
        if (answer.kind === 'failed') throw reviveError(answer.error);
        this.#shared.pool.retire(cell.threadId);
      } catch (cause) {
        if (isHeddleError(cause)) throw cause;
        const diedOfIt = cell.phase === PHASES.loading;
        if (!endsThread(cause) || (isDoubted && diedOfIt) || this.#isClosed) throw startError(module, cause);
        isDoubted ||= diedOfIt;
        last = cause;
      }
    }
    throw startError(module, last);
  }

  execute(chunk: Chunk, options: ExecutionOptions, listener: ChunkListener): ChunkExecution {
    const pool = chunk.isolated ? this.#isolatedPool() : this.#shared.pool;
    const sent = new ThreadChunk(chunk, pool, listener, this);
    this.#shared.chunks.add(sent);
    const over = new Promise<ChunkEnd>((resolve) => {
      this.#ends.set(sent, resolve);
    });
    const { runId, module, version, timeoutMs, isEncoded } = this.#run;
    const { isMoving } = sent;
    const transferList: Transferable[] = [];
    const inputs = isMoving ? chunk.inputs.map((input) => unwrapInput(input, transferList)) : chunk.inputs;
    const request = requestFor(chunk, inputs, {
      id: sent.id,
      runId,
      module,
      version,
      timeoutMs,
      isExclusive: options.isExclusive,
      budgetMs: isMoving ? undefined : options.budgetMs,
      isEncoded,
      cell: sent.cell.buffer,
    });
    pool.send(sent, request, transferList);
    return {
      over,
      stop: () => sent.cell.stop(),
      abort: (reason) =>
        sent.abort(reason, () => {
          this.#abandon(sent);
          this.#endLoading(sent.cell, pool);
        }),
    };
  }

  rebalance(wanted: number): Recalled | undefined {
    const recalled = this.#rebalancer.look(this.#ends.keys(), wanted);
    if (recalled === undefined) return undefined;
    if (recalled.from > 0) return { chunk: recalled.sent.chunk, from: recalled.from };
    this.#abandon(recalled.sent);
    return undefined;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#rebalancer.close();
    this.#unsubscribe();
    this.#run.services.close();
    clearTimeout(this.#loadTimer);
    await this.#cancelLoad();
  }

  onOver(sent: ThreadChunk, end: ChunkEnd): void {
    sent.close();
    this.#shared.chunks.delete(sent);
    if (sent.chunk.isolated) void this.#closeIsolated(sent.pool).then(() => this.#resolve(sent, end));
    else this.#resolve(sent, end);
  }

  onLost(sent: ThreadChunk, error: unknown): void {
    const { leftovers } = sent;
    // Threads cannot be started at all.
    if (isHeddleError(error)) this.onOver(sent, { leftovers, fatal: error });
    else this.onOver(sent, this.#died(sent, error));
  }

  onUnsent(sent: ThreadChunk, cause: unknown): void {
    this.onOver(sent, unsent(sent.chunk, cause));
  }

  onServices(port: MessagePort): void {
    void this.#run.services.serve(port);
  }

  neighboursOf(one: ThreadChunk): ThreadChunk[] {
    return [...this.#shared.chunks].filter(
      (each) => each === one || (!each.isOver && each.pool === one.pool && each.threadId === one.threadId),
    );
  }

  /**
   * Loads the module on one thread.
   *
   * @param isDoubted - on a thread of its own, where a death is the fault of the module
   */
  async #load(cell: ControlCell, isDoubted: boolean): Promise<LoadAnswer> {
    const { module, version } = this.#run;
    const pool = isDoubted ? this.#isolatedPool() : this.#shared.pool;
    const { answer, cancel } = pool.load({ module, version, cell: cell.buffer });
    this.#cancelLoad = async () => {
      cancel();
      if (isDoubted) await this.#closeIsolated(pool);
      else this.#endLoading(cell, pool);
    };
    try {
      return await Promise.race([answer, this.#loadTimeout(cell, pool)]);
    } finally {
      this.#cancelLoad = async () => {};
      clearTimeout(this.#loadTimer);
      if (isDoubted) await this.#closeIsolated(pool);
    }
  }

  /** Rejects when the module takes too long; the time counts from when its thread begins to load it. */
  #loadTimeout(cell: ControlCell, pool: ThreadPool): Promise<never> {
    const { loadTimeoutMs } = this.#shared.options;
    return new Promise((_, reject) => {
      const look = () => {
        const hasBegun = cell.threadId !== 0;
        // The module is loaded; this thread was too busy to take the answer.
        if (hasBegun && cell.phase !== PHASES.loading) return;
        const leftMs = hasBegun ? cell.since + loadTimeoutMs - now() : loadTimeoutMs;
        if (leftMs > 0) {
          this.#loadTimer = setTimeout(look, Math.ceil(leftMs));
          return;
        }
        pool.terminate(cell.threadId);
        const limit = `took longer than ${loadTimeoutMs} ms to load (runtime option loadTimeoutMs)`;
        reject(loadError(this.#run.module, limit));
      };
      this.#loadTimer = setTimeout(look, loadTimeoutMs);
    });
  }

  #isolatedPool(): ThreadPool {
    const pool = new ThreadPool({ ...this.#shared.options, threads: 1 });
    this.#shared.isolated.add(pool);
    return pool;
  }

  async #closeIsolated(pool: ThreadPool): Promise<void> {
    await pool.close();
    this.#shared.isolated.delete(pool);
  }

  /** Ends a thread that still loads the module for a run that is over: the load may never end. */
  #endLoading({ phase, threadId }: ControlCell, pool: ThreadPool): void {
    if (phase !== PHASES.loading) return;
    for (const each of this.#shared.chunks)
      if (each.pool === pool && each.threadId === threadId && each.isRunning) return;
    pool.terminate(threadId);
  }

  /** Gives up a chunk that has not begun and will not. Later messages about it are dropped. */
  #abandon(sent: ThreadChunk): void {
    sent.pool.forget(sent.id);
    this.onOver(sent, { leftovers: leftoversFrom(sent.chunk, 0, 0) });
  }

  #resolve(sent: ThreadChunk, end: ChunkEnd): void {
    this.#ends.get(sent)?.(end);
    this.#ends.delete(sent);
  }

  #died(sent: ThreadChunk, error: unknown): ChunkEnd {
    if (sent.verdict === undefined) this.#judge(sent, error);
    const { leftovers, verdict } = sent;
    if (verdict === undefined || verdict === 'bystander') return { leftovers };
    const isLoading = sent.cell.phase === PHASES.loading && sent.cell.begun === 0;
    if (verdict.kind === 'unexplained' && sent.chunk.isolated && isLoading) {
      return { leftovers, fatal: startError(this.#run.module, error) };
    }
    leftovers[verdict.position - sent.reported] = verdict;
    return { leftovers };
  }

  /** Finds out what the death of a thread means for each of its chunks. */
  #judge(witness: ThreadChunk, error: unknown): void {
    const chunks = this.neighboursOf(witness);
    const { threadId, channel } = witness;
    if (channel?.wasTerminated === true) {
      for (const each of chunks) each.verdict = each.killed ?? 'bystander';
      return;
    }
    const crash = channel?.crash;
    const death = deathOf(error, crash);
    const reason = exitError(death, error, crash);
    const verdicts = blame(
      chunks.map((each) => each.state),
      death,
    );
    const isExplained = verdicts.some((verdict) => verdict !== 'bystander');
    for (const [i, each] of chunks.entries()) {
      const { begun, since } = each.cell;
      const at = { error: reason, workerId: threadId };
      if (verdicts[i] === 'guilty')
        each.verdict = { position: begun - 1, kind: 'failed', startedAt: since, ...at };
      else if (verdicts[i] === 'suspect') each.verdict = { position: begun - 1, kind: 'suspect' };
      else if (isExplained || each.isReported) each.verdict = 'bystander';
      else each.verdict = { position: each.reported, kind: 'unexplained', ...at };
    }
    this.#run.onWorkerExit(threadId, reason);
  }
}

/** A request that cannot be cloned: its tasks travel alone until the one that cannot be is found. */
function unsent(chunk: Chunk, cause: unknown): ChunkEnd {
  if (chunk.inputs.length > 1) return { leftovers: notBegun(chunk) };
  const error = new HeddleError(
    'HEDDLE_NOT_CLONEABLE',
    `The input, ${describe(chunk.inputs[0])}, cannot be sent to a thread (${reasonOf(cause)}); ` +
      'give plain data, or run the task inline',
    { cause },
  );
  return { leftovers: [{ position: 0, kind: 'failed', error, startedAt: now(), workerId: 0 }] };
}

function unwrapInput(input: unknown, transferList: Transferable[]): unknown {
  return isTransfer(input) ? unwrapTransfer(input, transferList as never) : input;
}
