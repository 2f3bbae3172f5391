/** What a run promises: order, laziness, bounded memory, retries, limits, ends. */

import { createRuntime, type Outcome, type Runtime, transfer } from 'heddle';
import { afterAll, describe, expect, it } from 'vitest';
import { Gate } from '../support/gate.js';
import { fixture } from '../support/tasks.js';

const runtime: Runtime = createRuntime({ threads: 2 });
afterAll(() => runtime.close());

const echo = fixture('echo.js');

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

async function* asynchronously<T>(values: Iterable<T>): AsyncGenerator<T> {
  yield* values;
}

function* generate<T>(values: Iterable<T>): Generator<T> {
  yield* values;
}

describe('order', () => {
  it('gives 100,000 outcomes in input order, equal to a loop', async () => {
    const inputs = range(100_000);

    const outcomes = await runtime.run(echo, inputs).outcomes();

    expect(outcomes.length).toBe(100_000);
    expect(
      outcomes.every(
        (outcome, i) => outcome.index === i && outcome.status === 'succeeded' && outcome.value === i,
      ),
    ).toBe(true);
  });

  it('gives each outcome once in completion order', async () => {
    const seen = new Uint8Array(100_000);

    for await (const outcome of runtime.run(echo, range(100_000), { order: 'completion' })) {
      if (outcome.status === 'succeeded' && outcome.value === outcome.index)
        seen[outcome.index] = (seen[outcome.index] ?? 0) + 1;
    }

    expect(seen.every((count) => count === 1)).toBe(true);
  });

  it('gives a quick task out first in completion order, and last in input order', async () => {
    const inputs = [
      { id: 0, do: 'gate' },
      { id: 1, do: 'ok' },
    ];
    const first = async (order: 'input' | 'completion') => {
      // The task before it ends only when the quick one has an outcome.
      const gate = new Gate();
      const run = runtime.run(fixture('chaos.js'), inputs, {
        order,
        services: { gate: () => gate.opened },
        onOutcome: ({ index }) => {
          if (index === 1) gate.open();
        },
      });
      for await (const { index } of run) return index;
      return undefined;
    };

    expect(await first('completion')).toBe(1);
    expect(await first('input')).toBe(0);
  });
});

describe('inputs', () => {
  it.each([
    ['array', () => range(1000)],
    ['set', () => new Set(range(1000))],
    ['generator', () => generate(range(1000))],
    ['async generator', () => asynchronously(range(1000))],
  ])('reads an %s', async (_, inputs) => {
    await expect(runtime.run(echo, inputs()).values()).resolves.toEqual(range(1000));
  });

  it('an empty batch completes', async () => {
    const run = runtime.run(echo, []);

    expect(await run.outcomes()).toEqual([]);
    expect(await run.report()).toMatchObject({ status: 'completed', read: 0 });
  });

  it('reads no further than the window ahead of a consumer that stops', async () => {
    let read = 0;
    function* endless() {
      for (;;) yield read++;
    }
    const run = runtime.run(echo, endless(), { window: 50 });
    let taken = 0;

    for await (const _ of run) {
      taken++;
      if (taken === 100) break;
      expect(read).toBeLessThanOrEqual(taken + 50);
    }

    expect(read).toBeLessThanOrEqual(150);
  });

  it('lets go of the source when the consumer leaves', async () => {
    let isClosed = false;
    async function* source() {
      try {
        for (let i = 0; ; i++) yield i;
      } finally {
        isClosed = true;
      }
    }

    for await (const { index } of runtime.run(echo, source())) if (index === 10) break;

    expect(isClosed).toBe(true);
  });

  it('a source that throws ends the run after what was read', async () => {
    function* source() {
      yield 1;
      yield 2;
      throw new Error('no more');
    }
    const seen: number[] = [];
    const read = async () => {
      for await (const outcome of runtime.run(echo, source())) seen.push(outcome.index);
    };

    await expect(read()).rejects.toMatchObject({
      code: 'HEDDLE_INPUT_SOURCE',
      cause: { message: 'no more' },
    });
    expect(seen).toEqual([0, 1]);
  });

  it('a source may abort the run that reads it', async () => {
    function* source() {
      for (let i = 0; ; i++) {
        if (i === 5) run.abort(new Error('from the source'));
        yield i;
      }
    }
    const run = runtime.run(echo, source());

    await expect(run.values()).rejects.toThrow('from the source');
    expect(await run.report()).toMatchObject({ status: 'aborted', failed: 0 });
  });

  it('refuses what is not iterable, at once', () => {
    expect(() => runtime.run(echo, 42 as never)).toThrowError(
      expect.objectContaining({ code: 'HEDDLE_INVALID_OPTION' }),
    );
  });
});

