/** Keys of inputs: equal for equal inputs, different for different ones. */

import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { taskKey } from '../../src/protocol/task-key.js';

const data = fc.anything({
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
  withUnicodeString: true,
} as never);

/** Equal without regard to the prototype of plain objects, which structured clone does not keep. */
const areEqual = (a: unknown, b: unknown): boolean =>
  isDeepStrictEqual(structuredClone(a), structuredClone(b)) && hasOneOrder(a, b);
/** isDeepStrictEqual ignores the order of Map and Set. */
const hasOneOrder = (a: unknown, b: unknown): boolean => ordered(a) === ordered(b);
const ordered = (value: unknown): string =>
  value instanceof Map || value instanceof Set
    ? `(${[...value].map(ordered)})`
    : Array.isArray(value)
      ? `[${value.map(ordered)}]`
      : typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)
        ? `{${Object.keys(value)
            .sort()
            .map((name) => ordered((value as Record<string, unknown>)[name]))}}`
        : typeof value === 'object' || Object.is(value, -0)
          ? '.'
          : String(value);

it('a value and its structured clone have one key', () => {
  fc.assert(
    fc.property(data, (value) => {
      expect(taskKey(structuredClone(value))).toBe(taskKey(value));
    }),
    { numRuns: 1000 },
  );
});

it('JSON data has the key of what is parsed from its text', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false } as never), (value) => {
      expect(taskKey(JSON.parse(JSON.stringify(value)))).toBe(taskKey(value));
    }),
  );
});

it('different values have different keys', () => {
  const similar = data.chain((value) =>
    fc.tuple(
      fc.constant(value),
      fc.oneof(
        data,
        fc.constantFrom<unknown>(
          [value],
          { a: value },
          new Set([value]),
          new Map([[value, 0]]),
          Object(value),
        ),
      ),
    ),
  );
  fc.assert(
    fc.property(similar, ([a, b]) => {
      expect(taskKey(a) === taskKey(b)).toBe(areEqual(a, b));
    }),
    { numRuns: 2000 },
  );
});
