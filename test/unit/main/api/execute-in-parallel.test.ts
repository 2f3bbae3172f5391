import { expect, it } from 'vitest';
import { chunkForParallel, getOptimalConcurrency } from '../../../../src/main/api/execute-in-parallel.js';

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
