/**
 * K7: timeouts, deadlines, abort and close() do not wait for a synchronous native call. A task reads a FIFO that nothing
 * writes to: its thread cannot be ended before the test opens it, so whatever arrives before did not wait for the call.
 */

import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { createRuntime, type Outcome, type Run, type RunOptions, type Runtime } from 'heddle';
import { afterEach, describe, expect, it } from 'vitest';
import { until, within } from '../support/hostile/bounds.js';
import { hostileTask } from '../support/hostile/fixtures.js';
import { freshPath } from '../support/hostile/folders.js';

const BOUND_MS = 9000;
const QUICK = { timeoutMs: 300, graceMs: 100 } as const;

let fifos: string[] = [];
let runtimes: Runtime[] = [];
afterEach(async () => {
  for (const path of fifos) release(path);
  await Promise.all(runtimes.map((runtime) => runtime.close()));
  fifos = [];
  runtimes = [];
});

function fifo(): string {
  const path = freshPath('fifo');
  execFileSync('/usr/bin/env', ['mkfifo', path]);
  fifos.push(path);
  return path;
}

/** Ends every read of a FIFO, one after the other: a thread may be about to begin its read. */
function release(path: string): void {
  const timer = setInterval(() => {
    try {
      closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
    } catch {
      // Nothing reads it at the moment.
    }
  }, 10);
  setTimeout(() => clearInterval(timer), 3000);
}

function runtimeOf(threads: number): Runtime {
  const runtime = createRuntime({ threads });
  runtimes.push(runtime);
  return runtime;
}

/** A task that notes that it has begun, and then blocks its thread. */
const blocking = () => {
  const path = fifo();
  return { do: 'read', path, mark: `${path}.mark` };
};
const thread = { do: 'thread' };

function start(runtime: Runtime, inputs: readonly object[], options: RunOptions = {}): Run {
  return runtime.run(hostileTask, inputs, { chunk: 1, ...options });
}

const outcomesOf = (run: Run): Promise<Outcome[]> => within(BOUND_MS, 'the outcomes', run.outcomes());
const brief = (outcomes: readonly Outcome[]) =>
  outcomes.map((outcome) =>
    outcome.status === 'succeeded' ? 'value' : (outcome.error as { code?: string }).code,
  );

describe('K7: a timeout of a task that is in a native call', () => {
  it('gives the outcome, and the next tasks run in a fresh thread', async () => {
    const runtime = runtimeOf(1);
    const [before] = await outcomesOf(start(runtime, [thread]));

    const outcomes = await outcomesOf(start(runtime, [blocking(), thread, thread], QUICK));

    expect(brief(outcomes)).toEqual(['HEDDLE_TIMEOUT', 'value', 'value']);
    expect(outcomes[1]).not.toMatchObject({ value: (before as { value: unknown }).value });
  });

  it('with a session, in the order of completion, and for the next run', async () => {
    const runtime = runtimeOf(1);
    const options = { ...QUICK, session: freshPath(), order: 'completion' } as const;

    expect(brief(await outcomesOf(start(runtime, [blocking(), thread], options)))).toEqual([
      'HEDDLE_TIMEOUT',
      'value',
    ]);
    expect(brief(await outcomesOf(start(runtime, [thread, thread])))).toEqual(['value', 'value']);
  });

  it('of every thread at once', async () => {
    const inputs = [blocking(), blocking(), thread, thread];

    expect(brief(await outcomesOf(start(runtimeOf(2), inputs, QUICK)))).toEqual([
      'HEDDLE_TIMEOUT',
      'HEDDLE_TIMEOUT',
      'value',
      'value',
    ]);
  });

  it('of every attempt', async () => {
    const options = { ...QUICK, retry: { attempts: 3, backoffMs: 1 } };

    const outcomes = await outcomesOf(start(runtimeOf(1), [blocking(), thread], options));

    expect(brief(outcomes)).toEqual(['HEDDLE_TIMEOUT', 'value']);
    expect(outcomes[0]?.attempts).toBe(3);
  });

  it('among tasks that travel in one chunk', async () => {
    const inputs = [thread, blocking(), thread, thread];

    expect(brief(await outcomesOf(start(runtimeOf(1), inputs, { ...QUICK, chunk: 4 })))).toEqual([
      'value',
      'HEDDLE_TIMEOUT',
      'value',
      'value',
    ]);
  });

  it('of one run: another run of the runtime goes on', async () => {
    const runtime = runtimeOf(1);

    const first = outcomesOf(start(runtime, [blocking()], QUICK));
    const second = outcomesOf(start(runtime, [thread, thread]));

    expect(brief(await first)).toEqual(['HEDDLE_TIMEOUT']);
    expect(brief(await second)).toEqual(['value', 'value']);
  });

  it('is not taken back by an answer that comes afterwards', async () => {
    const runtime = runtimeOf(1);
    const late = blocking();

    const outcomes = await outcomesOf(start(runtime, [late, thread], QUICK));
    release(late.path);
    const more = await outcomesOf(start(runtime, [thread, thread]));

    expect(brief(outcomes)).toEqual(['HEDDLE_TIMEOUT', 'value']);
    expect(brief(more)).toEqual(['value', 'value']);
  });
});

/** A run that has begun its blocking task. */
async function blocked(options: RunOptions = {}): Promise<{ runtime: Runtime; run: Run }> {
  const runtime = runtimeOf(1);
  await within(BOUND_MS, 'the first task', start(runtime, [thread]).values());
  const input = blocking();
  const run = start(runtime, [input], { graceMs: 100, ...options });
  await until('the task runs', () => existsSync(input.mark));
  return { runtime, run };
}

describe('K7: a run whose task is in a native call', () => {
  it('is aborted', async () => {
    const { run } = await blocked();

    run.abort();

    expect(await within(BOUND_MS, 'the report', run.report())).toMatchObject({ status: 'aborted' });
  });

  it('is aborted by its signal', async () => {
    const controller = new AbortController();
    const { run } = await blocked({ signal: controller.signal });

    controller.abort(new Error('enough'));

    await expect(within(BOUND_MS, 'the outcomes', run.outcomes())).rejects.toThrow('enough');
  });

  it('reaches its deadline', async () => {
    const { run } = await blocked({ deadlineMs: 300 });

    await expect(within(BOUND_MS, 'the outcomes', run.outcomes())).rejects.toMatchObject({
      code: 'HEDDLE_DEADLINE',
    });
  });

  it('is drained', async () => {
    const { run } = await blocked();

    run.drain(undefined, 100);

    expect(await within(BOUND_MS, 'the report', run.report())).toMatchObject({ status: 'aborted' });
  });

  it('is closed by a break', async () => {
    const runtime = runtimeOf(1);
    const read = async () => {
      for await (const _ of start(runtime, [thread, blocking()], { graceMs: 100 })) break;
    };

    await within(BOUND_MS, 'the break', read());
  });

  it('leaves a runtime that can be used, and closed', async () => {
    const { runtime, run } = await blocked();

    run.abort();
    await within(BOUND_MS, 'the report', run.report());

    expect(brief(await outcomesOf(start(runtime, [thread])))).toEqual(['value']);
    await within(BOUND_MS, 'close()', runtime.close());
  });

  it('does not keep close() from ending', async () => {
    const { runtime } = await blocked();

    await within(BOUND_MS, 'close()', runtime.close());
  });

  it('does not keep close() from ending after its timeout', async () => {
    const runtime = runtimeOf(2);
    await outcomesOf(start(runtime, [blocking(), blocking()], QUICK));

    await within(BOUND_MS, 'close()', runtime.close());
  });
});
