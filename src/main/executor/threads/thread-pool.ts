/**
 * The threads of a runtime: Piscina, used as a keeper of threads and nothing more.
 *
 * Piscina starts the threads, replaces those that die, and carries one request to each: it opens a channel (channel.ts), over which
 * all chunks travel. A chunk that went through Piscina's own queue would cost twice as much (ADR 8). What Piscina 5.3 does with
 * crashes decides the rest:
 *   - Its close() kills running tasks, so shutdown is destroy(), when nothing is in flight any more.
 *   - Abort signals make a task own its worker, so a thread is ended by `Worker.terminate()` instead.
 *   - A replacement that dies before it is ready is never replaced. So after every death the pool is looked at: no thread left, or too
 *     many that never came up, means that all requests are lost and the next one starts a new pool.
 *   - atomics 'disabled': otherwise ports and timers of an idle thread are dead.
 *   - The load balancer is our own: the request that opens a channel goes to a thread that has none.
 *   - An `error` listener is always attached, else an idle thread's error ends the process.
 */

import { performance } from 'node:perf_hooks';
import { MessageChannel } from 'node:worker_threads';
import { Piscina, queueOptionsSymbol } from 'piscina';
import { HeddleError } from '../../../protocol/errors.js';
import type {
  ChunkRequest,
  LoadAnswer,
  LoadRequest,
  OpenRequest,
  ThreadSettings,
} from '../../../protocol/messages.js';
import type { ResolvedRuntimeOptions } from '../../options/resolve-options.js';
import { type Caller, Channel, nextRequestId, type Outgoing } from './channel.js';

/** Told when a thread died with nothing to blame it on: something left behind by an earlier task threw. */
export type StrayListener = (workerId: number, error: Error) => void;

/** Event-loop figures of a thread since it started. */
export interface ThreadLoad {
  readonly workerId: number;
  readonly activeMs: number;
  readonly idleMs: number;
}

/** Opens a channel to a thread, unless it has one. */
type Open = (threadId: number) => boolean;

type LoadBalancer = NonNullable<NonNullable<ConstructorParameters<typeof Piscina>[0]>['loadBalancer']>;
type PiscinaTask = Parameters<LoadBalancer>[0];
type PiscinaWorker = Parameters<LoadBalancer>[1][number];

/** Threads that may end before they came up, one after the other, until it is no use to start more. */
const MOST_FALSE_STARTS = 3;

const ENTRY = new URL('../../../workers/thread.cjs', import.meta.url).href;

/** A fixed number of threads. Started when first used, and again after all of them died. */
export class ThreadPool {
  readonly #options: ResolvedRuntimeOptions;
  readonly #strayListeners = new Set<StrayListener>();
  readonly #idleListeners = new Set<() => void>();
  #channels: Channel[] = [];
  /** What no thread is there for yet. */
  #waiting: Outgoing[] = [];
  #piscina: Piscina | undefined;
  /** What is still being destroyed. */
  readonly #endings = new Set<Promise<void>>();
  #lastError: Error | undefined;
  #falseStarts = 0;

  constructor(options: ResolvedRuntimeOptions) {
    this.#options = options;
  }

  get threads(): number {
    return this.#options.threads;
  }

  /** True while a thread that has come up has nothing to do. */
  get hasIdleThread(): boolean {
    return this.#channels.some(({ isUp, inFlight }) => isUp && inFlight === 0);
  }

  /** Loads a task module on a thread. Rejects when the thread dies. */
  load(request: Omit<LoadRequest, 'type' | 'id'>): { readonly answer: Promise<LoadAnswer>; cancel(): void } {
    const id = nextRequestId();
    const answer = new Promise<LoadAnswer>((resolve, reject) => {
      const caller: Caller = {
        id,
        onSent: () => {},
        onAnswer: (message) => message.type === 'loaded' && resolve(message.answer),
        onLost: reject,
        onUnsent: reject,
      };
      this.#send({ caller, request: { type: 'load', id, ...request }, transferList: [] });
    });
    return { answer, cancel: () => this.forget(id) };
  }

