/**
 * Worker threads and `postMessage`, nothing else: how fast this machine is without any care for
 * errors, order or memory. The limit that every pool is measured against.
 */

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { BareAnswer, BareRequest } from './bare-worker.js';
import { THREADS } from './suite.js';

/** A fixed number of threads that take lists of inputs in turn. */
export class BarePool {
  readonly #workers: readonly Worker[];
  readonly #waiting = new Map<number, (values: readonly unknown[]) => void>();
  #lastId = 0;

  private constructor(workers: readonly Worker[]) {
    this.#workers = workers;
    for (const worker of workers) {
      worker.on('message', ([id, values]: BareAnswer) => {
        const resolve = this.#waiting.get(id);
        this.#waiting.delete(id);
        resolve?.(values);
      });
    }
  }

  /** Starts the threads; resolves when all of them have loaded the task. */
  static async start(module: URL, threads: number = THREADS): Promise<BarePool> {
    const entry = new URL('./bare-worker.js', import.meta.url);
    const workers = Array.from(
      { length: threads },
      () => new Worker(entry, { workerData: { module: module.href } }),
    );
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    return new BarePool(workers);
  }

  /** Runs a list on one thread; the lists of a thread are run in the order in which they are sent. */
  send(
    thread: number,
    inputs: readonly unknown[],
    moved?: readonly ArrayBuffer[],
  ): Promise<readonly unknown[]> {
    const id = ++this.#lastId;
    const request: BareRequest = [id, inputs, moved !== undefined];
    this.#workers[thread % this.#workers.length]?.postMessage(request, [...(moved ?? [])]);
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
    });
  }
}
