/** Asynchronous sources: each kind is read and released in its own way. */

import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { describe, expect, it } from 'vitest';
import { asIterator, asResult, openAsync } from '../../../../src/main/run/async-inputs.js';

async function readAll(inputs: AsyncIterable<unknown>): Promise<unknown[]> {
  const open = openAsync(inputs);
  const all: unknown[] = [];
  for (let next = await open.next(); next.done !== true; next = await open.next()) all.push(next.value);
  return all;
}

const webStream = () =>
  new ReadableStream({
    start: (controller) => {
      for (const value of [1, 2]) controller.enqueue(value);
      controller.close();
    },
  });

it.each([
  [
    'an async generator',
    (async function* () {
      yield* [1, 2];
    })(),
  ],
  ['a Node stream', Readable.from([1, 2])],
  ['a web stream', webStream()],
])('%s is read to its end', async (_, inputs) => {
  expect(await readAll(inputs)).toEqual([1, 2]);
});

describe('a Node stream', () => {
  it('that failed before it was read rejects with its error, and does not end the process', async () => {
    const stream = new Readable({ read: () => {} });
    const open = openAsync(stream);
    const error = new Error('no such file');
    stream.destroy(error);
    await new Promise((resolve) => stream.once('close', resolve));

    await expect(open.next()).rejects.toBe(error);
  });

  it('is destroyed while it is read', async () => {
    const stream = new Readable({ objectMode: true, read: () => {} });
    const open = openAsync(stream);
    const pending = open.next().catch(() => 'ended');
    await open.close();
    await pending;

    expect(stream.destroyed).toBe(true);
  });
});

describe('a web stream', () => {
  it('is cancelled while it is read, and unlocked', async () => {
    let isCancelled = false;
    const stream = new ReadableStream({
      cancel: () => {
        isCancelled = true;
      },
    });
    const open = openAsync(stream);
    const pending = open.next().catch(() => 'ended');
    await open.close();
    await pending;

    expect([isCancelled, stream.locked]).toEqual([true, false]);
  });
});

describe('an iterator', () => {
  it('is asked to return; one that cannot is left', async () => {
    const log: string[] = [];
    const next = async () => ({ done: false, value: 1 });
    const returns = async () => {
      log.push('returned');
      return { done: true as const, value: undefined };
    };
    await openAsync({ [Symbol.asyncIterator]: () => ({ next, return: returns }) }).close();
    await openAsync({ [Symbol.asyncIterator]: () => ({ next }) }).close();

    expect(log).toEqual(['returned']);
  });

  it('that answers with no object rejects', async () => {
    const open = openAsync({ [Symbol.asyncIterator]: () => ({ next: async () => 7 as never }) });

    await expect(open.next()).rejects.toThrow(TypeError);
  });

  it.each([[undefined], [null], [7], ['text']])('cannot be %s', (value) => {
    expect(() => asIterator(value as never)).toThrow(TypeError);
    expect(() => asResult(value as never)).toThrow(TypeError);
  });
});
