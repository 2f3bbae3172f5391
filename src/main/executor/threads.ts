/**
 * The threads executor: chunks travel to Piscina's threads, outcomes come back over a port of their own.
 *
 * A death of a thread rejects all its chunks at once. The first of them to notice judges for all (blame.ts), while every
 * chunk still knows what it was at; then each gives its own leftovers. A suspect runs again in a fresh pool of one
 * thread, which is destroyed afterwards.
 */

import type { Transferable } from 'node:worker_threads';
import { HeddleError, isHeddleError } from '../../protocol/errors.js';
import type { ChunkRequest, ThreadMessage } from '../../protocol/messages.js';
import { describe, reviveError } from '../../protocol/serialized-error.js';
import type { Services } from '../../protocol/task.js';
import { isTransfer, unwrapTransfer } from '../../protocol/transfer.js';
import type { ResolvedRuntimeOptions } from '../resolve-options.js';
import { blame, type Death } from './blame.js';
import {
  type Chunk,
  type ChunkListener,
  type Execution,
  type Executor,
  type Leftover,
  leftoversFrom,
} from './executor.js';
import { ServiceOffer } from './services.js';
import { type ChunkLimits, ThreadChunk } from './thread-chunk.js';
import { ThreadPool } from './thread-pool.js';

/** What runs on one pool shares: the chunks of all of them may meet on one thread. */
export interface SharedThreads {
  readonly pool: ThreadPool;
  readonly chunks: Set<ThreadChunk>;
  readonly options: ResolvedRuntimeOptions;
}

/** What a run asks of its threads. */
export interface ThreadsRun extends ChunkLimits {
  readonly runId: number;
  readonly module: string;
  readonly services: Services;
  readonly listener: ChunkListener;
}

/** The code that Node gives to a thread's death by its heap limit. */
const OUT_OF_MEMORY = 'ERR_WORKER_OUT_OF_MEMORY';

/** Executes the chunks of one run on the shared threads. */
export class ThreadsExecutor implements Executor {
  readonly #shared: SharedThreads;
  readonly #run: ThreadsRun;
  readonly #services: ServiceOffer;
  readonly #unsubscribe: () => void;

  constructor(shared: SharedThreads, run: ThreadsRun) {
    this.#shared = shared;
    this.#run = run;
    this.#services = new ServiceOffer(run.services);
    this.#unsubscribe = shared.pool.onStray((workerId, error) => {
      run.listener.onWorkerExit(workerId, strayError(error));
    });
  }

  get parallelism(): number {
    return this.#shared.pool.threads;
  }

  get threads(): number {
    return this.#shared.pool.threads;
  }

  async start(): Promise<void> {
    const { module } = this.#run;
    const { loadTimeoutMs } = this.#shared.options;
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () =>
          reject(
            loadError(module, `took longer than ${loadTimeoutMs} ms to load (runtime option loadTimeoutMs)`),
          ),
        loadTimeoutMs,
      );
    });
    try {
      const answer = await Promise.race([this.#shared.pool.load({ type: 'load', module }), tooLong]);
      if (!answer.ok) throw reviveError(answer.error);
    } catch (cause) {
      if (isHeddleError(cause)) throw cause;
      // Threads that never came up fail with the error of their start; one that the module ended, with its exit.
      if (endsThread(cause))
        throw loadError(module, `ended its thread while it was loaded: ${messageOf(cause)}`, cause);
      throw new HeddleError(
        'HEDDLE_WORKER_START',
        `Worker threads could not be started: ${messageOf(cause)}`,
        { cause },
      );
    } finally {
      clearTimeout(timer);
    }
  }

  execute(chunk: Chunk, exclusive: boolean): Execution {
    const pool = chunk.isolated ? new ThreadPool({ ...this.#shared.options, threads: 1 }) : this.#shared.pool;
    const sent = new ThreadChunk(
      chunk,
      pool,
      this.#run,
      (message, from) => this.#receive(message, from),
      () => this.#onThread(sent),
    );
    this.#shared.chunks.add(sent);
    const { promise: abandoned, resolve: abandon } = withResolvers<readonly Leftover[]>();
    return {
      over: Promise.race([this.#send(sent, exclusive), abandoned]),
      stop: () => sent.cell.stop(),
      abort: (reason) => {
        sent.abort(reason);
        // A chunk that never began may be stuck behind another run's task; its thread will see that it is stopped.
        if (sent.cell.begun === 0) abandon(leftoversFrom(sent.chunk, 0));
      },
    };
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    this.#services.close();
  }

  async #send(sent: ThreadChunk, exclusive: boolean): Promise<readonly Leftover[]> {
    const { chunk } = sent;
    const transferList: Transferable[] = [];
    const request: ChunkRequest = {
      type: 'chunk',
      runId: this.#run.runId,
      module: this.#run.module,
      firstIndex: chunk.ordinal,
      indexes: chunk.indexes,
      inputs: unwrapInputs(chunk.inputs, transferList),
      keys: chunk.keys,
      attempt: chunk.attempt,
      timeoutMs: this.#run.timeoutMs,
      exclusive,
      cell: sent.cell.buffer,
      channel: 0,
      port: undefined,
    };
    try {
      const answer = await sent.pool.run(request, transferList, (channel) => sent.assign(channel));
      sent.end();
      if (!answer.ok) throw reviveError(answer.error);
      return leftoversFrom(sent.chunk, sent.reported);
    } catch (error) {
      if (isHeddleError(error)) throw error;
      if (sent.cell.threadId === 0 && isDataCloneError(error)) return this.#notCloneable(sent, error);
      return this.#died(sent, error);
    } finally {
      sent.endWithChannel();
      this.#shared.chunks.delete(sent);
      if (chunk.isolated) await sent.pool.close();
    }
  }

  #notCloneable(sent: ThreadChunk, cause: unknown): readonly Leftover[] {
    if (sent.chunk.inputs.length > 1) return leftoversFrom(sent.chunk, 0);
    const input = sent.chunk.inputs[0];
    const error = new HeddleError(
      'HEDDLE_NOT_CLONEABLE',
      `The input, ${describe(input)}, cannot be sent to a thread (${messageOf(cause)}); give plain data, or run the task inline`,
      { cause },
    );
    return [{ position: 0, kind: 'failed', error, startedAt: Date.now(), workerId: 0 }];
  }

  #died(sent: ThreadChunk, error: unknown): readonly Leftover[] {
    if (sent.verdict === undefined) this.#judge(sent, error);
    const leftovers = leftoversFrom(sent.chunk, sent.reported);
    const { verdict } = sent;
    if (verdict !== undefined && verdict !== 'nobody') leftovers[verdict.position - sent.reported] = verdict;
    return leftovers;
  }

  #judge(witness: ThreadChunk, error: unknown): void {
    const chunks = this.#onThread(witness);
    for (const each of chunks) each.drain();
    const crash = chunks.find((each) => each.crash !== undefined)?.crash;
    const death = deathOf(error, crash);
    const reason = exitError(death, error, crash);
    const isKilled = chunks.some((each) => each.killed !== undefined);
    const verdicts = blame(
      chunks.map((each) => each.state),
      death,
    );
    for (const [i, each] of chunks.entries()) {
      const position = each.cell.begun - 1;
      if (isKilled) each.verdict = each.killed ?? 'nobody';
      else if (verdicts[i] === 'guilty') {
        each.verdict = {
          position,
          kind: 'failed',
          error: reason,
          startedAt: each.cell.since,
          workerId: each.cell.threadId,
        };
      } else each.verdict = verdicts[i] === 'suspect' ? { position, kind: 'suspect' } : 'nobody';
    }
    if (!isKilled && witness.cell.threadId !== 0)
      this.#run.listener.onWorkerExit(witness.cell.threadId, reason);
  }

  /** The chunks that share the thread of this one, itself among them. */
  #onThread(one: ThreadChunk): ThreadChunk[] {
    const { threadId } = one.cell;
    if (threadId === 0) return [one];
    return [...this.#shared.chunks].filter(
      (each) => !each.isOver && each.pool === one.pool && each.cell.threadId === threadId,
    );
  }

  #receive(message: ThreadMessage, { chunk, cell }: ThreadChunk): void {
    const { listener } = this.#run;
    switch (message.type) {
      case 'settled':
        return listener.onSettled(chunk, message, cell.threadId);
      case 'progress':
        return listener.onProgress(chunk, message.position, message.fraction, message.note);
      case 'log':
        return listener.onLog(chunk, message.position, message.level, message.message, message.fields);
      case 'services':
        void this.#services.serve(message.port);
        return undefined;
      case 'crash':
        return undefined;
      default:
        return message satisfies never;
    }
  }
}

