/**
 * The threads of a runtime: Piscina, used as a keeper of threads and nothing more.
 *
 * Piscina starts the threads, replaces those that die, and carries one request to each: it opens a channel
 * (channel.ts), over which all chunks travel. A chunk in Piscina's own queue would cost twice as much
 * (ADR 8). What Piscina 5.3 does with crashes decides the rest:
 *   - Its close() kills running tasks, so shutdown is destroy(), when nothing is in flight.
 *   - Abort signals make a task own its worker, so a thread is ended by `Worker.terminate()` instead. One
 *     exception: a thread stuck in a native call is removed by aborting a task that is sent to it; Piscina
 *     then starts another.
 *   - A replacement that dies before it is ready is never replaced. So after every death the pool is
 *     inspected: if no thread is left, or too many never came up, all requests are lost and the next one
 *     starts a new pool.
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
import { onNextTurn } from '../../../protocol/turn.js';
import { Channel, nextRequestId, type Outgoing, type Requester } from './channel.js';

/** What the threads of a runtime are like. */
export interface ThreadOptions {
  readonly threads: number;
  /** Heap limit of each thread, in MB. */
  readonly memoryLimitMb: number | undefined;
  readonly env: Readonly<Record<string, string>> | undefined;
  readonly taskOutput: 'inherit' | 'stderr';
  readonly loadTimeoutMs: number;
}

/** Called when a thread died between tasks: something that an earlier task left threw. */
export type StrayListener = (workerId: number, error: Error) => void;

/** Event-loop figures of a thread since it started. */
export interface ThreadLoad {
  readonly workerId: number;
  readonly activeMs: number;
  readonly idleMs: number;
}

/** Whether a request is meant for a thread; opens a channel to it if that is the request. */
type Open = (threadId: number) => boolean;

type LoadBalancer = NonNullable<NonNullable<ConstructorParameters<typeof Piscina>[0]>['loadBalancer']>;
type PiscinaTask = Parameters<LoadBalancer>[0];
type PiscinaWorker = Parameters<LoadBalancer>[1][number];

/** Threads that may end before they come up, one after the other, before the pool gives up. */
const MOST_FALSE_STARTS = 3;

/** How long `close` waits for threads to end. One in a native call ends only when the call returns. */
const CLOSE_MS = 2000;

const ENTRY = new URL('../../../workers/thread.cjs', import.meta.url).href;

/** A fixed number of threads. Started when first used, and again after all of them died. */
export class ThreadPool {
  readonly #options: ThreadOptions;
  readonly #strayListeners = new Set<StrayListener>();
  readonly #idleListeners = new Set<() => void>();
  #channels: Channel[] = [];
  /** Requests that no thread can take yet. */
  #waiting: Outgoing[] = [];
  #piscina: Piscina | undefined;
  /** Ids of threads that are dead, or as good as dead: they get no channel again. */
  readonly #dead = new Set<number>();
  /** Pools that are being destroyed. */
  readonly #endings = new Set<Promise<void>>();
  #lastError: Error | undefined;
  #falseStarts = 0;

  constructor(options: ThreadOptions) {
    this.#options = options;
  }

  get threads(): number {
    return this.#options.threads;
  }

  /** True while a thread that has come up has nothing to do. */
  get hasIdleThread(): boolean {
    return this.#channels.some(({ isUp, isOpen, inFlight }) => isUp && isOpen && inFlight === 0);
  }

  /** Loads a task module on a thread. Rejects when the thread dies. */
  load(request: Omit<LoadRequest, 'type' | 'id'>): { readonly answer: Promise<LoadAnswer>; cancel(): void } {
    const id = nextRequestId();
    const answer = new Promise<LoadAnswer>((resolve, reject) => {
      const requester: Requester = {
        id,
        onSent: () => {},
        onAnswer: (message) => message.type === 'loaded' && resolve(message.answer),
        onLost: reject,
        onUnsent: reject,
      };
      this.#send({ requester, request: { type: 'load', id, ...request }, transferList: [] });
    });
    return { answer, cancel: () => this.forget(id) };
  }

  /** The answer to this request is not needed any more. */
  forget(id: number): void {
    this.#waiting = this.#waiting.filter(({ requester }) => requester.id !== id);
    for (const channel of this.#channels) channel.forget(id);
  }

  /** Sends a chunk to the least busy thread. */
  send(requester: Requester, request: ChunkRequest, transferList: readonly unknown[]): void {
    this.#send({ requester, request, transferList });
  }

  /** Ends a thread at once; it is replaced. */
  terminate(workerId: number): void {
    this.#channels.find(({ threadId }) => threadId === workerId)?.terminate();
  }

  /** Retires a thread that holds an old version of a task module: it is replaced as soon as it is idle. */
  retire(workerId: number): void {
    this.#channels.find(({ threadId }) => threadId === workerId)?.retire();
  }

  /** Calls back when a thread has nothing to do. */
  onIdle(listener: () => void): () => void {
    this.#idleListeners.add(listener);
    return () => this.#idleListeners.delete(listener);
  }

  onStray(listener: StrayListener): () => void {
    this.#strayListeners.add(listener);
    return () => this.#strayListeners.delete(listener);
  }

  /** Event-loop figures of the living threads. */
  loads(): ThreadLoad[] {
    return (this.#piscina?.threads ?? []).map((worker) => {
      const { active, idle } = worker.performance.eventLoopUtilization();
      return { workerId: worker.threadId, activeMs: active, idleMs: idle };
    });
  }

