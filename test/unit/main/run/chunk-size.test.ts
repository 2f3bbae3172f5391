/** How many tasks travel together, and how many may be read ahead. */

import { describe, expect, it } from 'vitest';
import { ChunkSize, roughBytes, windowOf } from '../../../../src/main/run/chunk-size.js';

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

describe('bytes', () => {
  it('of values that throw when they are looked at are those of a number', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();

    expect(roughBytes(proxy)).toBe(8);
  });

  it('of a view are those of its whole buffer', () => {
    expect(roughBytes(new Uint8Array(new ArrayBuffer(1000), 0, 8))).toBe(1000);
  });

  it('of maps and sets count their members', () => {
    const long = 'x'.repeat(1000);

    expect(roughBytes(new Set([long]))).toBeGreaterThan(1000);
    expect(roughBytes(new Map([['key', long]]))).toBeGreaterThan(1000);
  });
});

describe('a size that the caller gave', () => {
  it('stays', () => {
    const size = new ChunkSize(7);
    size.learn(7, 0.001, 8);
    size.notice(10_000_000);

    expect([size.current, size.next(3, 4)]).toEqual([7, 7]);
  });
});

it('a large input makes the chunks that follow smaller at once', () => {
  const size = new ChunkSize('auto');
  for (let i = 0; i < 6; i++) size.learn(size.current, 0.001, 8);
  size.notice(100_000);

  expect(size.current).toBe(5);
});

it('chunks whose outcomes are kept stay shorter', () => {
  const size = new ChunkSize('auto', true);
  for (let i = 0; i < 6; i++) size.learn(size.current, 0.001, 8);

  expect(size.current).toBe(1000);
});

describe('the window', () => {
  const sized = (tasks: number, bytes: number) => {
    const size = new ChunkSize('auto');
    for (let i = 0; i < 8; i++) size.learn(tasks, 0.001, bytes);
    return size;
  };

  it.each([
    ['that the caller gave stays', 10, sized(4000, 8), 10],
    ['starts with a thousand tasks', 'auto', new ChunkSize('auto'), 1024],
    ['has room for two chunks on each slot', 'auto', sized(4000, 8), 32_000],
    ['is smaller for large values', 'auto', sized(1, 1024 * 1024), 16],
    ['is never too small for the slots', 'auto', sized(1, 1e9), 8],
  ] as const)('%s', (_, window, size, expected) => {
    expect(windowOf(window, size, 4)).toBe(expected);
  });
});
