/**
 * The baseline: a plain loop that awaits one task after the other on the main thread.
 *
 * A round whose time counts is nothing but the loop. Rounds that hash or time each task are other loops, and the library is loaded
 * for them only: the process that is timed is one without heddle.
 */

import { deserialize, serialize } from 'node:v8';
import type { Runner } from './child.js';
import { LoopContext, SUBMITTED } from './loop-context.js';
import type { OutcomeHashes } from './outcome-hashes.js';
import { BenchProblem } from './problems.js';
import type { ChildSpec, Opened, Payload, Request, Round } from './protocol.js';
import { percentile } from './statistics.js';
import { stopwatch } from './stopwatch.js';
import { type Call, loadFunction } from './task-function.js';

/** Inputs and values that `payload` copies, and how long it may take. */
const PAYLOAD_TASKS = 16;
const PAYLOAD_MS = 500;

export class LoopRunner implements Runner {
  #call: Call = () => undefined;
  #inputs: unknown[] = [];

  async open(spec: ChildSpec): Promise<Opened> {
    if (spec.checksModule) await checkModule(spec.module);
    const at = performance.now();
    const { call, execution } = await loadFunction(spec.module);
    const startMs = performance.now() - at;
    const { timeoutMs } = spec;
    this.#call =
      timeoutMs === undefined ? call : (await import('./timed-call.js')).timedCall(call, timeoutMs);
    return { type: 'opened', startMs, execution };
  }

  take(inputs: readonly unknown[], isFirst: boolean): void {
    this.#inputs = isFirst ? [...inputs] : this.#inputs.concat(inputs);
  }

  async round(request: Extract<Request, { type: 'round' }>): Promise<Round> {
    if (request.hashes) return this.#hashed(request.show);
    return request.times ? this.#timed() : this.#plain();
  }

  async #plain(): Promise<Round> {
    const call = this.#call;
    const inputs = this.#inputs;
    let failed = 0;
    const stop = stopwatch();
    for (let i = 0; i < inputs.length; i++) {
      try {
        if ((await call(inputs[i], new LoopContext(i, inputs[i]))) === SUBMITTED) throw submits();
      } catch (error) {
        if (error instanceof BenchProblem) throw error;
        failed++;
      }
    }
    return { ...stop(), failed };
  }

  async #timed(): Promise<Round> {
    const call = this.#call;
    const inputs = this.#inputs;
    const times = new Float64Array(inputs.length);
    let failed = 0;
    const stop = stopwatch();
    let at = performance.now();
    for (let i = 0; i < inputs.length; i++) {
      try {
        if ((await call(inputs[i], new LoopContext(i, inputs[i]))) === SUBMITTED) throw submits();
      } catch (error) {
        if (error instanceof BenchProblem) throw error;
        failed++;
      }
      const now = performance.now();
      times[i] = now - at;
      at = now;
    }
    return { ...stop(), failed, taskP95Ms: percentile(times, 0.95) };
  }

  /** Its time is that of the tasks alone. */
  async #hashed(show: number | undefined): Promise<Round> {
    const { OutcomeHashes } = await import('./outcome-hashes.js');
    const inputs = this.#inputs;
    const hashes: OutcomeHashes = new OutcomeHashes(inputs.length, show);
    let ms = 0;
    const whole = stopwatch();
    for (let i = 0; i < inputs.length; i++) {
      const at = performance.now();
      try {
        const value = await this.#call(inputs[i], new LoopContext(i, inputs[i], hashes.keyOf));
        ms += performance.now() - at;
        if (value === SUBMITTED) throw submits();
        hashes.succeeded(i, value);
      } catch (error) {
        if (error instanceof BenchProblem) throw error;
        ms += performance.now() - at;
        hashes.failed(i, error);
      }
    }
    return { ...whole(), ms, ...hashes.result() };
  }

  async payload(): Promise<Payload> {
    const step = Math.max(1, Math.floor(this.#inputs.length / PAYLOAD_TASKS));
    const endAt = performance.now() + PAYLOAD_MS;
    let bytes = 0;
    let moveMs = 0;
    let count = 0;
    for (let i = 0; i < this.#inputs.length && (performance.now() < endAt || count === 0); i += step) {
      const input = this.#inputs[i];
      const copied = copy([input, await this.#valueOf(i, input)]);
      bytes += copied.bytes;
      moveMs += copied.moveMs;
      count++;
    }
    return { type: 'payload', bytes: bytes / Math.max(count, 1), moveMs: moveMs / Math.max(count, 1) };
  }

  async #valueOf(index: number, input: unknown): Promise<unknown> {
    try {
      return await this.#call(input, new LoopContext(index, input));
    } catch {
      return undefined;
    }
  }
}

function submits(): BenchProblem {
  return new BenchProblem(
    'a task that returns ctx.submitted cannot be compared: its job runs elsewhere, however heddle runs the task; ' +
      'compare a task that waits for its result, or choose -c by the limits of the provider',
  );
}

/** The second of two copies counts: the first pays for what is not compiled yet. */
function copy(value: unknown): { bytes: number; moveMs: number } {
  try {
    deserialize(serialize(value));
    const at = performance.now();
    const bytes = serialize(value);
    deserialize(bytes);
    return { bytes: bytes.length, moveMs: performance.now() - at };
  } catch {
    return { bytes: 0, moveMs: 0 };
  }
}

/** A run without inputs loads the module and says what is wrong with it. */
async function checkModule(module: string): Promise<void> {
  const { createRuntime, task } = await import('../main/index.js');
  const runtime = createRuntime({ threads: 1 });
  await runtime.run(task(module, { inline: true }), []).report();
  await runtime.close();
}
