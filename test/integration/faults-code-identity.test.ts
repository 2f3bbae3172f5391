/** K2 and K3: the identity of a task is the code that was executed, wherever its threads have it from. */

import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createRuntime, type Outcome, type RunOptions, task } from 'heddle';
import { describe, expect, it } from 'vitest';
import { freshPath } from '../support/hostile/folders.js';
import type { AnyTask } from '../support/tasks.js';

const version = (name: string) =>
  `export default (x) => { if (x === 'exit') process.exit(3); return \`${name}:\${x}\`; };`;

/** A folder with one task module that can be changed. */
function project() {
  const folder = freshPath('project');
  mkdirSync(folder);
  const path = join(folder, 'task.mjs');
  return {
    path,
    cache: join(folder, 'cache'),
    session: join(folder, 'session'),
    write: (text: string) => writeFileSync(path, text),
  };
}

async function valuesOf(
  module: string | URL,
  inputs: readonly unknown[],
  options: RunOptions,
): Promise<unknown> {
  const runtime = createRuntime({ threads: 1 });
  try {
    return await runtime.run(task<AnyTask>(module), inputs, options).values();
  } catch (error) {
    return (error as { code?: string }).code;
  } finally {
    await runtime.close();
  }
}

describe('K3: a module that changed after threads have loaded it', () => {
  it('has no old value in the cache under its new hash', async () => {
    const { path, cache, write } = project();
    write(version('v1'));
    const runtime = createRuntime({ threads: 1 });
    await runtime.run(task<AnyTask>(path), ['a'], { cache }).values();
    write(version('v2'));
    await runtime.run(task<AnyTask>(path), ['b'], { cache }).values();
    await runtime.close();

    expect(await valuesOf(path, ['b'], { cache })).toEqual(['v2:b']);
    write(version('v1'));
    expect(await valuesOf(path, ['a', 'b'], { cache })).toEqual(['v1:a', 'v1:b']);
  });

  it('also on the main thread', async () => {
    const { path, cache, write } = project();
    write(version('v1'));
    const runtime = createRuntime({ threads: 1 });
    await runtime.run(task<AnyTask>(path, { inline: true }), ['a'], { cache }).values();
    write(version('v2'));
    // The module of this thread cannot be replaced, so its values cannot be kept under the new text.
    await expect(
      runtime.run(task<AnyTask>(path, { inline: true }), ['b'], { cache }).values(),
    ).rejects.toMatchObject({ code: 'HEDDLE_TASK_MODULE_LOAD' });
    await runtime.close();

    expect(await valuesOf(path, ['b'], { cache })).toEqual(['v2:b']);
  });

  it('is not continued under its new hash by a session of the old code', async () => {
    const { path, session, write } = project();
    write(version('v1'));
    const runtime = createRuntime({ threads: 1 });
    await runtime.run(task<AnyTask>(path), ['a']).values();
    write(version('v2'));
    const first = await runtime.run(task<AnyTask>(path), ['b'], { session }).values();
    await runtime.close();

    const resumed = await valuesOf(path, ['b', 'c'], { session });

    const acceptable = [
      { first: ['v2:b'], resumed: ['v2:b', 'v2:c'] },
      { first: ['v1:b'], resumed: 'HEDDLE_SESSION_MISMATCH' },
    ];
    expect(acceptable).toContainEqual({ first, resumed });
  });

  it('and back: the values of the first text are used again', async () => {
    const { path, cache, write } = project();
    write(version('v1'));
    expect(await valuesOf(path, ['a'], { cache })).toEqual(['v1:a']);
    write(version('v2'));
    expect(await valuesOf(path, ['a'], { cache })).toEqual(['v2:a']);
    write(version('v1'));

    const runtime = createRuntime({ threads: 1 });
    const run = runtime.run(task<AnyTask>(path), ['a'], { cache });
    expect(await run.values()).toEqual(['v1:a']);
    expect((await run.report()).reused).toBe(1);
    await runtime.close();
  });
});

