/** The small parts that decide: backoff, chunk size, blame, suggestions, failure groups. */

import { describe, expect, it } from 'vitest';
import { chunkForParallel, getOptimalConcurrency } from '../../../../src/main/api/execute-in-parallel.js';
import { blame, type ChunkState } from '../../../../src/main/executor/threads/blame.js';
import { FailureGroups } from '../../../../src/main/figures/failure-groups.js';
import { backoffMs } from '../../../../src/main/lanes/backoff.js';
import { resolveRunOptions } from '../../../../src/main/options/resolve-options.js';
import { ChunkSize, roughBytes } from '../../../../src/main/run/chunk-size.js';
import { PHASES } from '../../../../src/protocol/control-cell.js';
import { nearest } from '../../../../src/text/nearest.js';

describe('backoff', () => {
  const { retry } = resolveRunOptions({
    retry: { attempts: 9, backoffMs: 100, factor: 2, maxDelayMs: 1000 },
  });

  it('doubles its bound up to the cap', () => {
    expect([2, 3, 4, 5, 6, 7].map((attempt) => backoffMs(retry, attempt, () => 1))).toEqual([
      100, 200, 400, 800, 1000, 1000,
    ]);
  });

  it('is a uniform part of the bound', () => {
    expect(backoffMs(retry, 3, () => 0)).toBe(0);
    expect(backoffMs(retry, 3, () => 0.25)).toBe(50);
  });

  it('without jitter is the bound', () => {
    expect(backoffMs({ ...retry, jitter: 'none' }, 3, () => 0.25)).toBe(200);
  });
});

describe('chunk size', () => {
  it('grows for tiny tasks, to a bound', () => {
    const size = new ChunkSize('auto');
    const sizes = [size.current];
    for (let i = 0; i < 6; i++) {
      size.learn(size.current, size.current * 0.0005, 8);
      sizes.push(size.current);
    }

    expect(sizes).toEqual([1, 8, 64, 512, 4000, 4000, 4000]);
  });

  it('stays 1 for long tasks and returns to it', () => {
    const size = new ChunkSize('auto');
    size.learn(1, 0.01, 8);
    expect(size.current).toBeGreaterThan(1);
    for (let i = 0; i < 10; i++) size.learn(8, 8 * 50, 8);

    expect(size.current).toBe(1);
  });

  it('one long task among many short ones changes little', () => {
    const size = new ChunkSize('auto');
    for (let i = 0; i < 10; i++) size.learn(size.current, size.current * 0.3, 8);
    const before = size.current;
    size.learn(1, 30, 8);

    expect(before).toBe(33);
    expect(size.current).toBeGreaterThan(10);
  });

  it('is bounded by the size of inputs and values', () => {
    const size = new ChunkSize('auto');
    for (let i = 0; i < 10; i++) size.learn(size.current, 0.01, 1_000_000);

    expect(size.current).toBe(1);
  });

  it('shrinks towards the end of the batch', () => {
    const size = new ChunkSize('auto');
    for (let i = 0; i < 6; i++) size.learn(size.current, 0.001, 8);

    expect([10_000_000, 1000, 8, 3, 1].map((remaining) => size.next(remaining, 4))).toEqual([
      4000, 125, 1, 1, 1,
    ]);
  });

  it('estimates bytes without walking everything', () => {
    expect(roughBytes(new Uint8Array(1000))).toBe(1000);
    expect(roughBytes('x'.repeat(100))).toBe(108);
    expect(roughBytes(Array.from({ length: 10_000 }, () => 1))).toBeGreaterThan(100_000);
    expect(roughBytes(undefined)).toBe(8);
  });
});

describe('blame', () => {
  const state = (over: Partial<ChunkState>): ChunkState => ({
    begun: 1,
    reported: 0,
    phase: PHASES.awaiting,
    isolated: false,
    ...over,
  });

  it.each([
    [
      'one awaiting task and an exit, which a timer of a task before may have caused',
      [state({})],
      'exit',
      ['suspect'],
    ],
    ['one awaiting task and an uncaught error', [state({})], 'uncaught', ['suspect']],
    ['the same in a thread of its own', [state({ isolated: true })], 'uncaught', ['guilty']],
    ['several awaiting tasks', [state({}), state({})], 'exit', ['suspect', 'suspect']],
    [
      'an exit inside a synchronous part',
      [state({}), state({ phase: PHASES.synchronous })],
      'exit',
      ['bystander', 'guilty'],
    ],
    [
      'memory, which all tasks before may have filled',
      [state({}), state({ phase: PHASES.synchronous })],
      'out-of-memory',
      ['bystander', 'suspect'],
    ],
    [
      'memory in a thread of its own',
      [state({ phase: PHASES.synchronous, isolated: true })],
      'out-of-memory',
      ['guilty'],
    ],
    [
      'a chunk that did not begin',
      [state({ begun: 0, phase: PHASES.between }), state({})],
      'exit',
      ['bystander', 'suspect'],
    ],
    [
      'a chunk between tasks',
      [state({ begun: 3, reported: 3, phase: PHASES.between })],
      'exit',
      ['bystander'],
    ],
    [
      'a task that ended and was not reported',
      [state({ begun: 3, reported: 2, phase: PHASES.between })],
      'exit',
      ['bystander'],
    ],
  ] as const)('%s', (_, chunks, death, verdicts) => {
    expect(blame(chunks, death)).toEqual(verdicts);
  });
});

describe('suggestions', () => {
  it.each([
    ['concurency', 'concurrency'],
    ['timeout', 'timeoutMs'],
    ['xyz', undefined],
  ])('%s → %s', (name, expected) => {
    expect(nearest(name, ['concurrency', 'timeoutMs', 'order'])).toBe(expected);
  });
});

describe('failure groups', () => {
  it('join messages that differ in numbers and quoted parts', () => {
    const groups = new FailureGroups();
    for (let i = 0; i < 10; i++) groups.add(i, new Error(`cannot read "/tmp/file-${i}" after ${i} ms`));
    groups.add(10, new TypeError('other'));

    expect(groups.list()).toMatchObject([
      { count: 10, message: 'cannot read "/tmp/file-0" after 0 ms', indexes: [0, 1, 2, 3, 4] },
      { count: 1, name: 'TypeError' },
    ]);
  });

  it('are bounded', () => {
    const groups = new FailureGroups();
    for (let i = 0; i < 5000; i++)
      groups.add(i, new Error(i.toString(36).replace(/\d/g, 'x') + 'y'.repeat(i % 300)));

    expect(groups.list().length).toBeLessThanOrEqual(201);
    expect(groups.count).toBe(5000);
  });
});

describe('helpers', () => {
  it('chunkForParallel fills every lane', () => {
    expect(chunkForParallel([1, 2, 3, 4, 5, 6, 7, 8], 1000, 2)).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
      [7, 8],
    ]);
    expect(
      chunkForParallel(
        Array.from({ length: 10 }, (_, i) => i),
        3,
      ),
    ).toEqual([[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]);
    expect(chunkForParallel([], 10, 4)).toEqual([]);
    expect(() => chunkForParallel([1], 0)).toThrowError(expect.objectContaining({ option: 'size' }));
  });

  it('getOptimalConcurrency is never more than the items or the capacity', () => {
    expect(getOptimalConcurrency('write', 1000)).toBe(8);
    expect(getOptimalConcurrency('write', 3)).toBe(3);
    expect(getOptimalConcurrency('read', 1000, 4)).toBe(4);
    expect(getOptimalConcurrency('io', 0)).toBe(1);
    expect(getOptimalConcurrency('cpu')).toBeGreaterThanOrEqual(1);
  });
});
