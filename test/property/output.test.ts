/** Output: whatever the order of arrival, each outcome is given out once; in input order if so asked. */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { OutcomeBlock } from '../../src/main/run/outcome-block.js';
import { Output } from '../../src/main/run/output.js';
import type { Outcome } from '../../src/protocol/outcome.js';

function blockOf(first: number, length: number): OutcomeBlock {
  return {
    first,
    length,
    status: 'succeeded',
    isResumed: false,
    at: (i) => ({ index: first + i }) as Outcome,
    valueAt: (i) => first + i,
  };
}

const blocks = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 20 });

it('gives each outcome out once, in the order asked for', async () => {
  const scenario = fc.record({
    sizes: blocks,
    seed: fc.array(fc.nat(), { minLength: 20, maxLength: 20 }),
    order: fc.constantFrom('input' as const, 'completion' as const),
    takeEarly: fc.nat(30),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ sizes, seed, order, takeEarly }) => {
      let next = 0;
      const arriving = sizes.map((size, i) => {
        const ordinal = next;
        next += size;
        return { rank: seed[i] as number, block: blockOf(ordinal, size) };
      });
      arriving.sort((a, b) => a.rank - b.rank);
      const output = new Output(
        order,
        () => {},
        () => expect.unreachable(),
      );
      const early = Array.from({ length: takeEarly }, () => output.take());

      for (const { block } of arriving) output.push(block);
      output.end(undefined);
      const taken = await Promise.all([
        ...early,
        ...Array.from({ length: Math.max(0, next - takeEarly) + 1 }, () => output.take()),
      ]);

      const indexes = taken.flatMap((result) => (result.done === true ? [] : [result.value.index]));
      const expected = arriving.flatMap(({ block }) =>
        Array.from({ length: block.length }, (_, k) => block.first + k),
      );
      if (order === 'input') expected.sort((a, b) => a - b);
      expect(indexes).toEqual(expected);
      expect(output.delivered).toBe(next);
      expect(taken.at(-1)?.done).toBe(true);
    }),
  );
});
