/**
 * Rebalancing: tasks that have not begun on one thread go to another that has nothing to do.
 *
 * Chunks are sized by what tasks took so far. When one takes much longer, the rest of its chunk waits, and so
 * does the chunk that was sent ahead. As soon as a thread is idle these are taken back and run there. The
 * control cell makes that safe: the thread writes what it begins before it checks whether it may, and this
 * side forbids before it reads what has begun. So nothing runs twice, and nothing is lost.
 */

import type { ThreadChunk } from './thread-chunk.js';
import type { ThreadPool } from './thread-pool.js';

/** The tasks of a chunk from a position on will not begin where they are. */
export interface RecalledTasks {
  readonly sent: ThreadChunk;
  readonly from: number;
}

/** The rest of a chunk is taken back from a task that runs longer than this. */
const LONG_MS = 5;

/** Finds tasks that an idle thread could have. */
export class Rebalancer {
  readonly #pool: Pick<ThreadPool, 'hasIdleThread' | 'onIdle'>;
  readonly #onImbalance: () => void;
  readonly #unsubscribe: () => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param onImbalance - called when it is time to look again */
  constructor(pool: Pick<ThreadPool, 'hasIdleThread' | 'onIdle'>, onImbalance: () => void) {
    this.#pool = pool;
    this.#onImbalance = onImbalance;
    // Soon, not at once: mostly the thread is about to get its next chunk.
    this.#unsubscribe = pool.onIdle(() => this.#lookSoon());
  }

  /**
   * Takes tasks back if a thread could have them.
   *
   * @param sent - the chunks of the run that are with threads
   * @param wanted - threads that the run may keep busy
   */
  look(sent: Iterable<ThreadChunk>, wanted: number): RecalledTasks | undefined {
    if (!this.#pool.hasIdleThread) return undefined;
    const chunks = [...sent].filter((chunk) => chunk.threadId !== 0);
    if (new Set(chunks.map(({ threadId }) => threadId)).size >= wanted) return undefined;
    const candidates = chunks.filter((chunk) => chunk.isRecallable);
    const chosen =
      candidates.find((chunk) => chunk.isQueued) ?? candidates.find((chunk) => chunk.ranFor > LONG_MS);
    if (chosen !== undefined) return { sent: chosen, from: chosen.recall() };
    if (candidates.length > 0) this.#lookSoon();
    return undefined;
  }

  close(): void {
    this.#unsubscribe();
    clearTimeout(this.#timer);
  }

  #lookSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#onImbalance();
    }, LONG_MS);
  }
}
