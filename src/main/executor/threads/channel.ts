/**
 * Channels: the message channel of one thread, one end here, the other there.
 *
 * All requests to the thread travel over it, several at once, told apart by their numbers. It lives as long
 * as the thread. When the thread dies, its remaining messages are read first; then each pending request is
 * reported lost.
 *
 *   request ──► messages … ──► the last one (isLast)                  the thread is well
 *           └─► messages … ──► lost                                   it died, or the pool was closed
 *           └─► unsent                                                the request cannot be cloned
 *
 * A thread that must end may be inside a synchronous native call (execSync, a read of a FIFO), which nothing
 * can interrupt. After STUCK_MS it is treated as dead: its requests are lost now, and it ends when the call
 * returns.
 */

import { type MessagePort, receiveMessageOnPort, type Worker } from 'node:worker_threads';
import type { CallerMessage, ChunkRequest, LoadRequest, ThreadMessage } from '../../../protocol/messages.js';
import { reasonOf } from '../../../protocol/plain-data.js';
import { reviveError } from '../../../protocol/serialized-error.js';

/** A message about one request. */
export type ThreadAnswer = Extract<ThreadMessage, { id: number }>;

/** What waits for the answer to a request. */
export interface Requester {
  readonly id: number;
  /** The request has left for a thread. */
  onSent(channel: Channel): void;
  onAnswer(answer: ThreadAnswer): void;
  /** No answer will come any more. */
  onLost(error: unknown): void;
  onUnsent(cause: unknown): void;
}

/** A request that is to be sent. */
export interface Outgoing {
  readonly requester: Requester;
  readonly request: LoadRequest | ChunkRequest;
  readonly transferList: readonly unknown[];
}

/** What a channel reports to the pool. */
export interface ChannelHost {
  /** Its thread has nothing to do: it has come up, or has answered everything. */
  onIdle(): void;
  /** Its thread was told to end and is stuck in a native call. Followed by `onDeath`. */
  onStuck(channel: Channel): void;
  /** Its thread is dead; called before requests are reported lost, so `inFlight` still counts them. */
  onDeath(channel: Channel): void;
}

/**
 * `retired`: takes no further requests and ends when it is idle. `terminated`: told to end. `broken`: sent
 * something that cannot be read, and is ending because of it.
 */
type ChannelState = 'open' | 'retired' | 'terminated' | 'broken' | 'closed';

/** A thread that runs JavaScript ends within this time. */
const STUCK_MS = 40;

/** No further message about its request will come. */
export function isLast(answer: ThreadAnswer): boolean {
  const { type } = answer;
  return type === 'over' || type === 'loaded' || (type === 'settled' && answer.isLast);
}

let requests = 0;

/** A number that no other request of this process has. */
export function nextRequestId(): number {
  return ++requests;
}

/** The channel to one thread. */
export class Channel {
  readonly threadId: number;
  /** The thread has sent its first message. */
  isUp = false;
  /** What an uncaught error left as the last message of the thread. */
  crash: Error | undefined;
  /** It was `terminate` that ended the thread. */
  wasTerminated = false;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #host: ChannelHost;
  readonly #requesters = new Map<number, Requester>();
  /** By module: the version that the thread was first asked for, and so has loaded. */
  readonly #versions = new Map<string, string>();
  /** The module of the last request, and its version. */
  #module: string | undefined;
  #version = '';
  #state: ChannelState = 'open';
  #error: unknown;
  #stuckTimer: NodeJS.Timeout | undefined;