describe('K3: a module that changes while it runs', () => {
  /** Changes the module after the first outcome; then its thread ends, and another one takes over. */
  async function changed(options: (made: ReturnType<typeof project>) => RunOptions) {
    const made = project();
    made.write(version('v1'));
    const runtime = createRuntime({ threads: 1 });
    const run = runtime.run(task<AnyTask>(made.path), ['a', 'exit', 'b', 'c'], {
      ...options(made),
      chunk: 1,
      window: 1,
    });
    const outcomes: Outcome[] = [];
    let code: string | undefined;
    try {
      for await (const outcome of run) {
        outcomes.push(outcome);
        if (outcome.index === 0) made.write(version('v2'));
      }
    } catch (error) {
      code = (error as { code?: string }).code;
    }
    await runtime.close();
    const versions = new Set(
      outcomes.flatMap((outcome) =>
        outcome.status === 'succeeded' ? [String(outcome.value).slice(0, 2)] : [],
      ),
    );
    return { ...made, versions, code };
  }

  it.each<[string, (made: ReturnType<typeof project>) => RunOptions]>([
    ['plain', () => ({})],
    ['with a session', ({ session }) => ({ session })],
    ['with a cache', ({ cache }) => ({ cache })],
  ])('never gives values of two versions: %s', async (_, options) => {
    const { versions, code } = await changed(options);

    expect(versions.size).toBe(1);
    if (code !== undefined) expect(code).toMatch(/^HEDDLE_/);
  });

  it('leaves no value in the cache under the hash of another text', async () => {
    const { path, cache, write } = await changed((made) => ({ cache: made.cache }));

    expect(await valuesOf(path, ['a', 'b', 'c'], { cache })).toEqual(['v2:a', 'v2:b', 'v2:c']);
    write(version('v1'));
    expect(await valuesOf(path, ['a', 'b', 'c'], { cache })).toEqual(['v1:a', 'v1:b', 'v1:c']);
  });
});

describe('K2: references that differ by their query or fragment', () => {
  const language =
    'const { search, hash } = new URL(import.meta.url); export default (x) => search + hash + ":" + x;';
  const variant = (path: string, suffix: string) => new URL(`${pathToFileURL(path).href}${suffix}`);

  it.each([
    ['?l=en', '?l=de'],
    ['?l=en', ''],
    ['#en', '#de'],
  ])('"%s" and "%s" are two tasks to sessions and to the cache', async (a, b) => {
    const { path, session, cache, write } = project();
    write(language);

    expect(await valuesOf(variant(path, a), ['x'], { session })).toEqual([`${a}:x`]);
    expect(await valuesOf(variant(path, b), ['x'], { session })).toBe('HEDDLE_SESSION_MISMATCH');
    expect(await valuesOf(variant(path, a), ['x'], { cache })).toEqual([`${a}:x`]);
    expect(await valuesOf(variant(path, b), ['x'], { cache })).toEqual([`${b}:x`]);
    expect(await valuesOf(variant(path, a), ['x', 'y'], { session })).toEqual([`${a}:x`, `${a}:y`]);
  });

  it('are two tasks to one runtime', async () => {
    const { path, cache, write } = project();
    write(language);
    const runtime = createRuntime({ threads: 1 });

    for (const l of ['?l=en', '?l=de', '?l=en'])
      expect(await runtime.run(task<AnyTask>(variant(path, l)), ['x'], { cache }).values()).toEqual([
        `${l}:x`,
      ]);
    await runtime.close();
  });
});

describe('K3: two projects', () => {
  it('with equal task modules and different imports do not share values', async () => {
    const text = "import { name } from './name.mjs'; export default (x) => name + ':' + x;";
    const [a, b] = ['a', 'b'].map((name) => {
      const made = project();
      made.write(text);
      appendFileSync(join(made.path, '../name.mjs'), `export const name = '${name}';`);
      return made;
    }) as [ReturnType<typeof project>, ReturnType<typeof project>];

    expect(await valuesOf(a.path, ['x'], { cache: a.cache })).toEqual(['a:x']);
    expect(await valuesOf(b.path, ['x'], { cache: a.cache })).toEqual(['b:x']);
  });
});
