/** What a review of the core found: async callbacks, loads that never end, waits under fake timers. */

import { existsSync } from 'node:fs';
import { createRuntime, type RunOptions, type Runtime, task, transfer } from 'heddle';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { turns, until, within } from '../support/hostile/bounds.js';
import { freshPath, writeModule } from '../support/hostile/folders.js';
import { type AnyTask, fixture } from '../support/tasks.js';

const BOUND_MS = 20_000;
const runtime: Runtime = createRuntime({ threads: 1, lanes: { only: { concurrency: 1 } } });
afterAll(() => within(BOUND_MS, 'close()', runtime.close()));
afterEach(() => vi.useRealTimers());

const boom = async (): Promise<never> => {
  await turns(1);
  throw new Error('boom');
};

/** What a run throws, and the rejections that nothing handled meanwhile. */
async function endOf(options: object): Promise<{ thrown: unknown; unhandled: unknown[] }> {
  const unhandled: unknown[] = [];
  const listener = (error: unknown) => unhandled.push(error);
  process.on('unhandledRejection', listener);
  try {
    const fails = () => {
      throw new Error('the task fails');
    };
    const run = runtime.run<() => never>(fails, [1, 2], options as RunOptions<unknown>);
    const thrown = await within(BOUND_MS, 'the run', run.outcomes()).catch((error: unknown) => error);
    await turns(5);
    return { thrown, unhandled };
  } finally {
    process.off('unhandledRejection', listener);
  }
}

describe('a callback that is async and rejects', () => {
  it.each<[string, object]>([
    ['key', { key: boom }],
    ['lane', { lane: boom }],
    ['locks', { locks: boom }],
    ['retry.retryIf', { retry: { attempts: 2, retryIf: boom } }],
    ['lane.classify', { lane: { concurrency: 1, classify: boom } }],
    ['budgets.estimate', { lane: { budgets: [{ unit: 'units', limit: 9, perMs: 9, estimate: boom }] } }],
  ])('is refused and does not end the process: %s', async (_, options) => {
    const { thrown, unhandled } = await endOf(options);

    expect(thrown).toMatchObject({ message: expect.stringContaining('Promise') });
    expect(unhandled).toEqual([]);
  });

  it.each(['onOutcome', 'onProgress'])('rejects the run with its error: %s', async (name) => {
    const unhandled: unknown[] = [];
    const listener = (error: unknown) => unhandled.push(error);
    process.on('unhandledRejection', listener);
    const isAborted = ({ signal }: { signal: AbortSignal }) =>
      new Promise((resolve) => signal.addEventListener('abort', resolve));
    // The second task ends only when the run does.
    const run = runtime.run((n: number, ctx) => (n === 1 ? n : isAborted(ctx)), [1, 2], { [name]: boom });

    await expect(within(BOUND_MS, 'the run', run.outcomes())).rejects.toThrow('boom');
    await turns(5);
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
  });
});

describe('a run that is aborted while its module never ends to load', () => {
  it('leaves its thread to the next run', async () => {
    const mark = freshPath('loading');
    const hangs = writeModule(
      `${freshPath('hangs')}.mjs`,
      `import { writeFileSync } from 'node:fs';
       writeFileSync(${JSON.stringify(mark)}, '');
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
       export default (n) => n;`,
    );
    const run = runtime.run(task<AnyTask>(hangs), [1]);
    await until('the module is loading', () => existsSync(mark));
    run.abort();
    await within(BOUND_MS, 'the end', run.report());

    expect(await within(BOUND_MS, 'the next run', runtime.run(fixture('echo.js'), [1, 2]).values())).toEqual([
      1, 2,
    ]);
  });
});

it('gives out more outcomes than fit in a turn of the event loop under fake timers', async () => {
  vi.useFakeTimers();
  const run = runtime.run((n: number) => n, Array.from({ length: 1000 }).keys());
  const read = async () => {
    let count = 0;
    for await (const _ of run) count++;
    return count;
  };

  expect(await within(BOUND_MS, 'the run', read())).toBe(1000);
});

describe('a thread that holds older text of a task module', () => {
  it('gets no chunk of a later run: inputs that are moved are not lost with it', async () => {
    const path = `${freshPath('versions')}.mjs`;
    const write = (version: string) =>
      writeModule(path, `export default (bytes) => '${version}:' + new Uint8Array(bytes)[0];`);
    const threads = createRuntime({ threads: 2 });
    write('v1');
    await threads.run(task<AnyTask>(path), [new Uint8Array([7]).buffer]).values();
    write('v2');

    const inputs = Array.from({ length: 8 }, (_, i) => new Uint8Array([i]).buffer);
    const moved = inputs.map((buffer) => transfer(buffer, [buffer]));
    const values = await threads.run(task<AnyTask>(path), moved, { chunk: 1 }).values();
    await threads.close();

    expect(values).toEqual(inputs.map((_, i) => `v2:${i}`));
  });
});