  constructor(worker: Worker, port: MessagePort, host: ChannelHost) {
    this.threadId = worker.threadId;
    this.#worker = worker;
    this.#port = port;
    this.#host = host;
    port.on('message', (message: ThreadMessage) => this.#receive(message));
    port.on('messageerror', (error: unknown) => this.#breakOff(error));
    // Requests in flight keep the process alive; an idle thread must not.
    port.unref();
    worker.once('error', (error) => {
      this.#error = error;
    });
    worker.once('exit', (code) => this.#die(this.#error ?? new Error(`worker exited with code: ${code}`)));
  }

  /** Requests that are not answered yet. */
  get inFlight(): number {
    return this.#requesters.size;
  }

  /** It takes requests. */
  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** The thread holds another version of a task module, which cannot be replaced. */
  isStaleFor({ module, version }: LoadRequest | ChunkRequest): boolean {
    // Most requests are about the same module.
    if (module === this.#module) return version !== this.#version;
    return (this.#versions.get(module) ?? version) !== version;
  }

  request({ requester, request, transferList }: Outgoing): void {
    try {
      this.#port.postMessage(request, transferList as never);
    } catch (cause) {
      requester.onUnsent(cause);
      return;
    }
    this.#note(request);
    if (this.#requesters.size === 0) this.#port.ref();
    this.#requesters.set(requester.id, requester);
    requester.onSent(this);
  }

  #note({ module, version }: LoadRequest | ChunkRequest): void {
    if (module === this.#module) return;
    this.#module = module;
    this.#version = this.#versions.get(module) ?? version;
    this.#versions.set(module, this.#version);
  }

  /** Sends a message about a request that is in flight. */
  send(message: CallerMessage): void {
    this.#port.postMessage(message);
  }

  /** The answer to a request is not needed any more. */
  forget(id: number): void {
    if (!this.#requesters.delete(id) || this.#requesters.size > 0) return;
    this.#port.unref();
    if (this.#state === 'retired') this.terminate();
    else this.#host.onIdle();
  }

  /** Ends the thread when it has nothing in flight. */
  retire(): void {
    if (this.#state !== 'open') return;
    this.#state = 'retired';
    if (this.#requesters.size === 0) this.terminate();
  }

  /** Ends the thread at once. */
  terminate(): void {
    if (this.#state !== 'open' && this.#state !== 'retired') return;
    this.#state = 'terminated';
    this.wasTerminated = true;
    void this.#worker.terminate();
    this.#stuckTimer = setTimeout(() => this.#giveUp(), STUCK_MS);
  }

  /** Reports this error to whatever still waits for an answer. */
  close(error: Error): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearTimeout(this.#stuckTimer);
    this.#port.close();
    const requesters = [...this.#requesters.values()];
    this.#requesters.clear();
    for (const requester of requesters) requester.onLost(error);
  }

  #receive(message: ThreadMessage): void {
    if (this.#state === 'broken') return;
    switch (message.type) {
      case 'opened':
        this.isUp = true;
        if (this.#requesters.size === 0) this.#host.onIdle();
        return undefined;
      case 'crash':
        this.crash = reviveError(message.error);
        return undefined;
      default: {
        const requester = this.#requesters.get(message.id);
        if (isLast(message)) this.forget(message.id);
        // A task may go on after its chunk is over; what it reports then is dropped.
        requester?.onAnswer(message);
      }
    }
  }

  /** A message that cannot be read belongs to an unknown request, so all requests end with the thread. */
  #breakOff(cause: unknown): void {
    this.#error ??= new Error(`a value that it sent cannot be read here: ${reasonOf(cause)}`, { cause });
    if (this.#state === 'closed') return;
    this.#state = 'broken';
    void this.#worker.terminate();
  }

  #giveUp(): void {
    this.#host.onStuck(this);
    this.#die(new Error('worker exited with code: 1'));
  }

  #die(error: unknown): void {
    if (this.#state === 'closed') return;
    for (let next = this.#next(); next !== undefined; next = this.#next()) this.#receive(next);
    this.#host.onDeath(this);
    this.close(error as Error);
  }

  /** The next message that the thread left, if it can be read. */
  #next(): ThreadMessage | undefined {
    try {
      return receiveMessageOnPort(this.#port)?.message as ThreadMessage | undefined;
    } catch {
      this.#state = 'broken';
      return undefined;
    }
  }
}
