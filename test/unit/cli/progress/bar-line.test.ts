/** The line of the bar. */

import picocolors from 'picocolors';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { barLine } from '../../../../src/cli/progress/bar-line.js';
import { PROGRESS } from './progress-sample.js';

describe('the bar', () => {
  const style = { label: 'hash.js', labelWidth: 7, colors: picocolors.createColors(false), isUnicode: true };

  it('shows everything where there is space', () => {
    const line = barLine(PROGRESS, 120, style);

    expect(line).toContain('hash.js');
    expect(line).toMatch(/60 % {2}7 563\/12 400 {2}412\/s {2}22 failed {2}1 retrying {2}ETA 11 s {2}18 s$/);
  });

  it('tells submitted jobs from retries', () => {
    expect(barLine({ ...PROGRESS, submitted: 3 }, 120, style)).toContain('1 retrying  3 submitted  ETA');
  });

  it('never takes more than the width, and lets the least important go first', () => {
    for (let width = 10; width < 140; width++) {
      const line = barLine(PROGRESS, width, style);
      expect(stringWidth(line)).toBeLessThanOrEqual(width);
      expect(line).toContain('60 %');
    }
    expect(barLine(PROGRESS, 45, style)).toContain('22 failed');
    expect(barLine(PROGRESS, 45, style)).not.toContain('retrying');
  });

  it('shows counts alone when the total is not known', () => {
    const line = barLine({ ...PROGRESS, total: undefined, remainingMs: undefined }, 80, style);

    expect(line).toBe('hash.js  7 563 done  412/s  22 failed  1 retrying  18 s');
  });

  it('needs no Unicode', () => {
    const line = barLine(PROGRESS, 100, { ...style, isUnicode: false });

    expect(line).toMatch(/^[\u0020-\u007e]+$/);
    expect(line).toContain('###');
  });
});
