/**
 * The thread of a BarePool: runs a task module over lists of inputs, with nothing around it.
 *
 *   in    [id, inputs, moves]      `moves`: the values are byte arrays whose memory goes back with them
 *   out   [id, values]
 */

import { parentPort, workerData } from 'node:worker_threads';

export type BareRequest = readonly [id: number, inputs: readonly unknown[], moves: boolean];
export type BareAnswer = readonly [id: number, values: readonly unknown[]];

const { default: call } = (await import(workerData.module)) as { default: (input: unknown) => unknown };

parentPort?.on('message', ([id, inputs, moves]: BareRequest) => {
  const values: unknown[] = [];
  for (const input of inputs) values.push(call(input));
  const buffers = moves ? values.map((value) => (value as Uint8Array<ArrayBuffer>).buffer) : [];
  parentPort?.postMessage([id, values] satisfies BareAnswer, buffers);
});
parentPort?.postMessage([-1, []] satisfies BareAnswer);