describe('keys', () => {
  it('are a hash of the input unless the caller gives them', async () => {
    const [a, b] = await runtime
      .run(echo, [
        { x: 1, y: 2 },
        { y: 2, x: 1 },
      ])
      .outcomes();

    expect(a?.key).toMatch(/^[0-9a-f]{32}$/);
    expect(b?.key).toBe(a?.key);
  });

  it('two equal keys end the run and name both inputs', async () => {
    const run = runtime.run(echo, ['a', 'b', 'a'], { key: (input: string) => input });

    await expect(run.values()).rejects.toMatchObject({
      code: 'HEDDLE_DUPLICATE_KEY',
      message: expect.stringMatching(/0 and 2/),
    });
  });
});

describe('the context of a task', () => {
  it('holds index, key and attempt', async () => {
    const run = runtime.run(fixture('context.js'), ['x', 'fail-once'], {
      key: (input: string) => `k-${input}`,
      retry: { attempts: 2, backoffMs: 1 },
    });

    const outcomes = await run.outcomes();

    expect(outcomes[0]).toMatchObject({ value: { index: 0, key: 'k-x', attempt: 1 }, attempts: 1 });
    expect(outcomes[1]).toMatchObject({ value: { index: 1, key: 'k-fail-once', attempt: 2 }, attempts: 2 });
  });

  it('reports progress and log lines as events', async () => {
    const run = runtime.run(fixture('context.js'), ['x']);
    const events = run.events();
    await run.report();

    const seen = [];
    for await (const event of events) seen.push(event);

    expect(seen).toContainEqual(
      expect.objectContaining({ type: 'task-progress', index: 0, fraction: 0.5, note: 'half' }),
    );
    expect(seen).toContainEqual(
      expect.objectContaining({
        type: 'task-log',
        index: 0,
        level: 'info',
        message: 'hello',
        fields: { input: 'x' },
      }),
    );
    expect(seen.at(-1)).toMatchObject({ type: 'run-ended', report: { status: 'completed' } });
  });

  it('calls services of the caller; their errors keep code and cause', async () => {
    const services = {
      lookup: (name: string, times: number) => Promise.resolve(name.repeat(times)),
      broken: () => {
        throw Object.assign(new RangeError('broken', { cause: new Error('why') }), { code: 'E_BROKEN' });
      },
    };
    const run = runtime.run(fixture('context.js'), ['service', 'service-throws', 'service-missing'], {
      services,
    });

    const [fine, broken, missing] = await run.outcomes();

    expect(fine).toMatchObject({ status: 'succeeded', value: 'aa' });
    expect(broken).toMatchObject({
      status: 'failed',
      error: { name: 'RangeError', code: 'E_BROKEN', cause: { message: 'why' } },
    });
    expect(missing).toMatchObject({
      status: 'failed',
      error: { code: 'HEDDLE_SERVICE_UNAVAILABLE', message: expect.stringMatching(/lookup, broken/) },
    });
  });

  it('moves buffers both ways', async () => {
    const bytes = new Uint8Array(1000);
    const [there] = await runtime.run(fixture('context.js'), [transfer(bytes, [bytes.buffer])]).values();
    const [back] = await runtime.run(fixture('context.js'), ['move']).values();

    expect(there).toBe(1000);
    expect(bytes.byteLength).toBe(0);
    expect(back).toMatchObject({ bytes: new Uint8Array([1, 2, 3]), before: 3 });
  });
});

