/**
 * A variant of heddle: the library as a program uses it. Threads are started and the module is loaded before
 * any round, and the runtime lives as long as the process. A round reads all outcomes and drops them, as the
 * loop drops its values.
 */

import { createRuntime, type Run, task } from '../main/index.js';
import type { ChildSpec, Round, RoundRequest } from './child-protocol.js';
import { OutcomeHashes } from './outcome-hashes.js';
import { type SampleRunner, stopwatch } from './sample-runner.js';

export async function openHeddle(spec: ChildSpec): Promise<SampleRunner> {
  const { kind, module, threads, concurrency, chunk, timeoutMs, memoryLimitMb } = spec;
  const reference = task(module, { inline: kind === 'inline' });
  const runtime = createRuntime({ threads, memoryLimitMb, taskOutput: 'stderr' });
  const { startMs } = await runtime.run(reference, []).report();
  return {
    opened: { startMs, execution: undefined },
    round: (inputs, request) =>
      round(() => runtime.run(reference, inputs, { concurrency, chunk, timeoutMs }), inputs.length, request),
  };
}

async function round(start: () => Run<unknown>, count: number, request: RoundRequest): Promise<Round> {
  const hashes = request.hashes ? new OutcomeHashes(count, request.show) : undefined;
  let failed = 0;
  const stop = stopwatch();
  const run = start();
  for await (const outcome of run) {
    if (outcome.status === 'succeeded') hashes?.succeeded(outcome.index, outcome.value);
    else {
      failed++;
      hashes?.failed(outcome.index, outcome.error);
    }
  }
  const measured = stop();
  const { latency } = await run.report();
  return { ...measured, failed, taskP95Ms: latency.p95, ...hashes?.result() };
}
