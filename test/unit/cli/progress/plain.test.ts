/** Progress as lines. */

import { describe, expect, it } from 'vitest';
import { PlainDisplay } from '../../../../src/cli/progress/plain.js';
import { PROGRESS } from './progress-sample.js';

describe('plain progress', () => {
  it('is a line for each tenth or 30 s, at most one a second', () => {
    const lines: string[] = [];
    let now = 0;
    const display = new PlainDisplay(
      'x.js',
      (text) => lines.push(text),
      () => now,
    );
    display.starting();
    display.running({ total: 1000, threads: 2, concurrency: undefined, isInline: false, from: '' });
    for (let done = 0; done <= 1000; done++) {
      now += done < 500 ? 10 : 1000;
      display.update({
        ...PROGRESS,
        total: 1000,
        succeeded: done,
        failed: 0,
        waiting: 0,
        remainingMs: undefined,
      });
    }

    expect(lines.slice(0, 4)).toEqual([
      'x.js: 1 000 tasks, 2 threads',
      'x.js: 10 %, 100 of 1 000, 412/s',
      'x.js: 20 %, 200 of 1 000, 412/s',
      'x.js: 30 %, 300 of 1 000, 412/s',
    ]);
    expect(lines.slice(5, 8)).toEqual([
      'x.js: 50 %, 500 of 1 000, 412/s',
      'x.js: 53 %, 530 of 1 000, 412/s',
      'x.js: 56 %, 560 of 1 000, 412/s',
    ]);
    expect(lines.some((line) => line.includes('100 %'))).toBe(false);
  });
});
