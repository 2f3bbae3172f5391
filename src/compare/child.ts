/**
 * A child process of `heddle bench`: one variant, measured apart from all others, so that its memory and compiled code are its own.
 *
 * It does nothing but answer, one request at a time; while it waits, its event loop and its threads sleep. It ends when the channel to
 * its parent closes, however the parent ended. Signals of the terminal go to the parent, which then ends its children.
 */

import { serializeError } from './plain-error.js';
import { BenchProblem } from './problems.js';
import type { Answer, ChildSpec, Opened, Payload, Request, Round } from './protocol.js';

/** What runs the sample. */
export interface Runner {
  open(spec: ChildSpec): Promise<Opened>;
  take(inputs: readonly unknown[], isFirst: boolean): void;
  round(request: Extract<Request, { type: 'round' }>): Promise<Round>;
  payload(): Promise<Payload>;
}

let runner: Runner | undefined;

process.on('disconnect', () => process.exit());
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
process.on('message', (request: Request) => {
  void answer(request)
    .catch(
      async (error: unknown): Promise<Answer> =>
        error instanceof BenchProblem
          ? { type: 'refused', message: error.message }
          : { type: 'problem', error: await serializeError(error) },
    )
    .then((message) => process.send?.(message));
});

async function answer(request: Request): Promise<Answer> {
  if (request.type === 'open') runner = await runnerFor(request.spec);
  if (runner === undefined) throw new Error('the first request must be open');
  switch (request.type) {
    case 'open':
      return runner.open(request.spec);
    case 'inputs':
      runner.take(request.inputs, request.isFirst);
      return { type: 'taken' };
    case 'round':
      return runner.round(request);
    case 'payload':
      return runner.payload();
    default:
      return request satisfies never;
  }
}

/** The loop's process never loads heddle, unless it is asked to hash: it is what a user has without it. */
async function runnerFor({ kind }: ChildSpec): Promise<Runner> {
  if (kind === 'loop') return new (await import('./loop-runner.js')).LoopRunner();
  return new (await import('./heddle-runner.js')).HeddleRunner();
}
