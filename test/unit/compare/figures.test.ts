/** How people read figures of `heddle bench`. */

import { describe, expect, it } from 'vitest';
import { percent, time, times } from '../../../src/compare/figures.js';

describe('figures', () => {
  it('are read with three digits', () => {
    expect([0.00041, 0.0412, 0.9996, 1.234, 85.06, 999.4, 999.6, 12_345].map(time)).toEqual([
      '0.41 µs',
      '41.2 µs',
      '1.00 ms',
      '1.23 ms',
      '85.1 ms',
      '999 ms',
      '1.00 s',
      '12.3 s',
    ]);
    expect([1.844, 31.2, 0.08, 0.001].map(times)).toEqual(['1.84x', '31x', '0.08x', '<0.01x']);
    expect(percent(0.923)).toBe('92 %');
    expect(time(Number.NaN)).toBe('–');
  });
});