  /** Ends the threads. Waits for them, for a bounded time. */
  async close(): Promise<void> {
    const piscina = this.#piscina;
    this.#drop(new Error('Terminating worker thread'));
    if (piscina !== undefined) this.#destroy(piscina);
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS);
    });
    await Promise.race([Promise.all(this.#endings), tooLong]);
    clearTimeout(timer);
  }

  #send(outgoing: Outgoing): void {
    this.#piscina ??= this.#start();
    let channel = leastBusy(this.#channels);
    for (; channel?.isStaleFor(outgoing.request) === true; channel = leastBusy(this.#channels))
      channel.retire();
    if (channel === undefined) this.#waiting.push(outgoing);
    else channel.request(outgoing);
  }

  /** Forgets the pool; the error is reported to whatever waits for an answer. */
  #drop(error: Error): void {
    const lost = this.#waiting;
    const channels = this.#channels;
    this.#piscina = undefined;
    this.#waiting = [];
    this.#channels = [];
    this.#falseStarts = 0;
    for (const channel of channels) channel.close(error);
    for (const { requester } of lost) requester.onLost(error);
  }

  /** Opens a channel to a thread that has none, now or when it has come up. */
  #open(piscina: Piscina): void {
    const { port1, port2 } = new MessageChannel();
    let isTaken = false;
    const open: Open = (threadId) => {
      if (this.#dead.has(threadId)) return false;
      if (this.#channels.some((channel) => channel.threadId === threadId)) return false;
      const worker = piscina.threads.find((thread) => thread.threadId === threadId);
      if (worker === undefined) return false;
      const channel = new Channel(worker, port1, {
        onIdle: () => {
          this.#falseStarts = 0;
          for (const listener of this.#idleListeners) listener();
        },
        onStuck: () => abandon(piscina, threadId),
        onDeath: () => {
          this.#dead.add(threadId);
          this.#replace(piscina, channel);
        },
      });
      isTaken = true;
      this.#channels.push(channel);
      for (const outgoing of this.#waiting.splice(0)) this.#send(outgoing);
      return true;
    };
    // A symbol is not cloned: it is for the load balancer only.
    const request: OpenRequest = { port: port2, [queueOptionsSymbol]: open } as OpenRequest;
    // If a thread was chosen and the request does not arrive, the end of that thread reports it.
    piscina.run(request, { transferList: [port2] as never }).catch(() => {
      if (!isTaken) port1.close();
    });
  }

  #replace(piscina: Piscina, dead: Channel): void {
    if (this.#piscina !== piscina) return;
    this.#channels = this.#channels.filter((channel) => channel !== dead);
    const isFalseStart = !dead.isUp && !dead.wasTerminated;
    if (isFalseStart && ++this.#falseStarts > MOST_FALSE_STARTS) {
      // Threads that are up go on.
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
      loadBalancer: targeted,
      ...(env !== undefined && { env }),
      ...(memoryLimitMb !== undefined && { resourceLimits: { maxOldGenerationSizeMb: memoryLimitMb } }),
    });
    // A thread that dies with requests in flight rejects those; one that dies idle only shows here.
    piscina.on('error', (error: Error) => {
      this.#lastError = error;
    });
    piscina.on('workerDestroy', () => onNextTurn(() => this.#checkAlive(piscina)));
    this.#piscina = piscina;
    for (let thread = 0; thread < threads; thread++) this.#open(piscina);
    return piscina;
  }

  #checkAlive(piscina: Piscina): void {
    if (this.#piscina !== piscina || piscina.threads.length === this.threads) return;
    // A replacement did not come up: Piscina starts no other one until it is given something to do.
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
    if (inFlight >= fewest || !channel.isOpen) continue;
    best = channel;
    fewest = inFlight;
    if (fewest === 0) break;
  }
  return best;
}

/** Makes Piscina replace a thread that does not end. */
function abandon(piscina: Piscina, workerId: number): void {
  const control = new AbortController();
  const isTarget: Open = (threadId) => threadId === workerId;
  const request = { [queueOptionsSymbol]: isTarget };
  piscina.run(request, { signal: control.signal }).catch(() => {});
  control.abort();
}

/** Chooses the thread that a request is meant for. */
function targeted(task: PiscinaTask, workers: PiscinaWorker[]): PiscinaWorker | null {
  const open = task[queueOptionsSymbol] as Open | null;
  return workers.find(({ id }) => open?.(id) === true) ?? null;
}

/** Event-loop figures of the caller's thread. */
export function callerLoad(): ThreadLoad {
  const { active, idle } = performance.eventLoopUtilization();
  return { workerId: 0, activeMs: active, idleMs: idle };
}
