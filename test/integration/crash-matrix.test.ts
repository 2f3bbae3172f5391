/**
 * Every way in which a task or its thread can end, for one task among innocent ones: no hang, nothing lost, the guilty one
 * fails with a typed error, the next task runs.
 */

import { createRuntime, type Failed, type HeddleError, type Outcome, type Runtime } from 'heddle';
import { afterAll, describe, expect, it } from 'vitest';
import { fixture } from '../support/tasks.js';

const runtime: Runtime = createRuntime({ threads: 2, memoryLimitMb: 64 });
afterAll(() => runtime.close());

type Expected = { name: string; code?: string; message?: RegExp; cause?: object };

const own = { name: 'CustomError', code: 'E_CUSTOM' };
const exit = { name: 'HeddleError', code: 'HEDDLE_WORKER_EXIT' };
const timeout = { name: 'HeddleError', code: 'HEDDLE_TIMEOUT' };

const MATRIX: Record<string, Expected> = {
  throw: { ...own, message: /^boom$/, cause: { message: 'root' } },
  throwString: {
    name: 'HeddleError',
    code: 'HEDDLE_NON_ERROR_THROWN',
    cause: 'just text' as unknown as object,
  },
  throwNothing: { name: 'HeddleError', code: 'HEDDLE_NON_ERROR_THROWN' },
  throwUncloneable: { name: 'Error', message: /holds a function/ },
  throwAggregate: { name: 'AggregateError', message: /both/ },
  throwDomException: { name: 'InvalidStateError', message: /nope/ },
  reject: { ...own, message: /^rejected$/ },
  rejectLate: { ...own, message: /rejected late/ },
  returnFunction: { name: 'HeddleError', code: 'HEDDLE_NOT_CLONEABLE', message: /function/ },
  returnSymbol: { name: 'HeddleError', code: 'HEDDLE_NOT_CLONEABLE' },
  exit: { ...exit, message: /exit code 7/ },
  exitAsync: { ...exit, message: /exit code 3/ },
  uncaught: { ...exit, cause: { name: 'CustomError', code: 'E_CUSTOM', message: 'uncaught' } },
  unhandled: { ...exit, cause: { name: 'CustomError', code: 'E_CUSTOM', message: 'unhandled' } },
  memory: { name: 'HeddleError', code: 'HEDDLE_OUT_OF_MEMORY', cause: { code: 'ERR_WORKER_OUT_OF_MEMORY' } },
  block: timeout,
  never: timeout,
  waitForSignal: { ...timeout, cause: { code: 'HEDDLE_TIMEOUT' } },
  pollSignal: { ...timeout, cause: { code: 'HEDDLE_TIMEOUT' } },
  ignoreSignal: timeout,
};

function batch(guilty: string): { id: number; do: string }[] {
  return Array.from({ length: 21 }, (_, id) => ({
    id,
    do: id === 10 ? guilty : id % 2 === 0 ? 'ok' : 'okAsync',
  }));
}

describe.each([
  { concurrency: 1, chunk: 'auto' as const },
  { concurrency: 2, chunk: 7 },
  { concurrency: 8, chunk: 1 },
])('concurrency $concurrency, chunks of $chunk', ({ concurrency, chunk }) => {
  it.each(Object.entries(MATRIX))('%s: only the guilty task fails', async (guilty, expected) => {
    const run = runtime.run(fixture('chaos.js'), batch(guilty), {
      concurrency,
      chunk,
      // Only what ends by its timeout has one: a busy machine could take that long for anything else.
      ...(expected.code === 'HEDDLE_TIMEOUT' && { timeoutMs: 600, graceMs: 50 }),
    });

    const outcomes: Outcome[] = await run.outcomes();

    expect(outcomes.map(({ index }) => index)).toEqual(batch(guilty).map(({ id }) => id));
    const failed = outcomes.filter((outcome): outcome is Failed => outcome.status === 'failed');
    expect(failed.map(({ index }) => index)).toEqual([10]);
    const { error, attempts } = failed[0] as Failed;
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: expected.name,
      ...(expected.code !== undefined && { code: expected.code }),
    });
    if (expected.message !== undefined) expect(error.message).toMatch(expected.message);
    if (typeof expected.cause === 'object') expect(error.cause).toMatchObject(expected.cause);
    if (typeof expected.cause === 'string') expect(error.cause).toBe(expected.cause);
    expect(attempts).toBe(1);
    expect(
      outcomes
        .filter(({ status }) => status === 'succeeded')
        .every((outcome) => 'value' in outcome && outcome.value === outcome.index),
    ).toBe(true);
  });
});

