/** K16: odd options, odd reasons, odd callbacks. */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  createRuntime,
  getOptimalConcurrency,
  type RunOptions,
  type Runtime,
  type TaskContext,
  task,
} from 'heddle';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { turns, until, within } from '../support/hostile/bounds.js';
import { hostileScript, hostileTask } from '../support/hostile/fixtures.js';
import { freshPath } from '../support/hostile/folders.js';
import type { AnyTask } from '../support/tasks.js';

const BOUND_MS = 6000;
const runtime: Runtime = createRuntime({ threads: 1 });
afterAll(() => within(BOUND_MS, 'close()', runtime.close()));
afterEach(() => vi.useRealTimers());

const NEVER = new Promise<never>(() => {});
const asIs = (n: number) => n;
const outcomeOf = (promise: Promise<unknown>) =>
  within(BOUND_MS, 'the run', promise).then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );

describe('K16: services keep their `this`', () => {
  const counter = {
    base: 10,
    add(n: number) {
      return this.base + n;
    },
  };
  class Api {
    readonly #base = 10;
    readonly add = function (this: Api, n: number) {
      return this.#base + n;
    };
  }
  const { base: _, ...functions } = counter;

  it('of the object that they are given in: functions', async () => {
    const services = Object.assign(Object.create(counter), functions) as { add(n: number): number };
    const sum = (n: number, ctx: TaskContext<{ add(n: number): number }>) => ctx.services.add(n);

    expect(await runtime.run(sum, [1], { services }).values()).toEqual([11]);
    expect(await runtime.run(sum, [1], { services: new Api() as never }).values()).toEqual([11]);
  });

  it('of the object that they are given in: threads', async () => {
    const services = {
      value: 5,
      ask(this: { value: number }) {
        return { value: this.value };
      },
    };
    const bound = Object.defineProperty(services, 'value', {
      enumerable: false,
    }) as unknown as RunOptions['services'];

    expect(await runtime.run(hostileTask, [{ do: 'ask', id: 1 }], { services: bound }).values()).toEqual([5]);
  });
});

describe('K16: a time to drain', () => {
  const draining = async (graceMs: number | undefined) => {
    let release: (value: string) => void = () => {};
    const answer = new Promise<string>((resolve) => {
      release = resolve;
    });
    const run = runtime.run(() => answer, [1]);
    await until('the task runs', () => run.progress.running === 1);
    const refusal = await outcomeOf((async () => run.drain('why', graceMs))());
    // A wait that is wrong is over at once; a timer of 1 ms has run by then.
    await new Promise((resolve) => setTimeout(resolve, 20));
    release('done');
    const [outcome] =
      (await outcomeOf(run.report())) && run.progress.succeeded === 1 ? ['succeeded'] : ['aborted'];
    return 'error' in refusal ? (refusal.error as { code?: string }).code : outcome;
  };

  it.each([3e9, 2 ** 31, Number.MAX_SAFE_INTEGER, undefined])('of %s ms waits', async (graceMs) => {
    expect(await draining(graceMs)).toBe('succeeded');
  });

  it.each([Number.NaN, -1, '5' as never])('of %s ms is refused', async (graceMs) => {
    expect(await draining(graceMs)).toBe('HEDDLE_INVALID_OPTION');
  });

  it('of no end waits, or is refused', async () => {
    expect(['succeeded', 'HEDDLE_INVALID_OPTION']).toContain(await draining(Number.POSITIVE_INFINITY));
  });
});

describe('K16: reasons and errors that are nothing', () => {
  const NOTHING = [null, undefined, 0, '', false] as const;
  /** Rejected with the reason itself, or with a HeddleError where the reason is nothing. */
  const expectReason = (end: object, reason: unknown) => {
    expect(end).toHaveProperty('error');
    const { error } = end as { error: unknown };
    if (error !== reason) expect(error).toMatchObject({ code: 'HEDDLE_ABORTED' });
  };

  it.each(NOTHING)('abort(%s) aborts', async (reason) => {
    const run = runtime.run(() => NEVER, [1], { graceMs: 10 });
    const outcomes = outcomeOf(run.outcomes());
    await until('the task runs', () => run.progress.running === 1);
    run.abort(reason);

    expectReason(await outcomes, reason);
    expect((await run.report()).status).toBe('aborted');
  });

  it.each(NOTHING)('a signal that is aborted with %s aborts', async (reason) => {
    const controller = new AbortController();
    const run = runtime.run(() => NEVER, [1], { graceMs: 10, signal: controller.signal });
    const values = outcomeOf(run.outcomes());
    await until('the task runs', () => run.progress.running === 1);
    controller.abort(reason);

    expectReason(await values, controller.signal.reason);
    expect((await run.report()).status).toBe('aborted');
  });

  const throwing = (thrown: unknown) => () => {
    throw thrown;
  };
  const failing = (_: number): Promise<unknown> => Promise.reject(new Error('no'));

  it.each<[string, (thrown: unknown) => RunOptions<number>]>([
    ['retryIf', (thrown) => ({ retry: { attempts: 2, backoffMs: 1, retryIf: throwing(thrown) } })],
    ['onOutcome', (thrown) => ({ onOutcome: throwing(thrown) })],
    ['key', (thrown) => ({ key: throwing(thrown) })],
    ['locks', (thrown) => ({ locks: throwing(thrown) })],
    ['classify', (thrown) => ({ lane: { classify: throwing(thrown) } })],
    [
      'estimate',
      (thrown) => ({ lane: { budgets: [{ unit: 'points', limit: 10, estimate: throwing(thrown) }] } }),
    ],
  ])('%s that throws it rejects the run', async (_, options) => {
    for (const thrown of [undefined, null, 0, 'text', new Error('own')]) {
      const run = runtime.run(failing, [1, 2, 3], options(thrown));

      expect(await outcomeOf(run.outcomes())).toHaveProperty('error');
      expect(run.progress).toMatchObject({ running: 0, waiting: 0 });
      expect(await outcomeOf(run.report())).toHaveProperty('error');
    }
  });

  it('what a key function threw is named', async () => {
    const run = runtime.run(asIs, [1], { key: throwing(new TypeError('no id in this row')) });

    await expect(run.values()).rejects.toThrow('no id in this row');
  });
});

