/** Whatever a provider sends: nothing throws, and no number is negative or infinite. */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { announcedWaitMs, readLimitHeaders } from '../../src/main/lanes/failures/announced-limits.js';
import { limitHeadersOf } from '../../src/protocol/limit-headers.js';

const units = ['requests', 'tokens', 'input-tokens', 'output-tokens'];
const whats = ['limit', 'remaining', 'reset', 'reset-after'];
const names = [
  'date',
  'retry-after',
  'retry-after-ms',
  'x-ms-retry-after-ms',
  'x-amz-retry-after',
  'x-should-retry',
  'x-ms-dop-hint',
  'ratelimit',
  'ratelimit-policy',
  'x-ratelimit-resource',
  ...whats.flatMap((what) => ['ratelimit', 'x-ratelimit', 'x-rate-limit'].map((form) => `${form}-${what}`)),
  ...units.flatMap((unit) =>
    whats.flatMap((what) => [`x-ratelimit-${what}-${unit}`, `anthropic-ratelimit-${unit}-${what}`]),
  ),
];
const pieces = fc.constantFrom(
  ...[
    '"a"',
    '"',
    ';r=',
    ';t=',
    ';q=',
    ';w=',
    'limit=',
    'remaining=',
    'reset=',
    ',',
    ', ',
    ';',
    '=',
    ':',
    '?1',
  ],
  ...[
    '0',
    '1',
    '-1',
    '-0',
    '1.5',
    '999999999999999',
    '9'.repeat(400),
    '1e999',
    'Infinity',
    'NaN',
    '1751371200',
  ],
  ...[
    's',
    'ms',
    'm',
    'h',
    'd',
    'GMT',
    'Wed, 01 Jul 2026 12:00:30 GMT',
    'Jul',
    '9999-12-31T23:59:59Z',
    '+99:99',
  ],
);
const value = fc.oneof(
  fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join('')),
  fc.string({ maxLength: 40 }),
  fc.double().map(String),
  fc.bigInt().map(String),
  fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
);
const headers = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 12 });
const clock = fc.double({ min: 0, max: 8e15, noNaN: true });

function numbersIn(data: unknown): number[] {
  if (typeof data === 'number') return [data];
  return typeof data === 'object' && data !== null ? Object.values(data).flatMap(numbersIn) : [];
}

it('reads any headers into numbers that can be waited for', () => {
  let withWindows = 0;
  fc.assert(
    fc.property(headers, clock, (given, epochMs) => {
      const announced = readLimitHeaders(given, epochMs);
      const numbers = [...numbersIn(announced), announcedWaitMs(announced) ?? 0];

      expect(numbers.filter((each) => !(Number.isFinite(each) && each >= 0))).toEqual([]);
      expect(structuredClone(announced)).toEqual(announced);
      withWindows += announced.windows.length;
    }),
    { numRuns: 5000 },
  );
  // The generator reaches what it is for.
  expect(withWindows).toBeGreaterThan(100);
});

it('reads headers that are not what their type says', () => {
  fc.assert(
    fc.property(fc.anything(), clock, (given, epochMs) => {
      expect(readLimitHeaders(given as Record<string, string>, epochMs)).toBeTypeOf('object');
    }),
    { numRuns: 1000 },
  );
});

it('takes the limits out of anything', () => {
  const odd = fc.oneof(
    fc.anything({ withMap: true, withSet: true, withNullPrototype: true, withTypedArray: true }),
    fc.dictionary(fc.constantFrom(...names, 'RETRY-AFTER', '__proto__', 'cookie'), fc.anything()),
    fc.array(fc.tuple(fc.constantFrom<unknown>(...names, 5, null), fc.anything())),
  );
  fc.assert(
    fc.property(odd, (given) => {
      const found = limitHeadersOf(given);

      expect(Object.values(found).every((text) => typeof text === 'string')).toBe(true);
      expect(Object.keys(found).every((name) => names.includes(name))).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
