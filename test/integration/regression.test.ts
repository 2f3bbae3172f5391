/** One test for each bug that was found and mended. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createRuntime, type Outcome, type Runtime, transfer } from 'heddle';
import { afterAll, describe, expect, it } from 'vitest';
import { fixture } from '../support/tasks.js';

const runtime: Runtime = createRuntime({ threads: 2 });
const folder = mkdtempSync(join(tmpdir(), 'heddle-regression-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
  return runtime.close();
});

const history = fixture('history.js');
const range = (length: number) => Array.from({ length }, (_, i) => i);
const busy = (ms: number) => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};

function once(mode: 'exit' | 'throw'): Runtime {
  const mark = join(folder, `${mode}-${Math.random()}`);
  return createRuntime({ threads: 2, env: { LOADS_ONCE: mode, LOADS_ONCE_MARK: mark } });
}

describe('nothing is lost', () => {
  it('when inline tasks end in the same moment as their outcome is taken', async () => {
    const task = (n: number) => (n % 3 === 0 ? sleep(2).then(() => n) : n);
    const seen: number[] = [];

    for await (const { index } of runtime.run(task, range(50), { concurrency: 2, window: 1 }))
      seen.push(index);

    expect(seen).toEqual(range(50));
  });

  it('when thousands of inline tasks end at once', async () => {
    await expect(runtime.run((n: number) => n, range(20_000), { chunk: 1 }).values()).resolves.toEqual(
      range(20_000),
    );
  });

  it('when close() meets values()', async () => {
    const run = runtime.run(
      history,
      range(4).map(() => ({ do: 'sleep', ms: 50 })),
      { concurrency: 4 },
    );
    const values = run.values().catch((error: unknown) => error);
    while (run.progress.running < 4) await sleep(2);
    await run.close();

    expect(await values).toMatchObject({ code: 'HEDDLE_ABORTED' });
  });

  it('when a thread ends as it picks a chunk up: the module that it has loaded is not to blame', async () => {
    await using single = createRuntime({ threads: 1 });

    const values = await single.run(fixture('exits-between.js'), ['arm', 'b', 'c'], { chunk: 1 }).values();

    expect(values).toEqual(['arm', 'b', 'c']);
  });

  it('when a value can be sent and not be read: its task fails, and the next one runs', async () => {
    const outcomes = await runtime.run(fixture('trouble.js'), ['deep', 'b'], { chunk: 1 }).outcomes();

    expect(outcomes.map(({ status }) => status)).toEqual(['failed', 'succeeded']);
    expect(outcomes[0]).toMatchObject({ error: { code: 'HEDDLE_WORKER_EXIT', message: /cannot be read/ } });
  });

  it('when what one run left behind ends the thread on which another loads its module', async () => {
    await using single = createRuntime({ threads: 1 });
    await single.run(fixture('trouble.js'), ['throwLater']).values();

    expect(await single.run(fixture('slow-load.js'), [1, 2]).values()).toEqual([1, 2]);
  });

  it('when a replacement ends before it comes up, while tasks wait for it', async () => {
    const mark = join(folder, 'starts');
    const preload = fileURLToPath(new URL('../fixtures/tasks/second-start-fails.cjs', import.meta.url));
    const env = { NODE_OPTIONS: `--require ${preload}`, STARTS_MARK: mark };
    await using single = createRuntime({ threads: 1, env });
    const outcomes = await single
      .run(fixture('trouble.js'), ['a', 'exit', 'b', 'c'], { chunk: 1 })
      .outcomes();

    expect(outcomes.map(({ status }) => status)).toEqual(['succeeded', 'failed', 'succeeded', 'succeeded']);
  });

  it('when attempts have less time than a thread needs to come up', async () => {
    await using many = createRuntime({ threads: 8 });

    const values = await many.run(fixture('trouble.js'), range(40), { chunk: 1, timeoutMs: 15 }).values();

    expect(values).toEqual(range(40));
  });

  it('when a later thread cannot load the module: every task that was read has an outcome', async () => {
    await using broken = once('throw');
    const run = broken.run(
      fixture('loads-once.js'),
      range(20).map(() => 5),
    );
    const seen: Outcome[] = [];
    const read = async () => {
      for await (const outcome of run) seen.push(outcome);
    };

    await expect(read()).rejects.toMatchObject({ code: 'HEDDLE_TASK_MODULE_LOAD' });
    expect(seen.map(({ index }) => index)).toEqual(range(run.progress.read));
    expect(run.progress.running).toBe(0);
  });

  it('when the source throws while tasks are running', async () => {
    async function* source() {
      yield* range(4).map(() => ({ do: 'sleep', ms: 30 }));
      throw new Error('source');
    }
    const run = runtime.run(history, source(), { concurrency: 4 });

    await expect(run.report()).rejects.toMatchObject({ code: 'HEDDLE_INPUT_SOURCE' });
    expect(run.progress).toMatchObject({ succeeded: 4, aborted: 0, skipped: 0 });
  });

  it('when the source throws behind many tasks that were read, some of them to be retried', async () => {
    function* source() {
      for (let id = 0; id < 500; id++) yield { id, do: id % 100 === 7 ? 'throw' : 'ok' };
      throw new Error('source');
    }
    const run = runtime.run(fixture('chaos.js'), source(), {
      chunk: 100,
      retry: { attempts: 2, backoffMs: 20 },
    });

    await expect(run.report()).rejects.toMatchObject({ code: 'HEDDLE_INPUT_SOURCE' });
    expect(run.progress).toMatchObject({ succeeded: 495, failed: 5, retries: 5, aborted: 0, skipped: 0 });
  });

  it('when a key is bad in the middle: the inputs before it are run', async () => {
    const run = runtime.run((n: number) => n, range(10), { chunk: 10, key: (n) => (n === 5 ? '' : n) });

    await expect(run.report()).rejects.toMatchObject({ code: 'HEDDLE_INVALID_KEY' });
    expect(run.progress.succeeded).toBe(5);
  });
});

describe('nothing hangs', () => {
  it('when cloning an input throws something of its own', async () => {
    const bad = {
      do: 'ok',
      get field() {
        throw new RangeError('lazy');
      },
    };

    const outcomes = await runtime.run(history, [{ do: 'ok' }, bad, { do: 'ok' }], { chunk: 3 }).outcomes();

    expect(outcomes.map(({ status }) => status)).toEqual(['succeeded', 'failed', 'succeeded']);
    expect(outcomes[1]).toMatchObject({
      error: { code: 'HEDDLE_NOT_CLONEABLE', cause: { message: 'lazy' } },
    });
  });

  it('when an input is larger than the heap of its thread', async () => {
    await using small = createRuntime({ threads: 2, memoryLimitMb: 32 });
    const list = Array.from({ length: 1_000_000 }, (_, i) => ({ i }));

    const outcomes = await small.run(history, [{ do: 'ok' }, { do: 'size', list }, { do: 'ok' }]).outcomes();

    expect(outcomes.map(({ status }) => status)).toEqual(['succeeded', 'failed', 'succeeded']);
    expect(outcomes[1]).toMatchObject({ error: { code: 'HEDDLE_OUT_OF_MEMORY' } });
  });

  it('when the module ends every thread but the first', async () => {
    await using broken = once('exit');

    const end = await broken
      .run(fixture('loads-once.js'), range(20))
      .values()
      .catch(({ code }: { code: string }) => code);

    // The first thread may be able to do all of it; if not, the module is to blame.
    expect([range(20), 'HEDDLE_TASK_MODULE_LOAD']).toContainEqual(end);
  });

  it('when the run is stopped while a chunk reports', async () => {
    const task = (n: number) => {
      if (n === 1) return new Promise(() => {});
      busy(12);
      throw new Error('first');
    };

    const report = await runtime.run(task, [0, 1], { chunk: 2, failFast: true }).report();

    expect(report).toMatchObject({ status: 'failed', failed: 1, skipped: 1 });
  });

  it('when an async source waits for ever', async () => {
    async function* source() {
      yield 1;
      await new Promise(() => {});
    }
    const run = runtime.run((n: number) => n, source());
    while (run.progress.succeeded === 0) await sleep(2);
    run.abort();

    expect(await run.report()).toMatchObject({ status: 'aborted', succeeded: 1 });
  });

  it('when something that a task left behind blocks its thread, and there is a timeout', async () => {
    await using single = createRuntime({ threads: 1 });
    async function* source() {
      yield { do: 'leaveBlock' };
      // Real time: the thread must be idle, and then blocked, before the next task is sent.
      await sleep(50);
      yield* range(3).map(() => ({ do: 'ok' }));
    }

    const report = await single.run(history, source(), { timeoutMs: 150 }).report();

    expect(report).toMatchObject({ succeeded: 4, failed: 0 });
  });

  it('when a run is aborted before its task is loaded, and nothing is told afterwards', async () => {
    let told = 0;
    const run = runtime.run((n: number) => n, [1, 2], { onProgress: () => told++ });
    run.abort();
    await run.close();
    const before = told;
    await sleep(250);

    expect(told).toBe(before);
  });
});

describe('only the guilty', () => {
  it('fail when memory fills up over many tasks', async () => {
    await using small = createRuntime({ threads: 1, memoryLimitMb: 64 });

    const report = await small
      .run(
        history,
        range(150).map(() => ({ do: 'leak' })),
      )
      .report();

    expect(report).toMatchObject({ succeeded: 150, failed: 0 });
  });

  it('fail when a task blocks the thread of one that waits', async () => {
    await using single = createRuntime({ threads: 1 });
    const inputs = [
      { do: 'sleep', ms: 100 },
      { do: 'busy', ms: 390 },
      { do: 'busy', ms: 385 },
    ];

    const outcomes = await single.run(history, inputs, { concurrency: 3, timeoutMs: 400 }).outcomes();

    expect(outcomes[0]).toMatchObject({ status: 'succeeded' });
  });

  it('run, not the run whose module another one kept from loading', async () => {
    await using single = createRuntime({ threads: 1 });
    const first = single.run(history, [{ do: 'exitSoon' }]).outcomes();
    await sleep(20);
    const second = single.run(fixture('echo.js'), range(5)).values();

    await expect(second).resolves.toEqual(range(5));
    expect(await first).toMatchObject([{ status: 'failed' }]);
  });

  it('a transferred input survives a neighbour that cannot be sent', async () => {
    const bytes = new Uint8Array(10);
    const inputs = [transfer({ do: 'ok', bytes }, [bytes.buffer]), { do: 'ok', f: () => 1 }];

    const outcomes = await runtime.run(history, inputs, { chunk: 2 }).outcomes();

    expect(outcomes).toMatchObject([{ status: 'succeeded' }, { error: { code: 'HEDDLE_NOT_CLONEABLE' } }]);
  });
});

describe('figures and limits', () => {
  it('suspects count for the concurrency', async () => {
    await using single = createRuntime({ threads: 1 });
    let inside = 0;
    let most = 0;
    const services = {
      enter: () => {
        inside++;
        most = Math.max(most, inside);
        setTimeout(() => inside--, 10);
      },
    };

    await single
      .run(
        history,
        range(4).map(() => ({ do: 'uncaughtAfter', ms: 12 })),
        { services },
      )
      .report();

    expect(most).toBe(1);
  });

  it('tasks that wait in one chunk are timed one by one', async () => {
    const inputs = range(20).map(() => ({ do: 'sleep', ms: 2 }));

    const report = await runtime.run(history, inputs, { concurrency: 1, chunk: 10 }).report();

    expect(report.busyMs).toBeLessThanOrEqual(report.wallMs);
    expect(report.notes).toEqual([]);
  });

  it('a late log line is not told of another task', async () => {
    await using single = createRuntime({ threads: 1 });
    const run = single.run(history, [{ do: 'logLate' }, ...range(20).map(() => ({ do: 'sleep', ms: 5 }))], {
      chunk: 1,
    });
    const logs: number[] = [];
    const events = run.events();
    await run.report();
    for await (const event of events) if (event.type === 'task-log') logs.push(event.index);

    expect(logs.filter((index) => index !== 0)).toEqual([]);
  });

  it('code that a task left behind does not take the services away from those that run', async () => {
    await using single = createRuntime({ threads: 1 });
    const values = await single
      .run(fixture('late-service.js'), ['leave', 'tell', 'call'], {
        chunk: 1,
        services: { double: (n: number) => n * 2 },
      })
      .values();

    expect(values).toEqual([undefined, 'HEDDLE_SERVICE_UNAVAILABLE', 42]);
  });

  it.each([
    ['input', 'auto'],
    ['completion', 'auto'],
    ['input', 1],
  ] as const)('a task that blocks its thread holds nobody up: order %s, chunk %s', async (order, chunk) => {
    await using pair = createRuntime({ threads: 2 });
    const cell = new SharedArrayBuffer(4);
    const others = 400;
    function* source() {
      for (let i = 0; i <= others; i++) yield i === 150 ? { cell, waitFor: others } : { cell };
    }
    const outcomes = await pair.run(fixture('gate.js'), source(), { order, chunk, window: 1000 }).outcomes();

    const values = outcomes.map((outcome) =>
      outcome.status === 'succeeded' ? outcome.value : outcome.error,
    );
    expect(values.filter((value) => value !== 'counted')).toEqual(['all others ran']);
    expect(values).toHaveLength(others + 1);
  });

  it('long tasks behind many short ones spread over the threads', async () => {
    function* source() {
      for (let i = 0; i < 20_000; i++) yield { do: 'ok' };
      for (let i = 0; i < 12; i++) yield { do: 'busy', ms: 60 };
    }

    const outcomes = await runtime.run(history, source()).outcomes();

    expect(new Set(outcomes.slice(20_000).map(({ workerId }) => workerId)).size).toBe(2);
  });

  it('the caller has its turn between inline tasks', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);

    await runtime.run(() => busy(2), range(100)).values();
    clearInterval(timer);

    expect(turns).toBeGreaterThan(5);
  });

  it('a callback that rejects ends the run, not the process', async () => {
    const run = runtime.run((n: number) => sleep(2).then(() => n), range(100), {
      onOutcome: () => Promise.reject(new Error('async')) as never,
    });

    await expect(run.values()).rejects.toThrow('async');
  });
});
