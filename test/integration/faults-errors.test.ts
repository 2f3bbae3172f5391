/** K13: an error arrives whole, from a function, from a thread, with a session, and when it is resumed. */

import { createRuntime, type RunOptions, type Runtime, task } from 'heddle';
import { afterAll, describe, expect, it } from 'vitest';
import { freshPath, writeModule } from '../support/hostile/folders.js';
import type { AnyTask } from '../support/tasks.js';

const runtime: Runtime = createRuntime({ threads: 1 });
afterAll(() => runtime.close());

// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever error came
type Any = any;

/** A module whose task throws what a text of code makes. */
function throwing(code: string, inline: boolean) {
  const text = `export default () => { throw (() => { ${code} })(); };`;
  return task<AnyTask>(writeModule(`${freshPath('throws')}.mjs`, text), { inline });
}

async function errorOf(code: string, inline: boolean, options: RunOptions): Promise<Any> {
  const [outcome] = await runtime.run(throwing(code, inline), [1], options).outcomes();
  return (outcome as Any).error;
}

/** The error by every way that it can take. */
async function everyWay(code: string): Promise<[string, Any][]> {
  const session = freshPath();
  const thread = throwing(code, false);
  const errors: [string, Any][] = [
    ['a function', await errorOf(code, true, {})],
    ['a function with a session', await errorOf(code, true, { session: freshPath() })],
    ['a thread', await errorOf(code, false, {})],
  ];
  for (const way of ['a session', 'a resume']) {
    const [outcome] = await runtime.run(thread, [1], { session }).outcomes();
    errors.push([way, (outcome as Any).error]);
  }
  return errors;
}

const CASES: readonly (readonly [string, string, (error: Any) => unknown, unknown])[] = [
  [
    'a cause that two errors share',
    `const root = new Error('root');
     return new AggregateError([new Error('a', { cause: root }), new Error('b', { cause: root })], 'all');`,
    (error) => error.errors.map((each: Any) => each.cause.message),
    ['root', 'root'],
  ],
  [
    'an error that is a cause and a field',
    "const root = new Error('root'); return Object.assign(new Error('x', { cause: root }), { original: root });",
    (error) => [error.cause.message, error.original],
    ['root', 'Error: root'],
  ],
  [
    'a code that is an object',
    "return Object.assign(new Error('x'), { code: { grpc: 8 } });",
    (error) => error.code,
    { grpc: 8 },
  ],
  [
    'errors that are no array',
    "return Object.assign(new Error('x'), { errors: { name: 'too short' } });",
    (error) => error.errors,
    { name: 'too short' },
  ],
  [
    'errors of a TypeError',
    "return Object.assign(new TypeError('x'), { errors: [new Error('a')] });",
    (error) => [error instanceof TypeError, error.name, error.errors[0].message],
    [true, 'TypeError', 'a'],
  ],
  [
    'a DOMException',
    "return new DOMException('no', 'InvalidStateError');",
    (error) => [error instanceof DOMException, error.name, error.code, error.message],
    [true, 'InvalidStateError', 11, 'no'],
  ],
  [
    'maps and sets',
    "return Object.assign(new Error('x'), { map: new Map([['a', 1]]), set: new Set([1]) });",
    (error) => [error.map, error.set],
    [{ a: 1 }, [1]],
  ],
  [
    'a URL',
    "return Object.assign(new Error('x'), { url: new URL('a:b') });",
    (error) => String(error.url),
    'a:b',
  ],
  [
    'a regular expression',
    "return Object.assign(new Error('x'), { at: /a/g });",
    (error) => String(error.at),
    '/a/g',
  ],
  [
    'a date',
    "return Object.assign(new Error('x'), { at: new Date(5) });",
    (error) => new Date(error.at).getTime(),
    5,
  ],
  [
    'headers',
    "return Object.assign(new Error('x'), { headers: new Headers({ 'retry-after': '3' }) });",
    (error) => error.headers.get?.('retry-after') ?? error.headers['retry-after'],
    '3',
  ],
  [
    'causes of causes',
    "let e = new Error('root'); for (let i = 0; i < 7; i++) e = new Error('level ' + i, { cause: e }); return e;",
    (error) => {
      let depth = 0;
      for (let at = error; at.cause instanceof Error; at = at.cause) depth++;
      return depth;
    },
    7,
  ],
];

describe.each(CASES)('K13: %s', (_, code, look, expected) => {
  it('arrives by every way', async () => {
    for (const [way, error] of await everyWay(code)) expect([way, look(error)]).toEqual([way, expected]);
  });
});

describe('K13: what is left out is named', () => {
  it('of many nested errors', async () => {
    const code = `return new AggregateError(Array.from({ length: 150 }, () => new Error('nested')), 'many');`;

    for (const [way, error] of await everyWay(code)) {
      const text = [error, ...error.errors].map((each: Any) => each.message ?? each).join();
      // No number is in the messages of the task.
      expect([way, error.errors.length === 150 || /\d/.test(text)]).toEqual([way, true]);
    }
  });

  it('of very many fields: the error is bounded, and arrives', async () => {
    const code = `return Object.assign(new Error('x'), Object.fromEntries(
      Array.from({ length: 100_000 }, (_, i) => ['field' + i, 'y'.repeat(100)])));`;

    for (const inline of [true, false]) {
      const error = await errorOf(code, inline, { session: freshPath() });
      expect(error.message).toContain('x');
      expect(JSON.stringify({ ...error }).length).toBeLessThan(2_000_000);
    }
  }, 20_000);
});
