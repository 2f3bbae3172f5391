import { describe, expect, it } from 'vitest';
import { HeddleError, isHeddleError, OptionError } from '../../src/protocol/errors.js';
import { reviveError, serializeError } from '../../src/protocol/serialized-error.js';

function travel(thrown: unknown): Error {
  return reviveError(JSON.parse(JSON.stringify(structuredClone(serializeError(thrown)))));
}

describe('an error that travels', () => {
  it('keeps name, message, stack, code, own fields and cause chain', () => {
    const root = Object.assign(new RangeError('root'), { code: 7 });
    const error = Object.assign(new TypeError('top', { cause: new Error('middle', { cause: root }) }), {
      code: 'E_TOP',
      details: { a: [1] },
    });

    const arrived = travel(error);

    expect(arrived).toBeInstanceOf(TypeError);
    expect(arrived).toMatchObject({
      name: 'TypeError',
      message: 'top',
      stack: error.stack,
      code: 'E_TOP',
      details: { a: [1] },
    });
    expect((arrived.cause as Error).cause).toBeInstanceOf(RangeError);
    expect((arrived.cause as Error).cause).toMatchObject({ message: 'root', code: 7 });
  });

  it('of heddle stays a HeddleError with its fields', () => {
    const arrived = travel(new OptionError('threads', 'no'));

    expect(isHeddleError(arrived, 'HEDDLE_INVALID_OPTION')).toBe(true);
    expect(arrived).toMatchObject({ option: 'threads', message: 'no' });
  });

  it('of a class of its own keeps the name', () => {
    class SpecialError extends Error {
      override name = 'SpecialError';
    }

    expect(travel(new SpecialError('x'))).toMatchObject({ name: 'SpecialError', message: 'x' });
  });

  it('that is its own cause is cut', () => {
    const error = new Error('loop');
    error.cause = error;

    expect(travel(error).cause).toBe('[circular]');
  });

  it('with a deep cause chain is cut at a stated depth', () => {
    let error = new Error('bottom');
    for (let i = 0; i < 50; i++) error = new Error(`level ${i}`, { cause: error });

    let depth = 0;
    for (let each: unknown = travel(error); each instanceof Error; each = each.cause) depth++;

    expect(depth).toBe(9);
  });

  it('with a message of megabytes is cut', () => {
    expect(travel(new Error('x'.repeat(1e6))).message.length).toBeLessThan(70_000);
  });
});

describe('anything can be thrown', () => {
  const trap = new Proxy(
    {},
    {
      get: () => {
        throw new Error('trap');
      },
      getPrototypeOf: () => {
        throw new Error('trap');
      },
      ownKeys: () => {
        throw new Error('trap');
      },
    },
  );
  const hostile = new Error('hostile');
  Object.defineProperty(hostile, 'field', {
    enumerable: true,
    get: () => {
      throw new Error('getter');
    },
  });

  it.each([
    ['text', 'text'],
    ['undefined', undefined],
    ['null', null],
    ['a bigint', 10n],
    ['a symbol', Symbol('s')],
    ['a function', () => 1],
    ['an object', { code: 'E', nested: { f: () => 1, n: Number.NaN } }],
    ['an object without prototype', Object.create(null)],
    ['a proxy that throws', trap],
    ['an error with a getter that throws', hostile],
    [
      'an error with a function, a symbol, a buffer',
      Object.assign(new Error('x'), { f: () => 1, s: Symbol('s'), b: Buffer.from('b') }),
    ],
    ['an error whose name is no text', Object.assign(new Error('x'), { name: 42 })],
    ['a DOMException', new DOMException('d', 'AbortError')],
    ['an AggregateError', new AggregateError([1, new Error('e')], 'many')],
    [
      'a field named __proto__',
      Object.assign(new Error('x'), JSON.parse('{"__proto__": {"polluted": true}}')),
    ],
  ])('%s', (_, thrown) => {
    const arrived = travel(thrown);

    expect(arrived).toBeInstanceOf(Error);
    expect(typeof arrived.message).toBe('string');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

describe('instanceof', () => {
  it('does not take a plain error for a HeddleError', () => {
    expect(new Error('x') instanceof HeddleError).toBe(false);
    expect(new HeddleError('HEDDLE_ABORTED', 'x') instanceof OptionError).toBe(false);
    expect(new OptionError('a', 'x') instanceof HeddleError).toBe(true);
  });
});
