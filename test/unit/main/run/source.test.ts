/** The source: inputs with their keys, in order, up to the first thing that is wrong with them. */

import { afterEach, describe, expect, it, vi } from 'vitest';
import { type ReadInputs, Source } from '../../../../src/main/run/source.js';
import { nextTurn } from '../../../../src/protocol/turn.js';
import { unusableInput } from '../../../../src/protocol/unusable-input.js';

afterEach(() => {
  vi.useRealTimers();
});

type Key = (input: unknown, index: number) => unknown;

function sourceOf(inputs: unknown, key?: Key, total?: number): Source {
  return new Source(inputs as Iterable<unknown>, key, total, () => {});
}

/** What was read, for short. */
function shown(read: ReadInputs | undefined): unknown {
  if (read === undefined) return undefined;
  if (read.kind === 'unusable') return { unusable: read.index };
  return { first: read.first, inputs: read.inputs, ...(read.keys !== undefined && { keys: read.keys }) };
}

/** Everything that can be read now, `max` at a time. */
function readAll(source: Source, max = 2): unknown[] {
  const all: unknown[] = [];
  for (let read = source.take(max); read !== undefined; read = source.take(max)) all.push(shown(read));
  return all;
}

describe('what is not iterable', () => {
  it.each([[undefined], [null], [7], ['text'], [{}], [() => {}]])('%s is refused', (inputs) => {
    expect(() => sourceOf(inputs)).toThrowError(expect.objectContaining({ code: 'HEDDLE_INVALID_OPTION' }));
  });

  it('an object that cannot be looked at fails when it is read', () => {
    const odd = new Proxy(
      {},
      {
        has: () => {
          throw new Error('no look');
        },
        get: () => {
          throw new Error('no read');
        },
      },
    );
    const source = sourceOf(odd);
    expect(source.take(1)).toBeUndefined();

    expect(source.error).toMatchObject({ code: 'HEDDLE_INPUT_SOURCE' });
    expect(source.isDone).toBe(true);
  });
});

describe('reading', () => {
  it('goes no further than asked', () => {
    let pulled = 0;
    const inputs = {
      *[Symbol.iterator]() {
        for (;;) yield pulled++;
      },
    };
    const source = sourceOf(inputs);
    expect([shown(source.take(2)), shown(source.take(1))]).toEqual([
      { first: 0, inputs: [0, 1] },
      { first: 2, inputs: [2] },
    ]);

    expect([pulled, source.read, source.isDone]).toEqual([3, 3, false]);
  });

  it('ends with the last input', () => {
    const source = sourceOf(['a', 'b', 'c']);
    expect(readAll(source)).toEqual([
      { first: 0, inputs: ['a', 'b'] },
      { first: 2, inputs: ['c'] },
    ]);

    expect([source.isDone, source.error, source.total]).toEqual([true, undefined, 3]);
  });

  it('gives out what came before a failure, then fails with its place', () => {
    const cause = new Error('broke');
    const inputs = (function* () {
      yield 'a';
      throw cause;
    })();
    const source = sourceOf(inputs);
    expect(shown(source.take(9))).toEqual({ first: 0, inputs: ['a'] });
    expect([source.isDone, source.error]).toEqual([false, undefined]);
    expect(source.take(9)).toBeUndefined();

    expect(source.error).toMatchObject({ code: 'HEDDLE_INPUT_SOURCE', cause });
    expect(source.error?.message).toContain('input 1');
    expect([source.isDone, source.take(9)]).toEqual([true, undefined]);
  });
});

describe('the length of the batch', () => {
  it.each([
    ['an array', [1, 2], 2],
    ['a set', new Set([1, 2, 3]), 3],
    ['a generator', (function* () {})(), undefined],
    ['an odd size', Object.assign((function* () {})(), { size: Number.NaN }), undefined],
    ['a negative length', Object.assign((function* () {})(), { length: -1 }), undefined],
  ])('of %s', (_, inputs, expected) => {
    expect(sourceOf(inputs).total).toBe(expected);
  });

  it('is what the caller promises until it is known', () => {
    const source = sourceOf([1, 2], undefined, 5);
    expect(source.total).toBe(5);
    readAll(source);

    expect(source.total).toBe(2);
  });

  it('stays what was promised when the source fails', () => {
    const source = sourceOf(
      (function* () {
        yield 'a';
        throw new Error('broke');
      })(),
      undefined,
      5,
    );
    readAll(source);

    expect(source.total).toBe(5);
  });
});

