/** K12: a source is released at every end of its run, within a bounded time, and never keeps the run from ending. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createRuntime, type Run, type RunOptions, type Runtime, task } from 'heddle';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until, within } from '../support/hostile/bounds.js';
import { hostileScript, makeSource } from '../support/hostile/fixtures.js';
import type { SourceSpec } from '../support/hostile/plan.js';

const BOUND_MS = 6000;
let runtime: Runtime;
beforeAll(() => {
  runtime = createRuntime({ threads: 1 });
});
afterAll(() => within(BOUND_MS, 'close()', runtime.close()));

const KINDS = ['generator', 'asyncGenerator', 'iterator', 'asyncIterator', 'readable', 'webStream'];
/** More than any window. */
const MANY = Array.from({ length: 20_000 }, (_, i) => i);

interface End {
  readonly name: string;
  readonly options?: RunOptions<number>;
  readonly does?: (run: Run) => void | Promise<void>;
}

const nothing = () => {};
const taskOf = (n: number) => {
  if (n === 40) throw new Error('forty');
  return n;
};

const ENDS: readonly End[] = [
  { name: 'a bad key', options: { key: (n) => (n === 2 ? '' : n) } },
  { name: 'a key that is there already', options: { key: (n) => n % 30 } },
  {
    name: 'a key function that throws',
    options: {
      key: (n) => {
        if (n === 2) throw new Error('key');
        return n;
      },
    },
  },
  {
    name: 'a callback that throws',
    options: {
      onOutcome: () => {
        throw new Error('callback');
      },
    },
  },
  { name: 'too many failures', options: { failFast: true } },
  {
    name: 'abort',
    does: async (run) => {
      await until('some tasks run', () => run.progress.succeeded > 0);
      run.abort();
    },
  },
  {
    name: 'drain',
    does: async (run) => {
      await until('some tasks run', () => run.progress.succeeded > 0);
      run.drain();
    },
  },
  { name: 'abort before it starts', does: (run) => run.abort() },
  {
    name: 'break',
    does: async (run) => {
      for await (const _ of run) break;
    },
  },
];

async function endOf(run: Run, does: End['does']): Promise<void> {
  await does?.(run);
  await run.report().catch(nothing);
}

describe.each(ENDS)('K12: released after $name', ({ options, does }) => {
  it.each(KINDS)('%s', async (kind) => {
    const { source, isReleased } = makeSource({ kind }, MANY);
    const run = runtime.run(taskOf, source, options);

    await within(BOUND_MS, 'the run', endOf(run, does));

    await until('the release', () => isReleased() === true, BOUND_MS);
  });
});

describe('K12: released when the task module cannot be loaded', () => {
  it.each(KINDS)('%s', async (kind) => {
    const { source, isReleased } = makeSource({ kind }, MANY);

    await within(
      BOUND_MS,
      'the run',
      endOf(runtime.run(task(new URL('file:///no/such/task.mjs')), source), undefined),
    );

    await until('the release', () => isReleased() === true, BOUND_MS);
  });
});

/** The third input never comes. */
const waiting = (kind: string): SourceSpec => ({ kind, fail: { at: 2, how: 'hang' } });
const STOPS: readonly End[] = [
  { name: 'abort', does: (run) => run.abort() },
  { name: 'drain', does: (run) => run.drain() },
  { name: 'close()', does: (run) => run.close() },
  { name: 'a deadline', options: { deadlineMs: 300 } },
  {
    name: 'break',
    does: async (run) => {
      for await (const { index } of run) if (index === 1) break;
    },
  },
];

describe.each(STOPS)('K12: released while it waits, by $name', ({ name, options, does }) => {
  const stop = async (run: Run) => {
    // A deadline comes by itself, before or after two tasks have run.
    if (!['break', 'a deadline'].includes(name))
      await until('two tasks run', () => run.progress.succeeded === 2);
    await endOf(run, does);
  };

  it.each(['asyncIterator', 'readable', 'webStream'])('%s', async (kind) => {
    const { source, isReleased } = makeSource(waiting(kind), [0, 1, 2]);

    await within(BOUND_MS, 'the run', stop(runtime.run(taskOf, source, options)));

    await until('the release', () => isReleased() === true, BOUND_MS);
  });

  it('a generator that never answers does not hold the run up', async () => {
    const { source } = makeSource(waiting('asyncGenerator'), [0, 1, 2]);

    await within(BOUND_MS, 'the run', stop(runtime.run(taskOf, source, options)));
  });
});

describe('K12: a return() that does not do what it should', () => {
  const never = () => new Promise<never>(() => {});
  const fails = () => {
    throw new Error('return');
  };

  it.each([
    ['never answers', never],
    ['throws', fails],
    ['rejects', async () => fails()],
    ['answers with nonsense', () => 7],
    ['is no function', 5],
  ])('of an async iterator: %s', async (_, release) => {
    let next = 0;
    const iterator = { next: async () => ({ done: false, value: next++ }), return: release };
    const single = createRuntime({ threads: 1 });
    const run = single.run(taskOf, { [Symbol.asyncIterator]: () => iterator as AsyncIterator<number> });
    await until('some tasks run', () => run.progress.succeeded > 0);

    await within(BOUND_MS, 'close()', single.close());
    await within(BOUND_MS, 'the report', run.report());
  });

  it.each([
    ['throws', fails],
    ['is no function', 5],
  ])('of an iterator: %s', async (_, release) => {
    let next = 0;
    const iterator = { next: () => ({ done: false, value: next++ }), return: release };
    const single = createRuntime({ threads: 1 });
    const run = single.run(taskOf, { [Symbol.iterator]: () => iterator as Iterator<number> });
    await until('some tasks run', () => run.progress.succeeded > 0);

    await within(BOUND_MS, 'close()', single.close());
    await within(BOUND_MS, 'the report', run.report());
  });

  it('a stream whose destruction never ends', async () => {
    const { source } = makeSource(waiting('readable'), [0, 1, 2]);
    source._destroy = () => {};
    const single = createRuntime({ threads: 1 });
    const run = single.run(taskOf, source);
    await until('two tasks run', () => run.progress.succeeded === 2);

    await within(BOUND_MS, 'close()', single.close());
  });

  it('a web stream whose cancel never ends', async () => {
    const source = new ReadableStream<number>({
      start: (controller) => controller.enqueue(1),
      cancel: never,
    });
    const single = createRuntime({ threads: 1 });
    const run = single.run(taskOf, source);
    await until('a task runs', () => run.progress.succeeded === 1);

    await within(BOUND_MS, 'close()', single.close());
  });
});

describe('K12: a process whose stdin stays open ends by itself after', () => {
  it.each(['break', 'abort', 'close'])('%s', async (how) => {
    const child = spawn(process.execPath, [fileURLToPath(hostileScript('reads-stdin.mjs')), how], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    try {
      child.stdin.write('one\n');

      await within(BOUND_MS, 'the end of the process', once(child, 'close'));
      expect(child.exitCode).toBe(0);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
