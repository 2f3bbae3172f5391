/** Chunks: made, taken apart, joined and named. */

import { describe, expect, it } from 'vitest';
import {
  explicitKeyOf,
  freshChunk,
  gaplessLength,
  indexOf,
  isAlone,
  joined,
  requestFor,
  single,
} from '../../../../src/main/executor/chunk.js';
import { leftoversFrom, notBegun } from '../../../../src/main/executor/executor.js';
import { transfer } from '../../../../src/protocol/transfer.js';
import { chunk, singles } from '../../../support/run-rig.js';

const three = chunk(4, {
  indexes: [4, 5, 9],
  inputs: ['a', 'b', 'c'],
  keys: ['A', 'B', 'C'],
  hashes: ['1', '2', '3'],
  attempt: 2,
});

it('fresh tasks are on their first attempt, and have nothing against them', () => {
  const tasks = { first: 1, indexes: undefined, inputs: ['a'], keys: ['A'], hashes: undefined };

  expect(freshChunk({ ...tasks, interrupted: true, job: undefined })).toMatchObject({
    ...tasks,
    attempt: 1,
    refunds: 0,
    isolated: false,
    interrupted: true,
    troubles: 0,
    readyAt: expect.any(Number),
  });
});

describe('one task of a chunk', () => {
  it('has its own index, input, key and hash, and the attempt of the chunk', () => {
    expect(single(three, 2)).toMatchObject({
      first: 9,
      indexes: undefined,
      inputs: ['c'],
      keys: ['C'],
      hashes: ['3'],
      attempt: 2,
    });
  });

  it('has no key where the chunk has none', () => {
    expect(single(chunk(4, { inputs: ['a', 'b'] }), 1)).toMatchObject({
      first: 5,
      keys: undefined,
      hashes: undefined,
    });
  });

  it('can differ in what it went through', () => {
    expect(single(three, 0, { attempt: 3, isolated: true })).toMatchObject({
      attempt: 3,
      isolated: true,
      troubles: 0,
    });
  });
});

describe('tasks that are joined', () => {
  it('are what they were before they were taken apart', () => {
    const gapless = { ...three, indexes: undefined };

    expect(joined(singles(gapless))).toEqual(gapless);
  });

  it('of one task are that task', () => {
    const [one] = singles(three);

    expect(joined([one as never])).toBe(one);
  });
});

it.each([
  [{}, false],
  [{ troubles: 1 }, true],
  [{ interrupted: true }, true],
  [{ job: { handle: '1', account: undefined } }, true],
  [{ attempt: 2 }, false],
])('a task with %o travels alone: %s', (changes, expected) => {
  expect(isAlone(chunk(0, changes))).toBe(expected);
});

it('the index of a task is listed, or follows the first', () => {
  expect([indexOf(three, 2), indexOf(chunk(4), 2)]).toEqual([9, 6]);
});

it.each([
  [0, 3, 2],
  [0, 1, 1],
  [1, 2, 1],
  [2, 1, 1],
])('from position %i, of %i tasks, %i follow each other', (from, most, expected) => {
  expect(gaplessLength(three, from, most)).toBe(expected);
});

it('all tasks of a chunk without a list follow each other', () => {
  expect(gaplessLength(chunk(0), 3, 7)).toBe(7);
});

describe('the explicit key', () => {
  it('is that of the caller, if there is one', () => {
    expect([explicitKeyOf(three, 1), explicitKeyOf(chunk(0), 0)]).toEqual(['B', undefined]);
  });

  it('of an input that is moved away is its place', () => {
    const buffer = new ArrayBuffer(1);

    expect(explicitKeyOf(chunk(7, { inputs: [transfer(buffer, [buffer])] }), 0)).toBe('transferred-7');
  });
});

it('a request has all that its chunk says, and the inputs that it is given', () => {
  const settings = {
    id: 1,
    runId: 2,
    module: 'm',
    version: 'v',
    timeoutMs: 3,
    isExclusive: true,
    budgetMs: 4,
    isEncoded: true,
    cell: new SharedArrayBuffer(32),
  };
  const { first, indexes, keys, account, attempt, interrupted, job } = three;

  expect(requestFor(three, ['unwrapped'], settings)).toEqual({
    type: 'chunk',
    ...settings,
    ...{ first, indexes, keys, account, attempt, interrupted, job },
    inputs: ['unwrapped'],
  });
});

describe('leftovers', () => {
  it('say which tasks had begun', () => {
    expect(leftoversFrom(three, 1, 2)).toEqual([
      { position: 1, kind: 'again', isHere: false, begun: true },
      { position: 2, kind: 'again', isHere: false, begun: false },
    ]);
  });

  it('of a chunk that did not leave are all here', () => {
    expect(notBegun(three).map(({ position, ...rest }) => [position, rest])).toEqual(
      [0, 1, 2].map((position) => [position, { kind: 'again', isHere: true, begun: false }]),
    );
  });
});