function unwrapInputs(inputs: readonly unknown[], transferList: Transferable[]): readonly unknown[] {
  if (!inputs.some(isTransfer)) return inputs;
  return inputs.map((input) => (isTransfer(input) ? unwrapTransfer(input, transferList as never) : input));
}

function deathOf(error: unknown, crash: Error | undefined): Death {
  if ((error as { code?: unknown } | null)?.code === OUT_OF_MEMORY) return 'out-of-memory';
  return crash === undefined ? 'exit' : 'uncaught';
}

function exitError(death: Death, error: unknown, crash: Error | undefined): HeddleError {
  if (death === 'out-of-memory') {
    const advice = 'raise the memory limit, or let the task hold less at a time';
    return new HeddleError('HEDDLE_OUT_OF_MEMORY', `The worker thread ran out of memory; ${advice}`, {
      cause: error,
    });
  }
  if (crash !== undefined) {
    const message = `The worker thread ended: ${crash.name}: ${crash.message} was thrown outside the task function, in a timer, event or promise that nobody awaits`;
    return new HeddleError('HEDDLE_WORKER_EXIT', message, { cause: crash });
  }
  const code = /exited with code: (\d+)/.exec(messageOf(error))?.[1];
  const how = code === undefined ? messageOf(error) : `exit code ${code}`;
  return new HeddleError(
    'HEDDLE_WORKER_EXIT',
    `The worker thread ended (${how}) while it executed the task; process.exit in a task ends its thread`,
    {
      cause: error,
    },
  );
}

function strayError(cause: Error): HeddleError {
  const message = `A worker thread ended between tasks and was replaced: ${cause.name}: ${cause.message} was thrown by something that an earlier task left behind`;
  return new HeddleError('HEDDLE_WORKER_EXIT', message, { cause });
}

function endsThread(error: unknown): boolean {
  return (
    (error as { code?: unknown } | null)?.code === OUT_OF_MEMORY ||
    /^worker exited with code/.test(messageOf(error))
  );
}

function loadError(module: string, what: string, cause?: unknown): HeddleError {
  return new HeddleError('HEDDLE_TASK_MODULE_LOAD', `Task module ${module} ${what}`, { cause });
}

function isDataCloneError(error: unknown): boolean {
  return (error as { name?: unknown } | null)?.name === 'DataCloneError';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : describe(error);
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}