it('counts the attempts of a task that ends its thread each time', async () => {
  const run = runtime.run(
    fixture('chaos.js'),
    [
      { id: 0, do: 'exit' },
      { id: 1, do: 'ok' },
    ],
    { retry: { attempts: 3, backoffMs: 1 } },
  );

  const [exited, fine] = await run.outcomes();

  expect(exited).toMatchObject({ status: 'failed', attempts: 3, error: { code: 'HEDDLE_WORKER_EXIT' } });
  expect(fine).toMatchObject({ status: 'succeeded', value: 1 });
});

it('tells what an earlier task left behind, and fails nobody for it', async () => {
  const inputs = Array.from({ length: 40 }, (_, id) => ({ id, do: id === 3 ? 'leaveTimer' : 'slow', ms: 3 }));

  const outcomes = await runtime.run(fixture('chaos.js'), inputs).outcomes();

  expect(outcomes.every(({ status }) => status === 'succeeded')).toBe(true);
});

it('keeps the errors of an AggregateError and the fields of an error', async () => {
  const run = runtime.run(fixture('chaos.js'), [{ do: 'throwAggregate' }, { do: 'throw' }]);

  const [both, custom] = (await run.outcomes()) as Failed[];

  expect(
    ((both as Failed).error as AggregateError).errors.map((error: Error) => [
      error.constructor.name,
      error.message,
    ]),
  ).toEqual([
    ['TypeError', 'one'],
    ['RangeError', 'two'],
  ]);
  expect(custom?.error).toMatchObject({ details: { retryable: false } });
  expect(custom?.error.stack).toContain('chaos.js');
});

describe('a module that cannot be used ends the run before any task', () => {
  it.each([
    ['throws-at-load.js', 'HEDDLE_TASK_MODULE_LOAD', /no good at load/],
    ['exits-at-load.js', 'HEDDLE_TASK_MODULE_LOAD', /ended its thread/],
    ['no-default.js', 'HEDDLE_TASK_MODULE_INVALID', /exports named/],
    ['default-is-object.js', 'HEDDLE_TASK_MODULE_INVALID', /its default is an object/],
    ['missing-import.js', 'HEDDLE_TASK_MODULE_LOAD', /does-not-exist/],
    ['syntax-error.js', 'HEDDLE_TASK_MODULE_LOAD', /syntax-error\.js:2/],
    ['not-there.js', 'HEDDLE_TASK_MODULE_NOT_FOUND', /not-there\.js/],
  ])('%s: %s', async (module, code, message) => {
    const error = (await runtime
      .run(fixture(module), [1, 2, 3])
      .values()
      .catch((thrown: unknown) => thrown)) as HeddleError;

    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    await expect(runtime.run(fixture('echo.js'), [1]).values()).resolves.toEqual([1]);
  });

  it('one that never loads, after the load timeout', async () => {
    await using impatient = createRuntime({ threads: 1, loadTimeoutMs: 200 });

    await expect(impatient.run(fixture('never-loads.js'), [1]).values()).rejects.toMatchObject({
      code: 'HEDDLE_TASK_MODULE_LOAD',
    });
  });
});

it('says so when an input cannot be sent to a thread, and runs the others', async () => {
  const inputs = [1, () => {}, 3, 4];

  const outcomes = await runtime.run(fixture('echo.js'), inputs, { chunk: 4 }).outcomes();

  expect(outcomes.map(({ status }) => status)).toEqual(['succeeded', 'failed', 'succeeded', 'succeeded']);
  expect(outcomes[1]).toMatchObject({ error: { code: 'HEDDLE_NOT_CLONEABLE' } });
});

it('says so when threads cannot be started, every time it is asked', async () => {
  await using broken = createRuntime({
    threads: 2,
    env: { NODE_OPTIONS: '--require ./there-is-no-such-preload.cjs' },
  });

  for (const _ of [1, 2]) {
    await expect(broken.run(fixture('echo.js'), [1]).values()).rejects.toMatchObject({
      code: 'HEDDLE_WORKER_START',
      message: expect.stringMatching(/no-such-preload/),
    });
  }
});

it('does not start threads over and over when they cannot live', async () => {
  await using starved = createRuntime({ threads: 2, memoryLimitMb: 16 });
  const inputs = [{ do: 'memory' }, { do: 'ok', id: 1 }];

  const outcomes = await starved.run(fixture('chaos.js'), inputs).outcomes();

  expect(outcomes.map(({ status }) => status)).toEqual(['failed', 'succeeded']);
});
