import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import {
  accept,
  anything,
  boolean,
  integer,
  list,
  object,
  oneOf,
  optional,
  orEmpty,
  record,
  shownPath,
  withDefault,
} from '../../../src/text/schema.js';

const schema = object({
  name: oneOf('a', 'b'),
  retry: orEmpty(object({ attempts: withDefault(1, integer(1, 9)), isOn: optional(boolean) })),
  sizes: withDefault([], list(integer(0, 5))),
  texts: optional(record(oneOf('x'))),
});

const problemsOf = (value: unknown) => {
  const result = accept(schema, value);
  return 'problems' in result
    ? result.problems.map(({ kind, path, guess }) => [kind, shownPath(path), guess])
    : [];
};

describe('a schema', () => {
  it('returns a typed copy with defaults', () => {
    const given = { name: 'a', sizes: [1, 2], texts: { ['__proto__']: 'x' } };

    expect(accept(schema, given)).toEqual({
      accepted: { name: 'a', retry: { attempts: 1 }, sizes: [1, 2], texts: { ['__proto__']: 'x' } },
    });
  });

  it('finds every problem, each with its path, and suggests names', () => {
    expect(
      problemsOf({ nam: 'a', retry: { attempts: 0, ison: true }, sizes: [1, 9, '2'], texts: { y: 'z' } }),
    ).toEqual([
      ['unknown', 'nam', 'name'],
      ['wrong', 'name', undefined],
      ['unknown', 'retry.ison', 'isOn'],
      ['wrong', 'retry.attempts', undefined],
      ['wrong', 'sizes[1]', undefined],
      ['wrong', 'sizes[2]', undefined],
      ['wrong', 'texts.y', undefined],
    ]);
  });

  it('reports what cannot be read, and goes on with the rest', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const retry = {
      get attempts(): number {
        throw new Error('no');
      },
    };

    expect(problemsOf({ name: 'c', retry, texts: proxy })).toEqual([
      ['wrong', 'name', undefined],
      ['unreadable', 'retry.attempts', undefined],
      ['unreadable', 'texts', undefined],
    ]);
    expect(problemsOf(proxy)).toEqual([['unreadable', '', undefined]]);
  });

  it('takes object literals only, of any realm', () => {
    class Options {}
    const plain = object({ a: anything });

    for (const value of [{}, Object.create(null), runInNewContext('({})')])
      expect(accept(plain, value)).toHaveProperty('accepted');
    for (const value of [null, [], new Options(), new Map(), new Date(), () => {}, Object.create({ a: 1 })])
      expect(accept(plain, value)).toHaveProperty('problems');
  });
});
