/**
 * The baseline: a plain loop that awaits one task after the other on the main thread.
 *
 * Rounds that are timed run without heddle in the process. It is loaded only to check the module, to hash
 * outcomes, and for errors that must equal its own.
 */

import { deserialize, serialize } from 'node:v8';
import { BenchProblem, type ChildSpec, type Payload, type Round } from './child-protocol.js';
import { LoopContext, SUBMITTED } from './loop-context.js';
import { type SampleRunner, stopwatch } from './sample-runner.js';
import { mean, percentile } from './statistics.js';
import { type LoopFunction, loadFunction, withTimeout } from './task-function.js';

/** Bounds of what `payload` copies. */
const PAYLOAD_TASKS = 16;
const PAYLOAD_MS = 500;

export async function openLoop({ module, timeoutMs, checksModule }: ChildSpec): Promise<SampleRunner> {
  if (checksModule) await checkModule(module);
  const at = performance.now();
  const { call: bare, execution } = await loadFunction(module);
  const startMs = performance.now() - at;
  const call = timeoutMs === undefined ? bare : withTimeout(bare, timeoutMs);
  return {
    opened: { startMs, execution },
    round: (inputs, { hashes, times, show }) =>
      hashes ? hashedRound(call, inputs, show) : plainRound(call, inputs, times),
    payload: (inputs) => payload(call, inputs),
  };
}

/** A run without inputs loads the module, and its error says what is wrong with it. */
async function checkModule(module: string): Promise<void> {
  const { createRuntime, task } = await import('../main/index.js');
  const runtime = createRuntime({ threads: 1 });
  await runtime.run(task(module, { inline: true }), []).report();
  await runtime.close();
}

async function plainRound(call: LoopFunction, inputs: readonly unknown[], times: boolean): Promise<Round> {
  const taskTimes = times ? new Float64Array(inputs.length) : undefined;
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
    if (taskTimes === undefined) continue;
    const now = performance.now();
    taskTimes[i] = now - at;
    at = now;
  }
  return { ...stop(), failed, taskP95Ms: taskTimes && percentile(taskTimes, 0.95) };
}

/** Its `ms` is the time of the tasks, without hashing. */
async function hashedRound(
  call: LoopFunction,
  inputs: readonly unknown[],
  show: number | undefined,
): Promise<Round> {
  const { OutcomeHashes } = await import('./outcome-hashes.js');
  const hashes = new OutcomeHashes(inputs.length, show);
  let ms = 0;
  const whole = stopwatch();
  for (let i = 0; i < inputs.length; i++) {
    const at = performance.now();
    try {
      const value = await call(inputs[i], new LoopContext(i, inputs[i], hashes.keyOf));
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

function submits(): BenchProblem {
  return new BenchProblem(
    'a task that returns ctx.submitted cannot be compared: its job runs elsewhere, however heddle runs the ' +
      'task; compare a task that waits for its result, or choose -c by the limits of the provider',
  );
}

/** The task runs for each input that is copied. */
async function payload(call: LoopFunction, inputs: readonly unknown[]): Promise<Payload> {
  const step = Math.max(1, Math.floor(inputs.length / PAYLOAD_TASKS));
  const endAt = performance.now() + PAYLOAD_MS;
  const copies: Payload[] = [];
  for (let i = 0; i < inputs.length && (performance.now() < endAt || i === 0); i += step) {
    const run = async () => call(inputs[i], new LoopContext(i, inputs[i]));
    copies.push(copy([inputs[i], await run().catch(() => undefined)]));
  }
  return { bytes: mean(copies.map(({ bytes }) => bytes)), moveMs: mean(copies.map(({ moveMs }) => moveMs)) };
}

/** The second of two copies counts: the first runs code that is not compiled yet. */
function copy(value: unknown): Payload {
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
