/** What the feed remembers of inputs: those whose outcome is awaited, and not those of other shards. */

import { describe, expect, it } from 'vitest';
import { Feed, type FeedOptions } from '../../../../src/cli/inputs/feed.js';
import { fixedSource } from '../../../../src/cli/inputs/input-source.js';

/** A feed all of whose inputs were read. */
function readFeed(keeps: FeedOptions['keeps']): Feed {
  const feed = new Feed([fixedSource('arguments', 'argument', ['a', 'b', 'c', 'd'])], {
    keyOf: undefined,
    onBadRow: () => undefined,
    keeps,
  });
  expect([...(feed.inputs() as Iterable<unknown>)]).toEqual(['a', 'b', 'c', 'd']);
  return feed;
}

describe('the feed', () => {
  it('keeps inputs until their outcome is taken, in any order', () => {
    const feed = readFeed('all');

    expect([2, 0, 3, 1].map((ordinal) => feed.take(ordinal))).toEqual(['c', 'a', 'd', 'b']);
  });

  it('in order lets go of inputs that were passed over', () => {
    const feed = readFeed('in-order');

    expect(feed.take(2)).toBe('c');
    expect([0, 1].map((ordinal) => feed.peek(ordinal))).toEqual([undefined, undefined]);
    expect(feed.take(3)).toBe('d');
  });

  it('keeps nothing where nobody could tell what is passed over', () => {
    const feed = readFeed('no');

    expect([feed.first, feed.take(1), feed.peek(3)]).toEqual(['a', undefined, undefined]);
  });
});