describe('retries', () => {
  it('only what retryIf wants', async () => {
    const inputs = [{ do: 'throw' }, { do: 'throwUncloneable' }];
    const retry = {
      attempts: 3,
      backoffMs: 1,
      retryIf: (error: Error) => (error as { code?: string }).code === 'E_CUSTOM',
    };

    const outcomes = await runtime.run(fixture('chaos.js'), inputs, { retry }).outcomes();

    expect(outcomes.map(({ attempts }) => attempts)).toEqual([3, 1]);
  });

  it('a retryIf that throws ends the run with its error', async () => {
    const retry = {
      attempts: 2,
      retryIf: () => {
        throw new Error('bad policy');
      },
    };

    await expect(runtime.run(fixture('chaos.js'), [{ do: 'throw' }], { retry }).values()).rejects.toThrow(
      'bad policy',
    );
  });

  it('abort ends a wait between attempts at once', async () => {
    const run = runtime.run(fixture('chaos.js'), [{ do: 'throw' }], {
      retry: { attempts: 2, backoffMs: 60_000, jitter: 'none' },
    });
    for await (const event of run.events()) if (event.type === 'task-retry') run.abort(new Error('enough'));

    const report = await run.report();

    expect(report).toMatchObject({ status: 'aborted', aborted: 1, reason: { message: 'enough' } });
  });
});

describe('ends', () => {
  const waiting = (count: number) => Array.from({ length: count }, (_, id) => ({ id, do: 'waitForSignal' }));

  /** A service by which tasks say that they run, and the moment when so many of them do. */
  function announcements(count: number) {
    let running = 0;
    const all = new Gate();
    const services = {
      running: () => {
        if (++running === count) all.open();
      },
    };
    return { services, all: all.opened };
  }

  it('abort reaches running tasks, skips the others, and throws its reason', async () => {
    const controller = new AbortController();
    const reason = new Error('changed my mind');
    const { services, all } = announcements(3);
    const inputs = Array.from({ length: 10 }, (_, id) => ({ id, do: 'announceAndWait' }));
    const run = runtime.run(fixture('chaos.js'), inputs, {
      signal: controller.signal,
      concurrency: 3,
      chunk: 1,
      services,
    });
    const seen: Outcome[] = [];
    const read = async () => {
      for await (const outcome of run) seen.push(outcome);
    };
    const reading = read();
    await all;
    controller.abort(reason);

    await expect(reading).rejects.toBe(reason);
    expect(seen.map(({ status }) => status)).toEqual([
      'aborted',
      'aborted',
      'aborted',
      ...seen.slice(3).map(() => 'skipped'),
    ]);
  });

  it('a signal that was aborted before starts nothing', async () => {
    const run = runtime.run(echo, range(10), { signal: AbortSignal.abort(new Error('before')) });

    await expect(run.values()).rejects.toThrow('before');
    expect(run.progress.read).toBe(0);
  });

  it('abort ends a task that blocks its thread', async () => {
    const cell = new SharedArrayBuffer(4);
    const inputs = [
      { do: 'announceAndBlock', cell },
      { id: 1, do: 'ok' },
    ];
    // An index as key, since shared memory has no hash.
    const run = runtime.run(fixture('chaos.js'), inputs, {
      concurrency: 1,
      key: (_, index) => String(index),
    });
    while (Atomics.load(new Int32Array(cell), 0) === 0)
      await new Promise((resolve) => setTimeout(resolve, 5));

    run.abort();

    expect(await run.report()).toMatchObject({ status: 'aborted', aborted: 1, failed: 0 });
  });

  it('drain lets running tasks finish', async () => {
    const inputs = Array.from({ length: 50 }, (_, id) => ({ id, do: 'slow', ms: 50 }));
    const run = runtime.run(fixture('chaos.js'), inputs, { concurrency: 4 });
    const seen: Outcome[] = [];
    try {
      for await (const outcome of run) {
        seen.push(outcome);
        run.drain(new Error('draining'));
      }
    } catch (error) {
      expect(error).toMatchObject({ message: 'draining' });
    }

    const report = await run.report();
    expect(report).toMatchObject({ status: 'aborted', aborted: 0, failed: 0 });
    expect(report.succeeded).toBeGreaterThanOrEqual(1);
    expect(seen.length).toBe(report.succeeded + report.skipped);
  });

  it('the deadline of the run aborts it', async () => {
    const run = runtime.run(fixture('chaos.js'), waiting(3), { deadlineMs: 100 });

    await expect(run.values()).rejects.toMatchObject({ code: 'HEDDLE_DEADLINE' });
  });

  it('failFast ends the run at the first failure, and its status is failed', async () => {
    const inputs = [{ do: 'throw' }, ...waiting(5)];
    const run = runtime.run(fixture('chaos.js'), inputs, { failFast: true });

    const outcomes = await run.outcomes();

    expect(outcomes[0]).toMatchObject({ status: 'failed', error: { code: 'E_CUSTOM' } });
    expect(outcomes.slice(1).every(({ status }) => status === 'aborted' || status === 'skipped')).toBe(true);
    expect(await run.report()).toMatchObject({
      status: 'failed',
      failed: 1,
      reason: { code: 'HEDDLE_TOO_MANY_FAILURES' },
    });
  });

  it.each([
    [2, 3],
    ['10%' as const, 11],
  ])('maxFailures %s ends the run at failure %i', async (maxFailures, failed) => {
    const inputs = Array.from({ length: 100 }, () => ({ do: 'throw' }));

    const report = await runtime
      .run(fixture('chaos.js'), inputs, { maxFailures, concurrency: 1, chunk: 1 })
      .report();

    expect(report).toMatchObject({ status: 'failed', failed });
  });

  it('values() lists the failures by input', async () => {
    const run = runtime.run(fixture('chaos.js'), [{ id: 0, do: 'ok' }, { do: 'throw' }, { do: 'throw' }]);

    await expect(run.values()).rejects.toMatchObject({
      code: 'HEDDLE_TASKS_FAILED',
      indexes: [1, 2],
      errors: [{ code: 'E_CUSTOM' }, {}],
    });
  });

  it('outcomes are given out once', async () => {
    const run = runtime.run(echo, [1]);
    await run.values();

    await expect(run.outcomes()).rejects.toMatchObject({ code: 'HEDDLE_ALREADY_CONSUMED' });
  });

  it('a closed runtime refuses runs', async () => {
    const closed = createRuntime({ threads: 1 });
    const running = closed.run(fixture('chaos.js'), waiting(1)).values();
    const rejected = expect(running).rejects.toMatchObject({ code: 'HEDDLE_CLOSED' });
    await closed.close();

    await rejected;
    expect(() => closed.run(echo, [1])).toThrowError(expect.objectContaining({ code: 'HEDDLE_CLOSED' }));
  });

  it('an error thrown in a callback ends the run with it', async () => {
    const run = runtime.run(echo, range(100), {
      onOutcome: () => {
        throw new Error('callback');
      },
    });

    await expect(run.values()).rejects.toThrow('callback');
  });
});

