import { describe, expect, it } from 'vitest';
import { HeddleError, isHeddleError, OptionError } from '../../../src/protocol/errors.js';
import { reviveError, serializeError } from '../../../src/protocol/serialized-error.js';

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

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

function rethrow(): never {
  throw new Error('trap');
}

function throwing(thrown: unknown): Error {
  return Object.defineProperty(new Error('x'), 'field', {
    enumerable: true,
    get: () => {
      throw thrown;
    },
  });
}

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
    ['a proxy that is revoked', revoked({})],
    ['an error with a getter that throws', hostile],
    [
      'an error with fields that are revoked',
      Object.assign(new Error('x'), { errors: revoked([]), a: revoked({}) }),
    ],
    ['an error whose cause is revoked', new Error('x', { cause: revoked({}) })],
    [
      'a proxy of an error that throws',
      new Proxy(new Error('x'), { get: rethrow, getOwnPropertyDescriptor: rethrow }),
    ],
    ['a getter that throws what cannot be read', throwing(revoked({}))],
    [
      'an error with a list of errors that throws',
      Object.assign(new Error('x'), { errors: new Proxy([1], { get: rethrow }) }),
    ],
    ['an error with a symbol as code', Object.assign(new Error('x'), { code: Symbol('s') })],
    ['an error with NaN as code', Object.assign(new Error('x'), { code: Number.NaN })],
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

describe('an error arrives whole', () => {
  it('with a cause that occurs twice', () => {
    const shared = new RangeError('shared');
    const arrived = travel(
      new AggregateError([new Error('a', { cause: shared }), new Error('b', { cause: shared })], 'both'),
    ) as AggregateError;

    expect(arrived).toBeInstanceOf(AggregateError);
    expect(arrived.errors.map((each: Error) => each.cause)).toEqual([shared, shared]);
  });

  it('and says how many of its errors and causes are left out', () => {
    const many = travel(new AggregateError(Array.from({ length: 150 }, (_, i) => new Error(`${i}`))));
    let chain: unknown = new Error('bottom');
    for (let i = 0; i < 50; i++) chain = new Error(`level ${i}`, { cause: chain });
    let last: unknown = travel(chain);
    while (last instanceof Error) last = last.cause;

    expect((many as AggregateError).errors).toHaveLength(101);
    expect((many as AggregateError).errors.at(-1)).toBe('… 50 more errors left out');
    expect(last).toBe('… 42 more errors left out');
  });

  it('in bounded time and size when its errors share their errors', () => {
    let level = [new Error('bottom')];
    for (let i = 0; i < 30; i++)
      level = Array.from({ length: 10 }, () => new AggregateError(level, `level ${i}`));

    expect(JSON.stringify(serializeError(level[0])).length).toBeLessThan(3e6);
  });

  it('with a code or errors that are objects', () => {
    const error = Object.assign(new Error('x'), { code: { major: 1 }, errors: { path: new Error('bad') } });

    expect(travel(error)).toMatchObject({ code: { major: 1 }, errors: { path: 'Error: bad' } });
  });

  class TooManyErrors extends AggregateError {
    override name = 'TooManyErrors';
  }
  class BadInput extends TypeError {
    override name = 'BadInput';
  }

  it.each([
    ['a TypeError with errors', Object.assign(new TypeError('x'), { errors: [new Error('e')] }), TypeError],
    ['an Error with errors', Object.assign(new Error('x'), { errors: [new Error('e')] }), Error],
    ['a subclass of AggregateError', new TooManyErrors([new Error('e')], 'x'), AggregateError],
    ['a subclass of TypeError', new BadInput('x'), TypeError],
    ['a DOMException', new DOMException('x', 'AbortError'), DOMException],
  ] as [string, Error, new (...args: never[]) => Error][])('as its class: %s', (_, error, expected) => {
    const arrived = travel(error);

    expect(arrived).toBeInstanceOf(expected);
    expect(arrived instanceof AggregateError).toBe(error instanceof AggregateError);
    expect(arrived.name).toBe(error.name);
    expect((arrived as AggregateError).errors).toEqual((error as AggregateError).errors);
  });

  it('as a DOMException with stack, cause and fields', () => {
    const error = Object.assign(new DOMException('x', 'AbortError'), { cause: 1, url: 'u' });

    const arrived = travel(error) as DOMException;

    expect(arrived).toMatchObject({ message: 'x', code: DOMException.ABORT_ERR, cause: 1, url: 'u' });
    expect(arrived.stack).toBe(error.stack);
  });

  it('with fields that are not plain data in a readable form', () => {
    const error = Object.assign(new Error('x'), {
      map: new Map<unknown, unknown>([['a', new Set([1])]]),
      pairs: new Map<unknown, unknown>([[1, 'one']]),
      url: new URL('http://a/'),
      query: new URLSearchParams('a=1'),
      pattern: /a/g,
      headers: new Headers({ 'Retry-After': '1' }),
      at: new Date(0),
      big: 10n,
      bytes: Buffer.from([1, 2]),
      floats: new Float32Array([0.5]),
      buffer: new ArrayBuffer(1),
      boxed: Object(1),
      weak: new WeakMap(),
      empty: {},
    });

    expect(serializeError(error).fields).toEqual({
      map: { a: [1] },
      pairs: [[1, 'one']],
      url: 'http://a/',
      query: 'a=1',
      pattern: '/a/g',
      headers: { 'retry-after': '1' },
      at: '1970-01-01T00:00:00.000Z',
      big: '10 (bigint)',
      bytes: [1, 2],
      floats: [0.5],
      buffer: [0],
      boxed: 1,
      weak: 'an object (WeakMap)',
      empty: {},
    });
  });

  it('with fields up to a limit, and says what is left out', () => {
    const rows = Array.from({ length: 300 }, (_, id) => ({ id }));
    const fields = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, i]));
    const many = Array.from({ length: 70 }, () => 'y'.repeat(60_000));
    const texts = [many, [...many, 'z']];

    expect(serializeError(Object.assign(new Error('x'), { rows })).fields?.['rows']).toHaveLength(101);
    expect(serializeError(Object.assign(new Error('x'), fields)).fields).toMatchObject({
      f99: 99,
      '…': '200 more left out',
    });
    expect(JSON.stringify(serializeError(Object.assign(new Error('x'), { texts })).fields)).toMatch(
      /y… \[\d+ characters cut\]","… 1 more left out"\]/,
    );
    const wide = Array.from({ length: 100 }, () => Array.from({ length: 100 }, () => [1, 2, 3]));
    expect(
      JSON.stringify(serializeError(Object.assign(new Error('x'), { wide })).fields).length,
    ).toBeLessThan(50_000);
  });
});

describe('instanceof', () => {
  it('does not take a plain error for a HeddleError', () => {
    expect(new Error('x') instanceof HeddleError).toBe(false);
    expect(new HeddleError('HEDDLE_ABORTED', 'x') instanceof OptionError).toBe(false);
    expect(new OptionError('a', 'x') instanceof HeddleError).toBe(true);
    expect(revoked({}) instanceof HeddleError).toBe(false);
  });
});
