/** The inline executor: closures and task modules on the caller's thread. */

import { createRuntime, executeInParallel, type Runtime, type TaskContext, task } from 'heddle';
import { afterAll, describe, expect, it } from 'vitest';

const runtime: Runtime = createRuntime({ threads: 1 });
afterAll(() => runtime.close());

const chaos = task<(input: { id?: number; do: string }) => unknown>(
  new URL('../fixtures/tasks/chaos.js', import.meta.url),
  { inline: true },
);

describe('closures', () => {
  it('run on this thread and see its variables', async () => {
    const factor = 3;

    await expect(runtime.run((n: number) => n * factor, [1, 2, 3]).values()).resolves.toEqual([3, 6, 9]);
  });

  it('run as many at once as the concurrency says', async () => {
    let inside = 0;
    let most = 0;
    const wait = async () => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside--;
    };

    await runtime.run(wait, Array.from({ length: 60 }), { concurrency: 7 }).values();

    expect(most).toBe(7);
  });

  it('may return what cannot be cloned', async () => {
    const [value] = await runtime.run((n: number) => () => n, [42]).values();

    expect(value?.()).toBe(42);
  });

  it('keep their own error', async () => {
    const run = runtime.run(
      () => Promise.reject(Object.assign(new TypeError('mine'), { code: 'E_MINE' })),
      [1],
    );

    expect((await run.outcomes())[0]).toMatchObject({
      status: 'failed',
      error: { name: 'TypeError', code: 'E_MINE' },
    });
  });

  it('call services directly', async () => {
    const run = runtime.run(
      (n: number, ctx: TaskContext<{ twice(n: number): number }>) => ctx.services.twice(n),
      [4],
      { services: { twice: (n) => n * 2 } },
    );

    await expect(run.values()).resolves.toEqual([8]);
  });
});

it('an inline module behaves as on a thread', async () => {
  const outcomes = await runtime
    .run(chaos, [{ do: 'ok', id: 7 }, { do: 'throw' }, { do: 'rejectLate' }])
    .outcomes();

  expect(outcomes).toMatchObject([
    { value: 7, workerId: 0 },
    { error: { code: 'E_CUSTOM' } },
    { error: { code: 'E_CUSTOM' } },
  ]);
});

describe('what must end', () => {
  it('a timeout gives a deaf attempt up, and goes on with the others', async () => {
    const outcomes = await runtime
      .run(chaos, [{ do: 'never' }, { do: 'ok', id: 1 }], { timeoutMs: 30 })
      .outcomes();

    expect(outcomes).toMatchObject([
      { status: 'failed', error: { code: 'HEDDLE_TIMEOUT' } },
      { status: 'succeeded', value: 1 },
    ]);
  });

  it('a timeout reaches an attempt that listens', async () => {
    const [outcome] = await runtime.run(chaos, [{ do: 'waitForSignal' }], { timeoutMs: 30 }).outcomes();

    expect(outcome).toMatchObject({
      status: 'failed',
      error: { code: 'HEDDLE_TIMEOUT', cause: { code: 'HEDDLE_TIMEOUT' } },
    });
  });

  it('abort reaches attempts that listen', async () => {
    let started = 0;
    const listen = (_: number, { signal }: TaskContext) =>
      new Promise((_resolve, reject) => {
        started++;
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    const run = runtime.run(listen, [1, 2], { concurrency: 2 });
    while (started < 2) await new Promise((resolve) => setImmediate(resolve));
    run.abort();

    expect(await run.report()).toMatchObject({ status: 'aborted', aborted: 2 });
  });
});

describe('executeInParallel', () => {
  it('gives results by place, errors by index, and metrics', async () => {
    const progress: [number, number][] = [];
    const told: number[] = [];
    const operations = Array.from({ length: 20 }, (_, i) => async () => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      if (i === 5) throw new Error('five');
      return i;
    });

    const { results, errors, metrics } = await executeInParallel(operations, {
      concurrency: 5,
      onProgress: (completed, total) => progress.push([completed, total]),
      onError: (_, index) => told.push(index),
    });

    expect(results).toEqual(Array.from({ length: 20 }, (_, i) => (i === 5 ? undefined : i)));
    expect(errors).toMatchObject([{ index: 5, error: { message: 'five' } }]);
    expect(told).toEqual([5]);
    expect(progress).toEqual(Array.from({ length: 20 }, (_, i) => [i + 1, 20]));
    expect(metrics.speedupFactor).toBeGreaterThan(1);
    expect(metrics.parallelEfficiency).toBeLessThanOrEqual(1.05);
    expect(metrics.connectionUtilization).toBeLessThanOrEqual(1);
    expect(metrics.sequentialEstimate / metrics.totalTime).toBeCloseTo(metrics.speedupFactor, 1);
  });

  it('of no operations is empty', async () => {
    await expect(executeInParallel([])).resolves.toMatchObject({ results: [], errors: [] });
  });

  it('refuses a promise in place of a function', async () => {
    await expect(executeInParallel([Promise.resolve(1) as never])).rejects.toMatchObject({
      code: 'HEDDLE_INVALID_OPTION',
      option: 'operations',
    });
  });

  it('rejects with the reason of its signal', async () => {
    const operations = [() => new Promise<never>(() => {})];

    await expect(executeInParallel(operations, { signal: AbortSignal.timeout(20) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });
});
