/**
 * A variant of heddle: the library as a program uses it, with threads started and the module loaded before any round.
 *
 * A round reads all outcomes and lets them go, as the loop does with its values. The runtime lives as long as the process.
 */

import { createRuntime, type RunOptions, type Runtime, type TaskReference, task } from '../main/index.js';
import type { Runner } from './child.js';
import { OutcomeHashes } from './outcome-hashes.js';
import type { ChildSpec, Opened, Payload, Request, Round } from './protocol.js';
import { stopwatch } from './stopwatch.js';

export class HeddleRunner implements Runner {
  #runtime: Runtime | undefined;
  #task: TaskReference<(input: unknown) => unknown> | undefined;
  #options: RunOptions = {};
  #inputs: unknown[] = [];

  async open(spec: ChildSpec): Promise<Opened> {
    const { kind, module, threads, concurrency, chunk, timeoutMs, memoryLimitMb } = spec;
    this.#task = task(module, { inline: kind === 'inline' });
    this.#runtime = createRuntime({ threads, memoryLimitMb, taskOutput: 'stderr' });
    this.#options = { concurrency, chunk, timeoutMs };
    const { startMs } = await this.#runtime.run(this.#task, []).report();
    return { type: 'opened', startMs, execution: undefined };
  }

  take(inputs: readonly unknown[], isFirst: boolean): void {
    this.#inputs = isFirst ? [...inputs] : this.#inputs.concat(inputs);
  }

  async round({ hashes, show }: Extract<Request, { type: 'round' }>): Promise<Round> {
    if (this.#runtime === undefined || this.#task === undefined) throw new Error('round before open');
    const seen = hashes ? new OutcomeHashes(this.#inputs.length, show) : undefined;
    let failed = 0;
    const stop = stopwatch();
    const run = this.#runtime.run(this.#task, this.#inputs, this.#options);
    for await (const outcome of run) {
      if (outcome.status === 'succeeded') seen?.succeeded(outcome.index, outcome.value);
      else {
        failed++;
        seen?.failed(outcome.index, outcome.error);
      }
    }
    const round = stop();
    const { latency } = await run.report();
    return { ...round, failed, taskP95Ms: latency.p95, ...seen?.result() };
  }

  payload(): Promise<Payload> {
    throw new Error('only the loop is asked');
  }
}
