import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { succeeded } from '../../../src/protocol/outcome.js';

it('an outcome whose input cannot be hashed is named by its place', () => {
  const outcome = succeeded(3, 'value', 1, 0, 1, 0, undefined, () => 1);

  expect(outcome.key).toBe('unkeyed-3');
  expect(JSON.parse(JSON.stringify(outcome))).toMatchObject({ key: 'unkeyed-3', value: 'value' });
  expect(inspect(outcome)).toContain("key: 'unkeyed-3'");
});
