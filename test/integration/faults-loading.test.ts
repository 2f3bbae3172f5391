/** K15 and K16: what can go wrong while a task module is loaded. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createRuntime, type Runtime, task } from 'heddle';
import { afterAll, describe, expect, it } from 'vitest';
import { turns, within } from '../support/hostile/bounds.js';
import { hostileScript } from '../support/hostile/fixtures.js';
import { freshPath, writeModule } from '../support/hostile/folders.js';

const BOUND_MS = 12_000;
const runtime: Runtime = createRuntime({ threads: 1 });
afterAll(() => runtime.close());

interface Ended {
  readonly code: number | null;
  readonly text: string;
  /** How often a module was evaluated. */
  readonly evaluations: number;
}

async function program(name: string, env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const counts = freshPath('counts');
  const child = spawn(process.execPath, [fileURLToPath(hostileScript(`programs/${name}`))], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, COUNTS: counts, ...env },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
  try {
    await within(BOUND_MS, 'the end of the program', once(child, 'close'));
    const evaluations = readFileSync(counts, 'utf8').match(/program/g)?.length ?? 0;
    return { code: child.exitCode, text, evaluations };
  } finally {
    child.kill('SIGKILL');
  }
}

describe('K15: a task module that imports its program', () => {
  it.each(['program.mjs', 'itself.mjs'])('is refused with a clear error: %s', async (name) => {
    const { code, text, evaluations } = await program(name);

    expect(code).toBe(0);
    expect(JSON.parse(text)).toMatchObject({
      code: 'HEDDLE_TASK_MODULE_LOAD',
      message: expect.stringMatching(/loads? .*task module|task module .*load/i),
    });
    // Once by the program, once by its thread; a load that failed may be tried again.
    expect(evaluations).toBeLessThanOrEqual(4);
  });

  it.each(['program.mjs', 'itself.mjs'])(
    'runs when the program takes the error for an answer: %s',
    async (name) => {
      const { code, text, evaluations } = await program(name, { CATCHES: 'yes' });

      expect({ code, values: JSON.parse(text) }).toEqual({ code: 0, values: [2, 4] });
      expect(evaluations).toBeLessThanOrEqual(4);
    },
  );

  it('may run batches from within its task function', async () => {
    const path = `${freshPath('nested')}.mjs`;
    const heddle = import.meta.resolve('heddle');
    writeModule(
      path,
      `import { createRuntime } from ${JSON.stringify(heddle)};
       export default async (n) => {
         const inner = createRuntime({ threads: 1 });
         const values = await inner.run((x) => x * 2, [n]).values();
         await inner.close();
         return values[0];
       };`,
    );

    expect(await within(BOUND_MS, 'the run', runtime.run(task(path), [1, 2]).values())).toEqual([2, 4]);
  });
});

describe('K16: the time to load', () => {
  it('is not up for a module that has loaded while the caller was blocked', async () => {
    const mark = freshPath('mark');
    const path = writeModule(
      `${freshPath('marks')}.mjs`,
      `import { writeFileSync } from 'node:fs';
       writeFileSync(${JSON.stringify(mark)}, '');
       export default (n) => n;`,
    );
    await using quick = createRuntime({ threads: 1, loadTimeoutMs: 1500 });
    const run = quick.run(task(path), [1]);
    const values = run.values().catch((error: unknown) => error);
    await turns(5);

    const began = performance.now();
    const cell = new Int32Array(new SharedArrayBuffer(4));
    while (!existsSync(mark) && performance.now() - began < BOUND_MS) Atomics.wait(cell, 0, 0, 10);
    Atomics.wait(cell, 0, 0, 2000);

    expect(await within(BOUND_MS, 'the run', values)).toEqual([1]);
  });

  it('holds for modules on this thread', async () => {
    await using quick = createRuntime({ threads: 1, loadTimeoutMs: 100 });
    const never = task(new URL('../fixtures/tasks/never-loads.js', import.meta.url), { inline: true });

    await expect(within(BOUND_MS, 'the run', quick.run(never, [1]).values())).rejects.toMatchObject({
      code: 'HEDDLE_TASK_MODULE_LOAD',
    });
  });
});

describe.each([true, false])('K16: a module that cannot be loaded has a code (inline: %s)', (inline) => {
  const codeOf = async (make: () => Promise<unknown>) => {
    try {
      await within(BOUND_MS, 'the run', make());
      return 'no error';
    } catch (error) {
      return (error as { code?: unknown }).code;
    }
  };
  const load = (module: URL | string) =>
    codeOf(async () => runtime.run(task(module, { inline }), [1]).values());

  it.each([
    'null',
    'undefined',
    '"text"',
    '0',
    'Object.create(null)',
    'new Proxy({}, { get() { throw 1 } })',
  ])('throw %s', async (thrown) => {
    const path = writeModule(`${freshPath('throws')}.mjs`, `throw ${thrown};`);

    expect(await load(path)).toBe('HEDDLE_TASK_MODULE_LOAD');
  });

  it.each(['file://host/task.mjs', 'file:///tmp/a%2fb.mjs', 'file:///tmp/a%00b.mjs', 'file:///tmp/%zz.mjs'])(
    '%s',
    async (href) => {
      expect(['HEDDLE_TASK_MODULE_NOT_FOUND', 'HEDDLE_INVALID_OPTION', 'HEDDLE_TASK_MODULE_LOAD']).toContain(
        await load(new URL(href)),
      );
    },
  );

  it('a folder', async () => {
    const url = pathToFileURL(fileURLToPath(new URL('.', import.meta.url)));

    expect(['HEDDLE_TASK_MODULE_NOT_FOUND', 'HEDDLE_TASK_MODULE_LOAD']).toContain(await load(url));
  });
});
