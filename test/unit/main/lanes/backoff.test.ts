import { expect, it } from 'vitest';
import { backoffMs } from '../../../../src/main/lanes/backoff.js';
import { resolveRunOptions } from '../../../../src/main/options/resolve-options.js';

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