  /** Nobody waits for the answer to this request any more. */
  forget(id: number): void {
    this.#waiting = this.#waiting.filter(({ caller }) => caller.id !== id);
    for (const channel of this.#channels) channel.forget(id);
  }

  /** Sends a chunk to the least busy thread. */
  send(caller: Caller, request: ChunkRequest, transferList: readonly unknown[]): void {
    this.#send({ caller, request, transferList });
  }

  /** Ends a thread at once; Piscina replaces it. */
  terminate(workerId: number): void {
    this.#channels.find(({ threadId }) => threadId === workerId)?.terminate();
  }

  /** Calls back when a thread has nothing to do, for the moment. */
  onIdle(listener: () => void): () => void {
    this.#idleListeners.add(listener);
    return () => this.#idleListeners.delete(listener);
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
    this.#drop(new Error('Terminating worker thread'));
    if (piscina !== undefined) this.#destroy(piscina);
    await Promise.all(this.#endings);
  }

  #send(outgoing: Outgoing): void {
    this.#piscina ??= this.#start();
    const channel = leastBusy(this.#channels);
    if (channel === undefined) this.#waiting.push(outgoing);
    else channel.request(outgoing);
  }

  /** From now on there is no pool; whoever waits for an answer is told why. */
  #drop(error: Error): void {
    const lost = this.#waiting;
    const channels = this.#channels;
    this.#piscina = undefined;
    this.#waiting = [];
    this.#channels = [];
    this.#falseStarts = 0;
    for (const channel of channels) channel.close(error);
    for (const { caller } of lost) caller.onLost(error);
  }

  /** Opens a channel to a thread that has none, now or when it has come up. */
  #open(piscina: Piscina): void {
    const { port1, port2 } = new MessageChannel();
    let isTaken = false;
    const open: Open = (threadId) => {
      if (this.#channels.some((channel) => channel.threadId === threadId)) return false;
      const worker = piscina.threads.find((thread) => thread.threadId === threadId);
      if (worker === undefined) return false;
      const channel = new Channel(worker, port1, {
        onIdle: () => {
          this.#falseStarts = 0;
          for (const listener of this.#idleListeners) listener();
        },
        onDeath: () => this.#replace(piscina, channel),
      });
      isTaken = true;
      this.#channels.push(channel);
      for (const outgoing of this.#waiting.splice(0)) this.#send(outgoing);
      return true;
    };
    // A symbol is not cloned: it is for the load balancer only.
    const request: OpenRequest = { port: port2, [queueOptionsSymbol]: open } as OpenRequest;
    // Should it not get there although a thread was chosen, the end of that thread says so.
    piscina.run(request, { transferList: [port2] as never }).catch(() => {
      if (!isTaken) port1.close();
    });
  }

  #replace(piscina: Piscina, dead: Channel): void {
    if (this.#piscina !== piscina) return;
    this.#channels = this.#channels.filter((channel) => channel !== dead);
    const isFalseStart = !dead.isUp && !dead.wasTerminated;
    if (isFalseStart && ++this.#falseStarts > MOST_FALSE_STARTS) {
      // Those that are well go on.
      if (!this.#channels.some(({ isUp }) => isUp)) this.#giveUp(piscina);
      return;
    }
    this.#open(piscina);
    const { crash, inFlight, threadId } = dead;
    if (crash !== undefined && inFlight === 0)
      for (const listener of this.#strayListeners) listener(threadId, crash);
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
      loadBalancer: unopened,
      ...(env !== undefined && { env }),
      ...(memoryLimitMb !== undefined && { resourceLimits: { maxOldGenerationSizeMb: memoryLimitMb } }),
    });
    // A thread that dies with requests in flight rejects those; one that dies idle only shows here.
    piscina.on('error', (error: Error) => {
      this.#lastError = error;
    });
    piscina.on('workerDestroy', () => setImmediate(() => this.#checkAlive(piscina)));
    this.#piscina = piscina;
    for (let thread = 0; thread < threads; thread++) this.#open(piscina);
    return piscina;
  }

  #checkAlive(piscina: Piscina): void {
    if (this.#piscina !== piscina || piscina.threads.length === this.threads) return;
    // It was a replacement that did not come up: Piscina starts no other, unless it is given something to do.
    const isTolerable = this.#falseStarts++ < MOST_FALSE_STARTS;
    if (piscina.threads.length > 0) {
      if (isTolerable) this.#open(piscina);
      return;
    }
    if (!isTolerable || this.#channels.length > 0) return this.#giveUp(piscina);
    this.#piscina = undefined;
    this.#destroy(piscina);
    for (const outgoing of this.#waiting.splice(0)) this.#send(outgoing);
  }

  #giveUp(piscina: Piscina): void {
    const limit = this.#options.memoryLimitMb;
    const hint =
      limit === undefined ? 'is there enough memory?' : `the memory limit of ${limit} MB may be too low`;
    const message = `Worker threads end before they are ready: ${this.#lastError?.message ?? hint}`;
    this.#drop(new HeddleError('HEDDLE_WORKER_START', message, { cause: this.#lastError }));
    this.#destroy(piscina);
  }

  #destroy(piscina: Piscina): void {
    const ending = piscina.destroy().finally(() => this.#endings.delete(ending));
    this.#endings.add(ending);
  }
}

function leastBusy(channels: readonly Channel[]): Channel | undefined {
  let best: Channel | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (const channel of channels) {
    const { inFlight } = channel;
    if (inFlight >= fewest) continue;
    best = channel;
    fewest = inFlight;
    if (fewest === 0) break;
  }
  return best;
}

/** Chooses a thread that has no channel yet. */
function unopened(task: PiscinaTask, workers: PiscinaWorker[]): PiscinaWorker | null {
  const open = task[queueOptionsSymbol] as Open | null;
  return workers.find(({ id }) => open?.(id) === true) ?? null;
}

/** Milliseconds that this thread's event loop was active and idle so far. */
export function callerLoad(): ThreadLoad {
  const { active, idle } = performance.eventLoopUtilization();
  return { workerId: 0, activeMs: active, idleMs: idle };
}
