/**
 * The threads executor: chunks travel to Piscina's threads and outcomes come back over the channels of the threads.
 *
 * A thread that dies loses all its chunks at once. The first of them to be told judges for all (blame.ts), while every
 * chunk still knows what it was at; then each gives its own leftovers. A suspect runs again in a fresh pool of one
 * thread, which is destroyed afterwards.
 */

import { ControlCell, now, PHASES } from '../../../protocol/control-cell.js';
import { HeddleError, isHeddleError } from '../../../protocol/errors.js';
import type { ChunkRequest, LoadAnswer } from '../../../protocol/messages.js';
import { describe, reviveError } from '../../../protocol/serialized-error.js';
import type { Services, TaskTraits, Transferable } from '../../../protocol/task.js';
import { isTransfer, unwrapTransfer } from '../../../protocol/transfer.js';
import type { ResolvedRuntimeOptions } from '../../options/resolve-options.js';
import {
  type Chunk,
  type ChunkEnd,
  type ChunkListener,
  type Execution,
  type Executor,
  leftoversFrom,
} from '../executor.js';
import { ServiceOffer } from '../service-offer.js';
import { blame } from './blame.js';
import type { Answer } from './channel.js';
import { Rebalancer } from './rebalance.js';
import { type ChunkHost, type ChunkLimits, ThreadChunk } from './thread-chunk.js';
import {
  deathOf,
  endsThread,
  exitError,
  loadError,
  messageOf,
  startError,
  strayError,
} from './thread-errors.js';
import { ThreadPool } from './thread-pool.js';

/** What runs on one pool shares: the chunks of all of them may meet on one thread. */
export interface SharedThreads {
  readonly pool: ThreadPool;
  readonly chunks: Set<ThreadChunk>;
  /** Pools of one thread, for suspects. */
  readonly isolated: Set<ThreadPool>;
  readonly options: ResolvedRuntimeOptions;
}

/** What a run asks of its threads. */
export interface ThreadsRun extends ChunkLimits {
  readonly runId: number;
  readonly module: string;
  readonly services: Services;
  /** Values are wanted as a session keeps them. */
  readonly isEncoded: boolean;
  readonly listener: ChunkListener;
}

/** A load is repeated when its thread died of somebody else, but not for ever. */
const MOST_LOADS = 10;

/** Executes the chunks of one run on the shared threads. */
export class ThreadsExecutor implements Executor, ChunkHost {
  readonly timeoutMs: number | undefined;
  readonly graceMs: number;
  readonly #shared: SharedThreads;
  readonly #run: ThreadsRun;
  readonly #services: ServiceOffer;
  readonly #unsubscribe: () => void;
  readonly #ends = new Map<ThreadChunk, (end: ChunkEnd) => void>();
  readonly #rebalancer: Rebalancer;
  #loadTimer: NodeJS.Timeout | undefined;
  #cancelLoad: () => void = () => {};
  #isClosed = false;