describe('K16: iterating', () => {
  it('next() after return() is done', async () => {
    const iterator = runtime.run(asIs, [1, 2, 3])[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.return?.();

    expect(await outcomeOf(iterator.next())).toEqual({ value: { done: true, value: undefined } });
    expect(await outcomeOf(iterator.next())).toEqual({ value: { done: true, value: undefined } });
    expect(await outcomeOf(Promise.resolve(iterator.return?.()))).toEqual({
      value: { done: true, value: undefined },
    });
  });

  it('return() before next() is done', async () => {
    const iterator = runtime.run(asIs, [1, 2, 3])[Symbol.asyncIterator]();
    await iterator.return?.();

    expect(await outcomeOf(iterator.next())).toEqual({ value: { done: true, value: undefined } });
  });

  it('next() after it has thrown is done', async () => {
    const run = runtime.run(() => NEVER, [1], { graceMs: 1 });
    run.abort(new Error('stop'));
    const iterator = run[Symbol.asyncIterator]();
    const ends: unknown[] = [];
    for (let i = 0; i < 4; i++) ends.push(await outcomeOf(iterator.next()));

    expect(ends.filter((end) => 'error' in (end as object))).toHaveLength(1);
    expect(ends.at(-1)).toEqual({ value: { done: true, value: undefined } });
  });

  it('a next() that waits is answered by return()', async () => {
    const iterator = runtime.run(() => NEVER, [1], { graceMs: 1 })[Symbol.asyncIterator]();
    const waiting = [iterator.next(), iterator.next()].map(outcomeOf);
    await turns(5);
    await within(BOUND_MS, 'return()', Promise.resolve(iterator.return?.()));

    expect(await Promise.all(waiting)).toHaveLength(2);
  });
});

it('K16: many runs on one signal are nothing to warn of', async () => {
  const script = fileURLToPath(hostileScript('signals.mjs'));

  expect(await promisify(execFile)(process.execPath, [script], { timeout: 20_000 })).toEqual({
    stdout: '',
    stderr: '',
  });
});

it('K16: a concurrency that is no number is not NaN', () => {
  for (const odd of ['nope', Number.NaN, null, {}, -5, Number.POSITIVE_INFINITY, undefined]) {
    let answer: unknown;
    try {
      answer = getOptimalConcurrency(odd as never);
    } catch (error) {
      expect(error).toMatchObject({ code: 'HEDDLE_INVALID_OPTION' });
      continue;
    }
    expect(Number.isSafeInteger(answer) && Number(answer) >= 1).toBe(true);
  }
});

it.each([true, false])('K16: a submitted job does not wait for a retry (inline: %s)', async (inline) => {
  const [mark, done] = [freshPath('mark'), freshPath('done')];
  const module = task<AnyTask>(hostileScript('submits.mjs'), { inline });
  const run = runtime.run(module, [{ mark, until: done, pollMs: 60_000 }], { graceMs: 1 });
  await until('the job is submitted', () => existsSync(mark) && run.progress.running === 0);

  expect(run.progress).toMatchObject({ waiting: 0, retries: 0 });
  await within(BOUND_MS, 'the end', run.close());
});

describe('K16: fake timers of vitest', () => {
  it.each([true, false])('do not keep functions from running (retries: %s)', async (retries) => {
    vi.useFakeTimers();
    const options = retries ? { retry: { attempts: 2, backoffMs: 0 } } : {};
    const once = (n: number, { attempt }: TaskContext) => {
      if (retries && attempt === 1) throw new Error('once');
      return n;
    };
    const run = runtime.run(once, [1, 2, 3], options);
    const values = outcomeOf(run.values());
    // Timers belong to the test now: it may have to let those of the retries pass.
    for (let i = 0; i < 100_000 && retries && run.progress.succeeded < 3; i++) {
      await vi.advanceTimersByTimeAsync(100);
      await turns(1);
    }

    expect(await values).toEqual({ value: [1, 2, 3] });
  });

  it('do not keep an async source from being read', async () => {
    vi.useFakeTimers();
    async function* source() {
      yield* [1, 2, 3];
    }

    expect(await outcomeOf(runtime.run(asIs, source()).values())).toEqual({ value: [1, 2, 3] });
  });
});
