/** Suggestions for misspelt names. */

import { expect, it } from 'vitest';
import { nearest } from '../../../src/text/nearest.js';

it.each([
  ['concurency', 'concurrency'],
  ['THREADS', 'threads'],
  ['thraeds', 'threads'],
  ['retrys', 'retries'],
  ['x', undefined],
  ['entirely different', undefined],
])('%s means %s', (name, meant) => {
  expect(nearest(name, ['concurrency', 'threads', 'retries'])).toBe(meant);
});

it('suggests nothing where nothing is known', () => {
  expect(nearest('a', [])).toBeUndefined();
});
