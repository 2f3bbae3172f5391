/** Failed inputs, written and read back. */

import { describe, expect, it } from 'vitest';
import { unwrapFailedInput, wrapFailedInput } from '../../../../src/cli/results/failed-input.js';

describe('a failed input', () => {
  it('is itself again after writing and reading, also the second time', () => {
    const error = Object.assign(new Error('boom'), { code: 'E' });
    for (const input of [
      { a: 1 },
      { error: 'own', a: 1 },
      { error: { heddle: 'else' } },
      {},
      'x',
      1,
      null,
      [1],
    ]) {
      const once = unwrapFailedInput(JSON.parse(wrapFailedInput(input, error, 1)));
      expect(once).toEqual(input);
      expect(unwrapFailedInput(JSON.parse(wrapFailedInput(once, error, 2)))).toEqual(input);
    }
    expect(JSON.parse(wrapFailedInput({ a: 1 }, error, 2))).toEqual({
      a: 1,
      error: { name: 'Error', message: 'boom', code: 'E', attempts: 2, heddle: 'failed-out' },
    });
    expect(wrapFailedInput(JSON.parse('{"__proto__":1}'), error, 1)).toContain('"__proto__":1');
  });
});