  constructor(shared: SharedThreads, run: ThreadsRun) {
    this.#shared = shared;
    this.#run = run;
    this.timeoutMs = run.timeoutMs;
    this.graceMs = run.graceMs;
    this.#services = new ServiceOffer(run.services);
    this.#unsubscribe = shared.pool.onStray((workerId, error) => {
      run.listener.onWorkerExit(workerId, strayError(error));
    });
    this.#rebalancer = new Rebalancer({
      pool: shared.pool,
      chunks: () => this.#ends.keys(),
      onRecalled: (sent, from) => {
        if (from === 0) this.#abandon(sent);
        else run.listener.onRecalled(sent.chunk, from);
      },
    });
  }

  get parallelism(): number {
    return this.#shared.pool.threads;
  }

  get threads(): number {
    return this.#shared.pool.threads;
  }

  async start(): Promise<TaskTraits> {
    let isDoubted = false;
    for (let loads = 1; ; loads++) {
      const cell = new ControlCell();
      // A thread that others use may have died of them; in one of its own, the module is to blame.
      const pool = isDoubted ? this.#isolatedPool() : this.#shared.pool;
      try {
        const answer = await this.#load(cell, pool);
        if (!answer.ok) throw reviveError(answer.error);
        return answer.traits;
      } catch (cause) {
        if (isHeddleError(cause)) throw cause;
        const diedOfIt = cell.phase === PHASES.loading;
        if (!endsThread(cause) || (isDoubted && diedOfIt) || loads === MOST_LOADS || this.#isClosed)
          throw startError(this.#run.module, cause);
        isDoubted ||= diedOfIt;
      } finally {
        if (pool !== this.#shared.pool) await this.#closeIsolated(pool);
      }
    }
  }

  execute(chunk: Chunk, exclusive: boolean, budgetMs: number | undefined): Execution {
    const sent = new ThreadChunk(chunk, chunk.isolated ? this.#isolatedPool() : this.#shared.pool, this);
    this.#shared.chunks.add(sent);
    const over = new Promise<ChunkEnd>((resolve) => {
      this.#ends.set(sent, resolve);
    });
    const transferList: Transferable[] = [];
    sent.pool.send(sent, this.#request(sent, { exclusive, budgetMs }, transferList), transferList);
    return {
      over,
      stop: () => sent.cell.stop(),
      abort: (reason) => sent.abort(reason, () => this.#abandon(sent)),
    };
  }

  rebalance(wanted: number): void {
    this.#rebalancer.look(wanted);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#rebalancer.close();
    this.#unsubscribe();
    this.#services.close();
    clearTimeout(this.#loadTimer);
    this.#cancelLoad();
  }

  /** Loads the module on one thread; the time counts from when that thread begins with it. */
  async #load(cell: ControlCell, pool: ThreadPool): Promise<LoadAnswer> {
    const { loadTimeoutMs } = this.#shared.options;
    const tooLong = new Promise<never>((_, reject) => {
      const look = () => {
        const leftMs = cell.threadId === 0 ? loadTimeoutMs : cell.since + loadTimeoutMs - now();
        if (leftMs > 0) this.#loadTimer = setTimeout(look, Math.ceil(leftMs));
        else {
          pool.terminate(cell.threadId);
          const limit = `took longer than ${loadTimeoutMs} ms to load (runtime option loadTimeoutMs)`;
          reject(loadError(this.#run.module, limit));
        }
      };
      this.#loadTimer = setTimeout(look, loadTimeoutMs);
    });
    const { answer, cancel } = pool.load({ module: this.#run.module, cell: cell.buffer });
    this.#cancelLoad = cancel;
    return Promise.race([answer, tooLong]).finally(() => clearTimeout(this.#loadTimer));
  }

  #isolatedPool(): ThreadPool {
    const pool = new ThreadPool({ ...this.#shared.options, threads: 1 });
    this.#shared.isolated.add(pool);
    return pool;
  }

  onAnswer(from: ThreadChunk, answer: Answer): void {
    const { listener } = this.#run;
    const { chunk, cell } = from;
    switch (answer.type) {
      case 'settled':
        if (!from.isOver) listener.onSettled(chunk, answer, cell.threadId);
        if (answer.isLast) this.#over(from, { leftovers: from.leftovers });
        return undefined;
      case 'progress':
        return listener.onProgress(chunk, answer.position, answer.fraction, answer.note);
      case 'log':
        return listener.onLog(chunk, answer.position, answer.level, answer.message, answer.fields);
      case 'observed':
        return listener.onObserved(chunk, answer.position, answer);
      case 'services':
        void this.#services.serve(answer.port);
        return undefined;
      case 'over':
        return this.#over(from, {
          leftovers: from.leftovers,
          ...(answer.error !== undefined && { fatal: reviveError(answer.error) }),
        });
      case 'loaded':
        return undefined;
      default:
        return answer satisfies never;
    }
  }

  onLost(from: ThreadChunk, error: unknown): void {
    const { leftovers } = from;
    // Threads cannot be started at all.
    if (isHeddleError(error)) this.#over(from, { leftovers, fatal: error });
    else this.#over(from, this.#died(from, error));
  }

  onUnsent(from: ThreadChunk, cause: unknown): void {
    this.#over(from, unsent(from.chunk, cause));
  }

  neighboursOf(one: ThreadChunk): ThreadChunk[] {
    return [...this.#shared.chunks].filter(
      (each) => each === one || (!each.isOver && each.pool === one.pool && each.threadId === one.threadId),
    );
  }

  #over(sent: ThreadChunk, end: ChunkEnd): void {
    sent.close();
    this.#shared.chunks.delete(sent);
    if (sent.chunk.isolated) void this.#closeIsolated(sent.pool).then(() => this.#tell(sent, end));
    else this.#tell(sent, end);
  }

  /** Nobody waits for this chunk, which has not begun and will not. What its thread may still say is not heard. */
  #abandon(sent: ThreadChunk): void {
    sent.pool.forget(sent.id);
    this.#over(sent, { leftovers: leftoversFrom(sent.chunk, 0, 0) });
  }

  #tell(sent: ThreadChunk, end: ChunkEnd): void {
    this.#ends.get(sent)?.(end);
    this.#ends.delete(sent);
  }

  async #closeIsolated(pool: ThreadPool): Promise<void> {
    await pool.close();
    this.#shared.isolated.delete(pool);
  }

  #request(
    sent: ThreadChunk,
    how: { readonly exclusive: boolean; readonly budgetMs: number | undefined },
    transferList: Transferable[],
  ): ChunkRequest {
    const { chunk, isMoving } = sent;
    return {
      type: 'chunk',
      id: sent.id,
      runId: this.#run.runId,
      module: this.#run.module,
      firstIndex: chunk.first,
      indexes: chunk.indexes,
      inputs: isMoving ? chunk.inputs.map((input) => unwrapInput(input, transferList)) : chunk.inputs,
      keys: chunk.keys,
      account: chunk.account,
      attempt: chunk.attempt,
      timeoutMs: this.#run.timeoutMs,
      exclusive: how.exclusive,
      budgetMs: isMoving ? undefined : how.budgetMs,
      encoded: this.#run.isEncoded,
      interrupted: chunk.interrupted,
      job: chunk.job,
      cell: sent.cell.buffer,
    };
  }

  #died(sent: ThreadChunk, error: unknown): ChunkEnd {
    if (sent.verdict === undefined) this.#judge(sent, error);
    const { leftovers, verdict } = sent;
    if (verdict === undefined || verdict === 'nobody') return { leftovers };
    const isLoading = sent.cell.phase === PHASES.loading && sent.cell.begun === 0;
    if (verdict.kind === 'unexplained' && sent.chunk.isolated && isLoading) {
      return { leftovers, fatal: startError(this.#run.module, error) };
    }
    leftovers[verdict.position - sent.reported] = verdict;
    return { leftovers };
  }

  #judge(witness: ThreadChunk, error: unknown): void {
    const chunks = this.neighboursOf(witness);
    const { threadId, channel } = witness;
    const crash = channel?.crash;
    const death = deathOf(error, crash);
    const reason = exitError(death, error, crash);
    if (channel?.wasTerminated === true) {
      for (const each of chunks) each.verdict = each.killed ?? 'nobody';
      return;
    }
    const states = chunks.map((each) => each.state);
    const verdicts = blame(states, death);
    const isExplained = verdicts.some((verdict) => verdict !== 'bystander');
    for (const [i, each] of chunks.entries()) {
      const { begun, since } = each.cell;
      if (verdicts[i] === 'guilty') {
        each.verdict = {
          position: begun - 1,
          kind: 'failed',
          error: reason,
          startedAt: since,
          workerId: threadId,
        };
      } else if (verdicts[i] === 'suspect') {
        each.verdict = { position: begun - 1, kind: 'suspect' };
      } else if (isExplained || each.isReported) {
        each.verdict = 'nobody';
      } else {
        each.verdict = { position: each.reported, kind: 'unexplained', error: reason, workerId: threadId };
      }
    }
    this.#run.listener.onWorkerExit(threadId, reason);
  }
}

/** A request that cannot be cloned: its tasks travel alone until it is known which one it is because of. */
function unsent(chunk: Chunk, cause: unknown): ChunkEnd {
  if (chunk.inputs.length > 1) return { leftovers: leftoversFrom(chunk, 0, 0, true) };
  const input = chunk.inputs[0];
  const error = new HeddleError(
    'HEDDLE_NOT_CLONEABLE',
    `The input, ${describe(input)}, cannot be sent to a thread (${messageOf(cause)}); give plain data, or run the task inline`,
    { cause },
  );
  return { leftovers: [{ position: 0, kind: 'failed', error, startedAt: now(), workerId: 0 }] };
}

function unwrapInput(input: unknown, transferList: Transferable[]): unknown {
  return isTransfer(input) ? unwrapTransfer(input, transferList as never) : input;
}
