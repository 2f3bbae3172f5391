/** In any schedule, no window has more units than declared. */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  Budget,
  type BudgetMark,
  divideBudget,
  type ResolvedBudget,
} from '../../src/main/lanes/limits/budget.js';
import { UnitLog } from '../../src/main/lanes/limits/unit-log.js';

const anyBudget = fc
  .record({
    limit: fc.integer({ min: 8, max: 10_000 }),
    perMs: fc.integer({ min: 100, max: 100_000 }),
    burst: fc.integer({ min: 1, max: 10_000 }),
    settle: fc.constantFrom('refund' as const, 'keep' as const),
  })
  .map(
    (budget): ResolvedBudget => ({
      ...budget,
      burst: Math.min(budget.burst, budget.limit),
      unit: 'tokens',
      estimate: () => 1,
    }),
  );
/** Parts of the limit, and idle times as parts of the window. */
const anyCalls = fc.array(
  fc.record({
    part: fc.double({ min: 0, max: 1, noNaN: true }),
    idle: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 2, noNaN: true })),
  }),
  { maxLength: 100 },
);

function due(budget: Budget, from: number, cost: number): number {
  let now = from;
  for (let tries = 0; ; tries++) {
    const wait = budget.wait(now, cost);
    if (wait === 0) return now;
    // The rules take turns: while one is waited for, another may come up, but not over and over.
    expect(tries).toBeLessThan(20);
    now += wait;
  }
}

/** The most units that any span has. */
function most(marks: readonly BudgetMark[], spanMs: number): number {
  let largest = 0;
  for (const { at } of marks) {
    const inSpan = marks.filter((mark) => mark.at <= at && mark.at > at - spanMs);
    largest = Math.max(
      largest,
      inSpan.reduce((sum, { cost }) => sum + cost, 0),
    );
  }
  return largest;
}
const span = ({ perMs }: ResolvedBudget) => perMs + Math.min(250, Math.max(50, perMs / 50)) - 1e-6;

it('never starts more than the limit in a window and guard, nor more than burst and pace', () => {
  fc.assert(
    fc.property(
      anyBudget,
      anyCalls,
      fc.double({ min: 0, max: 1e9, noNaN: true }),
      (declared, calls, begin) => {
        const budget = new Budget(declared);
        const marks: BudgetMark[] = [];
        let now = begin;
        for (const { part, idle } of calls) {
          const cost = Math.min(declared.burst, part * declared.limit);
          now = due(budget, now + idle * declared.perMs, cost);
          budget.take(now, cost);
          marks.push({ at: now, cost });
        }
        expect(most(marks, span(declared))).toBeLessThanOrEqual(declared.limit * (1 + 1e-9));
        for (const spanMs of [1, declared.perMs / 10])
          expect(most(marks, spanMs)).toBeLessThanOrEqual(
            declared.burst + (spanMs * declared.limit) / declared.perMs + 1e-3,
          );
      },
    ),
    { numRuns: 300 },
  );
});

it('never starts a call while settled calls of the last window used up the limit', () => {
  fc.assert(
    fc.property(anyBudget, anyCalls, fc.double({ min: 0, max: 2, noNaN: true }), (any, calls, wrong) => {
      const declared: ResolvedBudget = { ...any, settle: 'refund', burst: any.limit };
      const budget = new Budget(declared);
      const ends: BudgetMark[] = [];
      let now = 0;
      for (const { part, idle } of calls) {
        const cost = part * declared.limit;
        now = due(budget, now + idle * 0.1 * declared.perMs, cost);
        const before = ends.filter(({ at }) => at > now - span(declared));
        if (cost > 0)
          expect(before.reduce((sum, end) => sum + end.cost, 0)).toBeLessThan(declared.limit * (1 + 1e-9));
        budget.take(now, cost);
        now += idle * 0.01 * declared.perMs;
        budget.correct(cost, cost * wrong, now);
        ends.push({ at: now, cost: cost * wrong });
      }
    }),
    { numRuns: 300 },
  );
});

it('seeds count like calls, and shards keep the limit together', () => {
  fc.assert(
    fc.property(anyBudget, anyCalls, fc.integer({ min: 1, max: 8 }), (declared, calls, count) => {
      const marks: BudgetMark[] = [];
      for (let index = 1; index <= count; index++) {
        const share = divideBudget(declared, index, count);
        let budget = new Budget(share);
        let now = -declared.perMs * index * 0.1;
        const own: BudgetMark[] = [];
        for (const [number, { part, idle }] of calls.entries()) {
          // The process ends, and another takes over.
          if (number === 20) {
            budget = new Budget(share);
            budget.seed(own, now);
          }
          const cost = Math.min(share.burst, part * share.limit);
          now = due(budget, now + idle * share.perMs * 0.1, cost);
          budget.take(now, cost);
          own.push({ at: now, cost });
        }
        marks.push(...own);
      }
      expect(most(marks, span(declared))).toBeLessThanOrEqual(declared.limit * (1 + 1e-9));
    }),
    { numRuns: 150 },
  );
});

it('the log of units is never below the true sum, nor above that of a slightly longer time', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          // Small ones share a bucket.
          gap: fc.oneof(
            fc.double({ min: 0, max: 2, noNaN: true }),
            fc.double({ min: 0, max: 300, noNaN: true }),
          ),
          units: fc.integer({ min: 0, max: 100 }),
        }),
        { maxLength: 800 },
      ),
      (entries) => {
        const log = new UnitLog(1000);
        const marks: BudgetMark[] = [];
        let now = 0;
        for (const { gap, units } of entries) {
          now += gap;
          log.add(now, units);
          marks.push({ at: now, cost: units });
          const sum = (spanMs: number) =>
            marks.reduce((total, { at, cost }) => (at > now - spanMs ? total + cost : total), 0);
          const exact = sum(1000);
          if (exact > 0) expect(log.wait(now, exact - 1)).toBeGreaterThan(0);
          expect(log.wait(now, sum(1000 * (1 + 1 / 256) + 1e-6))).toBe(0);
          expect(log.wait(now, 0)).toBeLessThanOrEqual(1000 + 1e-9);
        }
      },
    ),
    { numRuns: 50 },
  );
});
