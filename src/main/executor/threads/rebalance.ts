/**
 * Rebalancing: what has not begun on one thread goes to another that has nothing to do.
 *
 * Chunks are sent by what tasks took so far. When one takes much longer, whatever stands behind it waits: the rest of its chunk, and
 * the chunk that was sent ahead. As soon as a thread is idle these are taken back and run there. The control cell makes that
 * safe: the thread says what it begins before it looks whether it may, and this side forbids before it looks what
 * has begun. So nothing runs twice, and nothing is lost.
 */

import type { ThreadChunk } from './thread-chunk.js';
import type { ThreadPool } from './thread-pool.js';

/** What a rebalancer needs of the executor. */
export interface RebalanceHost {
  readonly pool: Pick<ThreadPool, 'hasIdleThread' | 'onIdle'>;
  /** The chunks of the run that are with threads. */
  chunks(): Iterable<ThreadChunk>;
  /** The tasks from this position on will not begin where they are. */
  onRecalled(chunk: ThreadChunk, from: number): void;
}

/** The rest of a chunk is taken from under a task that runs for longer than this; others are about to end by themselves. */
const LONG_MS = 5;

/** Keeps the threads of one run busy. */
export class Rebalancer {
  readonly #host: RebalanceHost;
  readonly #unsubscribe: () => void;
  #wanted = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(host: RebalanceHost) {
    this.#host = host;
    // Soon, not at once: mostly the thread is about to get its next chunk.
    this.#unsubscribe = host.pool.onIdle(() => this.#lookSoon());
  }

  /** Takes tasks back if a thread could have them. @param wanted - threads that the run may keep busy */
  look(wanted: number): void {
    this.#wanted = wanted;
    if (!this.#host.pool.hasIdleThread) return;
    const chunks = [...this.#host.chunks()].filter((chunk) => chunk.threadId !== 0);
    if (new Set(chunks.map(({ threadId }) => threadId)).size >= wanted) return;
    const candidates = chunks.filter((chunk) => chunk.isRecallable);
    const chosen =
      candidates.find((chunk) => chunk.isQueued) ?? candidates.find((chunk) => chunk.ranFor > LONG_MS);
    if (chosen !== undefined) this.#host.onRecalled(chosen, chosen.recall());
    else if (candidates.length > 0) this.#lookSoon();
  }

  close(): void {
    this.#unsubscribe();
    clearTimeout(this.#timer);
  }

  #lookSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.look(this.#wanted);
    }, LONG_MS);
  }
}
