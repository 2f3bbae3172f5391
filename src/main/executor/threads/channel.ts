/**
 * Channels: the message channel of one thread, one end here, the other there.
 *
 * All requests to the thread travel over it, several at once, told apart by their numbers. It lives as long as the thread: when that
 * dies, what it still said is read first, and then everybody who waits for an answer is told.
 *
 *   request ──► messages … ──► the last one (isLast)                  the thread is well
 *           └─► messages … ──► lost                                   it died, or the pool was closed
 *           └─► unsent                                                the request cannot be cloned; the thread never saw it
 */

import { type MessagePort, receiveMessageOnPort, type Worker } from 'node:worker_threads';
import type { CallerMessage, ChunkRequest, LoadRequest, ThreadMessage } from '../../../protocol/messages.js';
import { reviveError } from '../../../protocol/serialized-error.js';

/** A message about one request. */
export type Answer = Extract<ThreadMessage, { id: number }>;

/** Whoever waits for the answer to a request. */
export interface Caller {
  readonly id: number;
  /** The request has left for a thread. */
  onSent(channel: Channel): void;
  onAnswer(answer: Answer): void;
  /** There will be no answer any more. */
  onLost(error: unknown): void;
  onUnsent(cause: unknown): void;
}

/** A request that is to be sent. */
export interface Outgoing {
  readonly caller: Caller;
  readonly request: LoadRequest | ChunkRequest;
  readonly transferList: readonly unknown[];
}

/** What a channel tells the pool. */
export interface ChannelHost {
  /** Its thread has nothing to do: it has come up, or has answered everything. */
  onIdle(): void;
  /** Its thread is dead; told before the callers are. `inFlight` of the channel still counts them. */
  onDeath(channel: Channel): void;
}

/** Nothing more will be said about its request. */
export function isLast(answer: Answer): boolean {
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
  /** The thread has said its first word. */
  isUp = false;
  /** What an uncaught error left as the thread's last word. */
  crash: Error | undefined;
  /** It was `terminate` that ended the thread. */
  wasTerminated = false;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #host: ChannelHost;
  readonly #callers = new Map<number, Caller>();
  #error: unknown;
  #isBroken = false;
  #isClosed = false;

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
    return this.#callers.size;
  }

  request({ caller, request, transferList }: Outgoing): void {
    try {
      this.#port.postMessage(request, transferList as never);
    } catch (cause) {
      caller.onUnsent(cause);
      return;
    }
    if (this.#callers.size === 0) this.#port.ref();
    this.#callers.set(caller.id, caller);
    caller.onSent(this);
  }

  /** Says something about a request that is in flight. */
  send(message: CallerMessage): void {
    this.#port.postMessage(message);
  }

  /** Nobody waits for the answer any more. */
  forget(id: number): void {
    if (!this.#callers.delete(id) || this.#callers.size > 0) return;
    this.#port.unref();
    this.#host.onIdle();
  }

  /** Ends the thread at once. */
  terminate(): void {
    if (this.wasTerminated) return;
    this.wasTerminated = true;
    void this.#worker.terminate();
  }

  /** Whoever still waits for an answer is told this error. */
  close(error: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#port.close();
    const callers = [...this.#callers.values()];
    this.#callers.clear();
    for (const caller of callers) caller.onLost(error);
  }

  #receive(message: ThreadMessage): void {
    if (this.#isBroken) return;
    switch (message.type) {
      case 'opened':
        this.isUp = true;
        if (this.#callers.size === 0) this.#host.onIdle();
        return undefined;
      case 'crash':
        this.crash = reviveError(message.error);
        return undefined;
      default: {
        const caller = this.#callers.get(message.id);
        if (isLast(message)) this.forget(message.id);
        // What a task says when its chunk is over is heard by nobody.
        caller?.onAnswer(message);
      }
    }
  }

  /** Nobody knows what a message was about that cannot be read: with the thread all requests end, and nothing it says later counts. */
  #breakOff(cause: unknown): void {
    this.#isBroken = true;
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.#error ??= new Error(`a value that it sent cannot be read here: ${reason}`, { cause });
    void this.#worker.terminate();
  }

  #die(error: unknown): void {
    if (this.#isClosed) return;
    for (let next = this.#next(); next !== undefined; next = this.#next()) this.#receive(next);
    this.#host.onDeath(this);
    this.close(error as Error);
  }

  /** What the thread still said, as far as it can be read. */
  #next(): ThreadMessage | undefined {
    try {
      return receiveMessageOnPort(this.#port)?.message as ThreadMessage | undefined;
    } catch {
      this.#isBroken = true;
      return undefined;
    }
  }
}
