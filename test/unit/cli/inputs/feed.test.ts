/** What the feed gives to a run, and which rows it keeps. */

import { describe, expect, it } from 'vitest';
import { Feed, type FeedOptions } from '../../../../src/cli/inputs/feed.js';
import { badRow, fixedSource, type InputSource, type Row } from '../../../../src/cli/inputs/input-source.js';
import { UnusableInput } from '../../../../src/protocol/unusable-input.js';

/** A feed all of whose inputs were read. */
function readFeed(keeps: FeedOptions['keeps']): Feed {
  const feed = new Feed([fixedSource('arguments', 'argument', ['a', 'b', 'c', 'd'])], {
    keyOf: undefined,
    keeps,
  });
  expect([...(feed.inputs() as Iterable<unknown>)]).toEqual(['a', 'b', 'c', 'd']);
  return feed;
}

function streamOf(...rows: Row[]): InputSource {
  return {
    name: 'stdin',
    isRepeatable: false,
    isSync: false,
    isLines: false,
    place: (line) => `stdin:${line}`,
    open: () => rows,
  };
}

describe('the feed', () => {
  it('keeps rows until their outcome is taken, in any order, and a moment longer for events', () => {
    const feed = readFeed('all');

    expect([2, 0, 3, 1].map((index) => feed.take(index)?.input)).toEqual(['c', 'a', 'd', 'b']);
    expect([feed.take(2), feed.peek(2)?.input]).toEqual([undefined, 'c']);
  });

  it('in order releases rows that were passed over', () => {
    const feed = readFeed('in-order');

    expect(feed.take(2)?.input).toBe('c');
    expect([0, 1].map((index) => feed.peek(index))).toEqual([undefined, undefined]);
    expect(feed.take(3)?.input).toBe('d');
  });

  it('keeps nothing where it is unknown which rows are passed over', () => {
    const feed = readFeed('no');

    expect([feed.first, feed.take(1), feed.peek(3)]).toEqual(['a', undefined, undefined]);
  });

  it('gives an unusable input for a bad row of a stream, and for a key that is missing or repeated', async () => {
    const rows = [
      badRow(1, 'not JSON', '{', 2),
      ...[{ id: 1 }, {}, { id: 1 }].map((input, i) => ({ line: i + 2, input, problem: undefined })),
    ];
    const keyOf = (input: unknown) => {
      const { id } = input as { id?: number };
      if (id === undefined) throw new Error('no id');
      return String(id);
    };
    const feed = new Feed([streamOf(...rows)], { keyOf, keeps: 'all' });

    const given: unknown[] = [];
    for await (const input of feed.inputs()) given.push(input);

    expect(given.map((input) => (UnusableInput.is(input) ? input.error : input))).toMatchObject([
      { code: 'HEDDLE_BAD_INPUT', message: 'stdin:1:2: not JSON', line: 1, text: '{' },
      { id: 1 },
      { code: 'HEDDLE_INVALID_KEY', message: 'stdin:3: no id', line: 3 },
      { code: 'HEDDLE_DUPLICATE_KEY', message: expect.stringContaining('that of stdin:2 already'), line: 4 },
    ]);
    expect(feed.first).toEqual({ id: 1 });
    expect([0, 3].map((index) => feed.take(index))).toMatchObject([{ problem: { text: '{' } }, { line: 4 }]);
  });

  it('of a checked file that changed fails', () => {
    const changed = { ...streamOf(badRow(1, 'not JSON', '{')), isRepeatable: true, isSync: true };
    const feed = new Feed([changed], { keyOf: undefined, keeps: 'all' });

    expect(() => [...(feed.inputs() as Iterable<unknown>)]).toThrow('stdin:1 changed after it was checked');
  });
});
