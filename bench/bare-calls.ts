/**
 * Calls from a thread to the main thread with nothing but messages: `[id, a, b]` one way, `[id, sum]` back.
 *
 * This file is both sides: the thread runs it too.
 */

import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type Figures, inLanes, timed } from './suite.js';

interface Order {
  readonly calls: number;
  readonly lanes: number;
}

/** Makes a thread call `calls` times, with `lanes` calls outstanding at once. */
export async function bareCalls(calls: number, lanes: number): Promise<Figures> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { calls, lanes } satisfies Order });
  let ms = Number.NaN;
  worker.on('message', (message: readonly number[]) => {
    const [id = 0, a = 0, b = 0] = message;
    if (id === 0) ms = a;
    else worker.postMessage([id, a + b]);
  });
  await once(worker, 'exit');
  return { 'calls/s': (calls / ms) * 1000 };
}

async function callFromThread({ calls, lanes }: Order): Promise<void> {
  const pending = new Map<number, (sum: number) => void>();
  let lastId = 0;
  parentPort?.on('message', ([id, sum]: readonly [number, number]) => {
    pending.get(id)?.(sum);
    pending.delete(id);
  });
  const add = (a: number, b: number) => {
    const id = ++lastId;
    parentPort?.postMessage([id, a, b]);
    return new Promise<number>((resolve) => {
      pending.set(id, resolve);
    });
  };
  await inLanes(calls / 5, lanes, (index) => add(index, 1));
  const ms = await timed(() => inLanes(calls, lanes, (index) => add(index, 1)));
  parentPort?.postMessage([0, ms]);
  parentPort?.close();
}

if (!isMainThread) await callFromThread(workerData);
