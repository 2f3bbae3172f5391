/** Text from outside, made safe and short. */

import { describe, expect, it } from 'vitest';
import { brief, clean, showInput } from '../../../src/text/shown-text.js';

describe('text from outside', () => {
  it('cannot steer the terminal', () => {
    expect(clean('a\u001b[31mb\u0007\r\nc\u202e\td\u009b')).toBe('a\\x1b[31mb\\x07\\x0d\nc\\u202e\td\\x9b');
    expect(brief(`two\nlines ${'x'.repeat(100)}`, 20)).toBe(`two lines ${'x'.repeat(9)}…`);
  });

  it('shows any input in a few characters', () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;

    expect([{ a: 1 }, undefined, 1n, cycle, 'x'.repeat(70)].map((input) => showInput(input, 10))).toEqual([
      '{"a":1}',
      'undefined',
      '1',
      '[object O…',
      'xxxxxxxxx…',
    ]);
  });
});
