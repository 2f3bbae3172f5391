/**
 * A child process of `heddle bench`: it runs one variant, apart from all others, so that its memory and its
 * compiled code are its own.
 *
 * It only answers requests; between them its event loop and its threads sleep. It ends when the channel to
 * its parent closes, however the parent ended. It ignores signals of the terminal: the parent ends its
 * children.
 */

import {
  BenchProblem,
  type ChildAnswer,
  type ChildRequest,
  type ChildSpec,
  type ChildValues,
} from './child-protocol.js';
import type { SampleRunner } from './sample-runner.js';

let runner: SampleRunner | undefined;
let inputs: unknown[] = [];

process.on('disconnect', () => process.exit());
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
process.on('message', (request: ChildRequest) => {
  void answer(request).then((message) => process.send?.(message));
});

async function answer(request: ChildRequest): Promise<ChildAnswer> {
  try {
    return { type: 'done', value: await serve(request) };
  } catch (error) {
    if (error instanceof BenchProblem) return { type: 'refused', message: error.message };
    const { serializeError } = await import('../main/index.js');
    return { type: 'failed', error: serializeError(error) };
  }
}

async function serve(request: ChildRequest): Promise<ChildValues[keyof ChildValues]> {
  if (request.type === 'open') runner = await open(request.spec);
  if (runner === undefined) throw new Error('the first request must be open');
  switch (request.type) {
    case 'open':
      return runner.opened;
    case 'inputs':
      inputs = request.isFirst ? [...request.inputs] : inputs.concat(request.inputs);
      return undefined;
    case 'round':
      return runner.round(inputs, request);
    case 'payload':
      return runner.payload?.(inputs);
    default:
      return request satisfies never;
  }
}

/** The process of the loop loads heddle only to check the module and to compare outcomes, not to be timed. */
async function open(spec: ChildSpec): Promise<SampleRunner> {
  if (spec.kind === 'loop') return (await import('./loop-runner.js')).openLoop(spec);
  return (await import('./heddle-runner.js')).openHeddle(spec);
}
