/**
 * Channels: the message channel of a chunk, one end here, the other in its thread.
 *
 * Making and moving a MessagePort costs more than a chunk of small tasks, so the channels of a thread are kept and
 * leased to one chunk after the other. A channel belongs to one thread for life and is closed with it.
 */

import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { AbortMessage, ThreadMessage } from '../../protocol/messages.js';

let count = 0;

/** One channel to one thread. */
export class Channel {
  readonly id: number = ++count;
  readonly threadId: number;
  /** The thread's end, until it has been sent there. */
  remote: MessagePort | undefined;
  /** Who has the channel now. */
  onMessage: ((message: ThreadMessage) => void) | undefined;
  readonly #port: MessagePort;

  /** @param onClose - called when either end is closed, also by the death of the thread */
  constructor(threadId: number, onClose: (channel: Channel) => void) {
    const { port1, port2 } = new MessageChannel();
    this.threadId = threadId;
    this.remote = port2;
    this.#port = port1;
    port1.on('message', (message: ThreadMessage) => this.onMessage?.(message));
    port1.once('close', () => onClose(this));
    // Piscina keeps the process alive while requests are in flight; an idle channel must not.
    port1.unref();
  }

  send(message: AbortMessage): void {
    this.#port.postMessage(message);
  }

  /** Reads what has arrived: messages are there before the answer, or the death, that follows them. */
  drain(): void {
    for (
      let next = receiveMessageOnPort(this.#port);
      next !== undefined;
      next = receiveMessageOnPort(this.#port)
    ) {
      this.onMessage?.(next.message as ThreadMessage);
    }
  }

  close(): void {
    this.onMessage = undefined;
    this.#port.close();
  }
}
