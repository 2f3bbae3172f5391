/** Retries as a share of successes, and one per second in any case. */

import { expect, it } from 'vitest';
import { RetryBudget } from '../../../../../src/main/lanes/limits/retry-budget.js';

/** How many retries go at this time. */
function drain(budget: RetryBudget, now: number): number {
  let count = 0;
  while (count < 1000 && budget.take(now)) count++;
  return count;
}

it('has a store of 100', () => {
  expect(drain(new RetryBudget(0.2), 0)).toBe(100);
});

it('gives a share of each success back, and never holds more than the store', () => {
  const budget = new RetryBudget(0.2);
  for (let index = 0; index < 10_000; index++) budget.succeeded();
  expect(drain(budget, 0)).toBe(100);
  for (let index = 0; index < 50; index++) budget.succeeded();
  expect(drain(budget, 0)).toBe(10);
});

it('counts decimal shares exactly', () => {
  for (const share of [0.1, 0.3, 0.7]) {
    const budget = new RetryBudget(share);
    drain(budget, 0);
    for (let index = 0; index < 100; index++) budget.succeeded();
    expect(drain(budget, 0)).toBe(Math.round(share * 100));
  }
});

it('lets one retry per second go when it is empty', () => {
  const budget = new RetryBudget(0);
  drain(budget, 0);
  expect(budget.take(999)).toBe(false);
  expect(drain(budget, 1000)).toBe(1);
  expect(budget.take(1999)).toBe(false);
  // Seconds without retries are not saved up.
  expect(drain(budget, 60_000)).toBe(1);
});

it('bounds the retries of a provider that fails every call', () => {
  const budget = new RetryBudget(0.2);
  let retries = 0;
  for (let now = 0; now < 60_000; now++) if (budget.take(now)) retries++;
  expect(retries).toBe(159);
});