describe('keys', () => {
  it('name each input; numbers become text', () => {
    const source = sourceOf(['a', 'b'], (input, index) => (index === 0 ? input : 7));

    expect(readAll(source)).toEqual([{ first: 0, inputs: ['a', 'b'], keys: ['a', '7'] }]);
  });

  it.each([[''], [undefined], [null], [Number.NaN], [{}], [true]])(
    'a key of %s ends the inputs before its own',
    (wrong) => {
      const source = sourceOf(['a', 'b', 'c'], (input) => (input === 'b' ? wrong : input));
      expect(readAll(source, 3)).toEqual([{ first: 0, inputs: ['a'], keys: ['a'] }]);

      expect(source.error).toMatchObject({ code: 'HEDDLE_INVALID_KEY' });
      expect(source.error?.message).toContain('input 1');
      expect([source.read, source.isDone]).toEqual([1, true]);
    },
  );

  it('a key function that throws ends the inputs; its error is the cause', () => {
    const cause = new TypeError('no id');
    const source = sourceOf(['a'], () => {
      throw cause;
    });
    expect(readAll(source)).toEqual([]);

    expect(source.error).toMatchObject({ code: 'HEDDLE_INVALID_KEY', cause });
  });

  it('a key that was there before ends the inputs, whenever it comes', () => {
    const source = sourceOf(['a', 'b', 'c', 'a', 'd'], (input) => input);
    expect(readAll(source).flatMap((read) => (read as { inputs: unknown[] }).inputs)).toEqual([
      'a',
      'b',
      'c',
    ]);

    expect(source.error).toMatchObject({ code: 'HEDDLE_DUPLICATE_KEY' });
    expect(source.error?.message).toMatch(/0 and 3/);
  });

  it('inputs that were held back are dropped with a wrong key', () => {
    const source = sourceOf(['a', '', unusableInput(new Error('x')), 'b'], (input) => input);
    expect(readAll(source, 9)).toEqual([{ first: 0, inputs: ['a'], keys: ['a'] }]);

    expect([source.read, source.isDone]).toEqual([1, true]);
  });
});

describe('inputs that cannot be used', () => {
  const bad = unusableInput(new Error('line 2 is not JSON'));

  it('come alone, in their place, and have no key function called', () => {
    const source = sourceOf([bad, 'a', 'b', bad, bad, 'c', bad], (input) => input);

    expect(readAll(source, 9)).toEqual([
      { unusable: 0 },
      { first: 1, inputs: ['a', 'b'], keys: ['a', 'b'] },
      { unusable: 3 },
      { unusable: 4 },
      { first: 5, inputs: ['c'], keys: ['c'] },
      { unusable: 6 },
    ]);
    expect([source.read, source.isDone, source.total]).toEqual([7, true, 7]);
  });

  it('what follows one is not done while it is held', () => {
    const source = sourceOf([bad, 'a']);
    source.take(9);

    expect([source.isDone, source.read]).toEqual([false, 1]);
  });

  it('what follows one is given out no faster than asked', () => {
    const source = sourceOf([bad, 'a', 'b', 'c']);
    source.take(9);

    expect(shown(source.take(2))).toEqual({ first: 1, inputs: ['a', 'b'] });
  });
});

describe('closing', () => {
  it('runs the clean-up of a generator that was not read to its end', async () => {
    const log: string[] = [];
    const source = sourceOf(
      (function* () {
        try {
          yield 1;
          yield 2;
        } finally {
          log.push('cleaned up');
        }
      })(),
    );
    source.take(1);
    await source.close();

    expect(log).toEqual(['cleaned up']);
  });

  it('does not fail when the source does', async () => {
    const source = sourceOf({
      [Symbol.iterator]: () => ({
        next: () => ({ done: false, value: 1 }),
        return: () => {
          throw new Error('no');
        },
      }),
    });
    source.take(1);

    await expect(source.close()).resolves.toBeUndefined();
  });

  it('gives up a source that does not answer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const source = sourceOf({
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: 1 }),
        return: () => new Promise(() => {}),
      }),
    });
    let isClosed = false;
    void source.close().then(() => {
      isClosed = true;
    });
    vi.advanceTimersByTime(999);
    await nextTurn();
    expect(isClosed).toBe(false);
    vi.advanceTimersByTime(1);
    await nextTurn();

    expect(isClosed).toBe(true);
  });

  it('leaves no timer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await sourceOf([1]).close();

    expect(vi.getTimerCount()).toBe(0);
  });
});
