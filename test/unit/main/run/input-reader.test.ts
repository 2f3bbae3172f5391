/** Readers: none throws, none reads further than asked, and an asynchronous source reports when something arrived. */

import { describe, expect, it } from 'vitest';
import { openReader } from '../../../../src/main/run/input-reader.js';
import { nextTurn } from '../../../../src/protocol/turn.js';

/** An asynchronous source whose answers the test gives by hand. */
class HandIterator {
  asked = 0;
  returned = 0;
  #answers: { resolve: (result: IteratorResult<unknown>) => void; reject: (error: unknown) => void }[] = [];

  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    return {
      next: () => {
        this.asked++;
        return new Promise((resolve, reject) => this.#answers.push({ resolve, reject }));
      },
      return: async () => {
        this.returned++;
        return { done: true, value: undefined };
      },
    };
  }

  async give(value: unknown): Promise<void> {
    this.#answers.shift()?.resolve({ done: false, value });
    await nextTurn();
  }

  async end(): Promise<void> {
    this.#answers.shift()?.resolve({ done: true, value: undefined });
    await nextTurn();
  }

  async fail(error: unknown): Promise<void> {
    this.#answers.shift()?.reject(error);
    await nextTurn();
  }
}

function readerOf(inputs: unknown): { reader: ReturnType<typeof openReader>; ready: () => number } {
  let calls = 0;
  const reader = openReader(inputs as Iterable<unknown>, () => {
    calls++;
  });
  return { reader, ready: () => calls };
}

describe('an array', () => {
  it('is read in order, and is done with its last input', () => {
    const { reader } = readerOf([1, 2, 3]);
    expect([reader.take(2), reader.end, reader.take(2), reader.end]).toEqual([
      [1, 2],
      undefined,
      [3],
      { kind: 'done' },
    ]);
  });

  it('that is empty is done at once', () => {
    expect(readerOf([]).reader.end).toEqual({ kind: 'done' });
  });

  it('with holes has undefined in their place', () => {
    expect(readerOf(new Array(2)).reader.take(5)).toHaveLength(2);
  });
});

describe('an iterable', () => {
  it('is not read beyond its end', () => {
    let calls = 0;
    const { reader } = readerOf({
      [Symbol.iterator]: () => ({ next: () => ({ done: ++calls > 1, value: calls }) }),
    });
    expect([reader.take(5), reader.take(5), reader.end, calls]).toEqual([[1], [], { kind: 'done' }, 2]);
  });

  it.each([
    ['gives no iterator', { [Symbol.iterator]: () => undefined }],
    [
      'throws when it is opened',
      {
        [Symbol.iterator]: () => {
          throw new Error('closed');
        },
      },
    ],
    ['answers with no object', { [Symbol.iterator]: () => ({ next: () => 7 }) }],
    [
      'throws when it is read',
      {
        [Symbol.iterator]: () => ({
          next: () => {
            throw new Error('broke');
          },
        }),
      },
    ],
  ])('that %s has failed', async (_, inputs) => {
    const { reader } = readerOf(inputs);
    expect(reader.take(1)).toEqual([]);
    expect(reader.end).toMatchObject({ kind: 'failed', cause: expect.any(Error) });

    await reader.close();
  });

  it('is released when it was not read to its end, and only then', async () => {
    const released: string[] = [];
    const inputsOf = (name: string) =>
      (function* () {
        try {
          yield 1;
        } finally {
          released.push(name);
        }
      })();
    const { reader } = readerOf(inputsOf('half'));
    reader.take(1);
    await reader.close();

    expect(released).toEqual(['half']);
  });
});

describe('an asynchronous source', () => {
  it('is not read before it is asked for, and reports what arrived', async () => {
    const source = new HandIterator();
    const { reader, ready } = readerOf(source);
    await nextTurn();
    expect(source.asked).toBe(0);
    expect(reader.take(1)).toEqual([]);
    expect(source.asked, 'not within the call').toBe(0);
    await nextTurn();
    expect(source.asked).toBe(1);
    await source.give('a');

    expect(ready()).toBeGreaterThan(0);
    expect(reader.take(1)).toEqual(['a']);
  });

  it('is read ahead up to what was last asked for', async () => {
    const source = new HandIterator();
    const { reader } = readerOf(source);
    reader.take(3);
    await nextTurn();
    for (const value of ['a', 'b', 'c']) await source.give(value);
    await nextTurn();

    expect(source.asked).toBe(3);
    expect(reader.take(2)).toEqual(['a', 'b']);
  });

  it('has its end only after all that it gave', async () => {
    const source = new HandIterator();
    const { reader } = readerOf(source);
    reader.take(5);
    await nextTurn();
    await source.give('a');
    await source.end();
    expect(reader.end).toBeUndefined();
    expect(reader.take(5)).toEqual(['a']);

    expect(reader.end).toEqual({ kind: 'done' });
  });

  it('that fails gives what came before, then the cause', async () => {
    const source = new HandIterator();
    const { reader, ready } = readerOf(source);
    reader.take(5);
    await nextTurn();
    await source.give('a');
    const before = ready();
    await source.fail('broke');
    expect(ready()).toBeGreaterThan(before);
    expect([reader.take(5), reader.end]).toEqual([['a'], { kind: 'failed', cause: 'broke' }]);

    expect(reader.take(5)).toEqual([]);
  });

  it('is released while it is read, and what arrives then is dropped', async () => {
    const source = new HandIterator();
    const { reader } = readerOf(source);
    reader.take(5);
    await nextTurn();
    await reader.close();
    expect(source.returned).toBe(1);
    await source.give('late');

    expect(source.asked).toBe(1);
  });

  it('that gives no iterator has failed', () => {
    const { reader } = readerOf({ [Symbol.asyncIterator]: () => 7 });

    expect(reader.end).toMatchObject({ kind: 'failed', cause: expect.any(TypeError) });
  });
});