describe('concurrency', () => {
  /**
   * A service that knows how many calls were in it at once. It holds its calls until the expected number is inside, and
   * then for some time in which another one could come.
   */
  function gauge(expected: number) {
    const seen = { most: 0 };
    const inside: (() => void)[] = [];
    const release = () => {
      for (const resolve of inside.splice(0)) resolve();
    };
    const lookup = () =>
      new Promise<void>((resolve) => {
        seen.most = Math.max(seen.most, inside.push(resolve));
        if (inside.length === expected) setTimeout(release, 20);
      });
    return { seen, services: { lookup } };
  }

  it.each([
    ['2 threads carry 50 tasks that wait, and no more', 50],
    ['runs fewer than the threads when asked', 1],
  ])('%s', async (_, concurrency) => {
    const { seen, services } = gauge(concurrency);
    const inputs = Array(6 * concurrency).fill('service');

    await runtime.run(fixture('context.js'), inputs, { services, concurrency }).values();

    expect(seen.most).toBe(concurrency);
  });

  it('tells when a batch has fewer tasks than places', async () => {
    const report = await runtime.run(echo, [1, 2, 3], { concurrency: 50 }).report();

    expect(report.clamps).toEqual([{ requested: 50, ran: 3, reason: 'the batch has 3 tasks' }]);
  });
});

it('several runs share the threads', async () => {
  const runs = range(5).map((n) => runtime.run(echo, range(1000 + n)).values());

  const results = await Promise.all(runs);

  expect(results.map(({ length }) => length)).toEqual([1000, 1001, 1002, 1003, 1004]);
});

it('loads CommonJS and TypeScript task modules', async () => {
  await expect(runtime.run(fixture('commonjs.cjs'), ['x']).values()).resolves.toEqual(['cjs x']);
  await expect(runtime.run(fixture('typed.ts'), [21]).values()).resolves.toEqual([{ twice: 42 }]);
});
