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
 *   - The load balancer is our own: the least busy thread, and a channel to it for the chunk, decided in the moment of sending.
 *   - An `error` listener is always attached, else an idle thread's error ends the process.
 */

import { performance } from 'node:perf_hooks';
import type { Transferable } from 'node:worker_threads';
import { Piscina, queueOptionsSymbol } from 'piscina';
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
import { Channel } from './channel.js';

/** Told when a thread died with nothing to blame it on: something left behind by an earlier task threw. */
export type StrayListener = (workerId: number, error: Error) => void;

/** Event-loop figures of a thread since it started. */
export interface ThreadLoad {
  readonly workerId: number;
  readonly activeMs: number;
  readonly idleMs: number;
}

/** Called with the id of the thread that a chunk is about to be sent to. */
type Assign = (threadId: number) => void;

type LoadBalancer = NonNullable<NonNullable<ConstructorParameters<typeof Piscina>[0]>['loadBalancer']>;
type PiscinaTask = Parameters<LoadBalancer>[0];
type PiscinaWorker = Parameters<LoadBalancer>[1][number];

const ENTRY = new URL('../../workers/thread.cjs', import.meta.url).href;

/** A fixed number of threads. Started when first used, and again after all of them died. */
export class ThreadPool {
  readonly #options: ResolvedRuntimeOptions;
  readonly #strayListeners = new Set<StrayListener>();
  readonly #inFlight = new Set<(error: Error) => void>();
  /** Channels that no chunk has now, by thread. */
  readonly #channels = new Map<number, Channel[]>();
  #piscina: Piscina | undefined;
  #lastError: Error | undefined;
  readonly #terminated = new Set<number>();

  constructor(options: ResolvedRuntimeOptions) {
    this.#options = options;
  }

  get threads(): number {
    return this.#options.threads;
  }

  /** Loads a task module on a thread. Rejects when the thread dies. */
  load(request: LoadRequest): Promise<LoadAnswer> {
    return this.#send(request, []) as Promise<LoadAnswer>;
  }

  /** False for a thread that died, whoever ended it. */
  isAlive(workerId: number): boolean {
    return this.#piscina?.threads.some((thread) => thread.threadId === workerId) ?? false;
  }

  /** True for a thread that `terminate` ended. */
  wasTerminated(workerId: number): boolean {
    return this.#terminated.has(workerId);
  }

  /**
   * Sends a chunk to the least busy thread. Rejects when the thread dies, or when the request cannot be cloned.
   *
   * @param onAssigned - told the channel that is leased to the chunk, before it leaves
   */
  run(
    request: ChunkRequest,
    transferList: Transferable[],
    onAssigned: (channel: Channel) => void,
  ): Promise<ChunkAnswer> {
    const assign: Assign = (threadId) => {
      const channel =
        this.#channels.get(threadId)?.pop() ?? new Channel(threadId, (closed) => this.#forget(closed));
      request.channel = channel.id;
      request.port = channel.remote;
      if (channel.remote !== undefined) transferList.push(channel.remote);
      onAssigned(channel);
    };
    // A symbol is not cloned: it is for the load balancer only.
    Object.defineProperty(request, queueOptionsSymbol, { value: assign });
    return this.#send(request, transferList) as Promise<ChunkAnswer>;
  }

  /** Keeps a channel for the next chunk of its thread. */
  release(channel: Channel): void {
    channel.onMessage = undefined;
    // What a chunk that was given up still said must not be heard by the next one.
    channel.drain();
    const kept = this.#channels.get(channel.threadId);
    if (kept !== undefined) kept.push(channel);
    else if (this.#piscina === undefined) channel.close();
    else this.#channels.set(channel.threadId, [channel]);
  }

  /** Ends a thread at once; Piscina replaces it. */
  terminate(workerId: number): void {
    if (this.#terminated.has(workerId)) return;
    const worker = this.#piscina?.threads.find((thread) => thread.threadId === workerId);
    if (worker !== undefined) this.#terminated.add(workerId);
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
    this.#closeChannels();
    await piscina?.destroy();
  }

  #send(request: LoadRequest | ChunkRequest, transferList: Transferable[]): Promise<unknown> {
    this.#piscina ??= this.#start();
    const answer = this.#piscina.run(request, { transferList: transferList as never });
    return new Promise((resolve, reject) => {
      this.#inFlight.add(reject);
      answer.then(resolve, reject).finally(() => this.#inFlight.delete(reject));
    });
  }

  #forget(closed: Channel): void {
    const kept = this.#channels.get(closed.threadId)?.filter((channel) => channel !== closed) ?? [];
    if (kept.length === 0) this.#channels.delete(closed.threadId);
    else this.#channels.set(closed.threadId, kept);
  }

  #closeChannels(): void {
    for (const kept of this.#channels.values()) for (const channel of kept) channel.close();
    this.#channels.clear();
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
      loadBalancer: leastBusy,
      ...(env !== undefined && { env }),
      ...(memoryLimitMb !== undefined && { resourceLimits: { maxOldGenerationSizeMb: memoryLimitMb } }),
    });
    // A thread that dies with requests in flight rejects those; one that dies idle only shows here.
    piscina.on('error', (error: Error) => {
      this.#lastError = error;
    });
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
    this.#closeChannels();
    const limit = this.#options.memoryLimitMb;
    const hint =
      limit === undefined ? 'is there enough memory?' : `the memory limit of ${limit} MB may be too low`;
    const message = `Worker threads end before they are ready: ${this.#lastError?.message ?? hint}`;
    const error = new HeddleError('HEDDLE_WORKER_START', message, { cause: this.#lastError });
    for (const reject of this.#inFlight) reject(error);
    void piscina.destroy();
  }
}

/** Chooses the thread with the fewest requests, and tells the request before it is sent. */
function leastBusy(task: PiscinaTask, workers: PiscinaWorker[]): PiscinaWorker | null {
  let best: PiscinaWorker | null = null;
  let fewest = Number.POSITIVE_INFINITY;
  for (const worker of workers) {
    const { currentUsage } = worker;
    if (currentUsage >= fewest) continue;
    best = worker;
    fewest = currentUsage;
    if (fewest === 0) break;
  }
  if (best !== null) (task[queueOptionsSymbol] as Assign | null)?.(best.id);
  return best;
}

/** Milliseconds that this thread's event loop was active and idle so far. */
export function callerLoad(): ThreadLoad {
  const { active, idle } = performance.eventLoopUtilization();
  return { workerId: 0, activeMs: active, idleMs: idle };
}
