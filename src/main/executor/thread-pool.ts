/**
 * The threads of a runtime: Piscina, used as a dispatcher of a bounded number of requests and nothing more.
 *
 * What Piscina 5.3 does with crashes decides how it is used here:
 *   - Its close() kills running tasks, so shutdown is destroy(), when nothing is in flight any more.
 *   - Abort signals make a task own its worker, so a thread is ended by `Worker.terminate()` instead; Piscina then rejects
 *     every request of that thread and starts another.
 *   - A replacement that dies before it is ready is never replaced, and requests then wait for ever. So after every
 *     death the pool is looked at: no thread left means that all requests reject and the next one starts a new pool.
 *   - atomics 'disabled': otherwise ports and timers of an idle thread are dead.
 *   - An `error` listener is always attached, else an idle thread's error ends the process.
 */

import { performance } from 'node:perf_hooks';
import type { Transferable } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { HeddleError } from '../../protocol/errors.js';
import type {
  ChunkAnswer,
  ChunkRequest,
  LoadAnswer,
  LoadRequest,
  StrayCrashMessage,
  ThreadSettings,
} from '../../protocol/messages.js';
import { reviveError } from '../../protocol/serialized-error.js';
import type { ResolvedRuntimeOptions } from '../resolve-options.js';

/** Told when a thread died with nothing to blame it on: something left behind by an earlier task threw. */
export type StrayListener = (workerId: number, error: Error) => void;

/** Event-loop figures of a thread since it started. */
export interface ThreadLoad {
  readonly workerId: number;
  readonly activeMs: number;
  readonly idleMs: number;
}

const ENTRY = new URL('../../workers/entry.js', import.meta.url).href;

/** A fixed number of threads. Started when first used, and again after all of them died. */
export class ThreadPool {
  readonly #options: ResolvedRuntimeOptions;
  readonly #strayListeners = new Set<StrayListener>();
  readonly #inFlight = new Set<(error: Error) => void>();
  #piscina: Piscina | undefined;

  constructor(options: ResolvedRuntimeOptions) {
    this.#options = options;
  }

  get threads(): number {
    return this.#options.threads;
  }

  /** Sends a request to the least busy thread. Rejects when the thread dies, or when the request cannot be cloned. */
  run(request: LoadRequest, transferList?: Transferable[]): Promise<LoadAnswer>;
  run(request: ChunkRequest, transferList?: Transferable[]): Promise<ChunkAnswer>;
  run(
    request: LoadRequest | ChunkRequest,
    transferList: Transferable[] = [],
  ): Promise<LoadAnswer | ChunkAnswer> {
    this.#piscina ??= this.#start();
    const answer = this.#piscina.run(request, { transferList: transferList as never });
    return new Promise((resolve, reject) => {
      this.#inFlight.add(reject);
      answer.then(resolve, reject).finally(() => this.#inFlight.delete(reject));
    });
  }

  /** Ends a thread at once; Piscina replaces it. */
  terminate(workerId: number): void {
    const worker = this.#piscina?.threads.find((thread) => thread.threadId === workerId);
    void worker?.terminate();
  }

  onStray(listener: StrayListener): () => void {
    this.#strayListeners.add(listener);
    return () => this.#strayListeners.delete(listener);
  }

  /** What each living thread's event loop has done so far. */
  loads(): ThreadLoad[] {
    return (this.#piscina?.threads ?? []).map((worker) => {
      const { active, idle } = worker.performance.eventLoopUtilization();
      return { workerId: worker.threadId, activeMs: active, idleMs: idle };
    });
  }

  async close(): Promise<void> {
    const piscina = this.#piscina;
    this.#piscina = undefined;
    await piscina?.destroy();
  }

  #start(): Piscina {
    const { threads, memoryLimitMb, env, taskOutput } = this.#options;
    const settings: ThreadSettings = { taskOutput };
    const piscina = new Piscina({
      filename: ENTRY,
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: 1_000_000,
      atomics: 'disabled',
      recordTiming: false,
      idleTimeout: Number.POSITIVE_INFINITY,
      stricterFIFO: true,
      workerData: settings,
      ...(env !== undefined && { env }),
      ...(memoryLimitMb !== undefined && { resourceLimits: { maxOldGenerationSizeMb: memoryLimitMb } }),
    });
    // A thread that dies with requests in flight rejects those; one that dies idle only shows here.
    piscina.on('error', () => {});
    piscina.on('message', (message: StrayCrashMessage) => {
      if (message?.type !== 'heddle:stray-crash') return;
      for (const listener of this.#strayListeners) listener(message.threadId, reviveError(message.error));
    });
    piscina.on('workerDestroy', () => setImmediate(() => this.#checkAlive(piscina)));
    return piscina;
  }

  #checkAlive(piscina: Piscina): void {
    if (this.#piscina !== piscina || piscina.threads.length > 0) return;
    this.#piscina = undefined;
    const limit = this.#options.memoryLimitMb;
    const error = new HeddleError(
      'HEDDLE_WORKER_START',
      `Worker threads end before they are ready${limit === undefined ? '; is there enough memory?' : `; the memory limit of ${limit} MB may be too low`}`,
    );
    for (const reject of this.#inFlight) reject(error);
    void piscina.destroy();
  }
}

/** Milliseconds that this thread's event loop was active and idle so far. */
export function callerLoad(): ThreadLoad {
  const { active, idle } = performance.eventLoopUtilization();
  return { workerId: 0, activeMs: active, idleMs: idle };
}
