/** The report of `heddle bench` as text, Markdown and JSON. */

import picocolors from 'picocolors';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import {
  type BenchReport,
  jsonReport,
  markdownReport,
  textReport,
} from '../../../../../src/cli/commands/bench/bench-report.js';
import type { Figures } from '../../../../../src/compare/figures.js';
import { recommend } from '../../../../../src/compare/recommendation.js';
import { figures } from '../../../compare/made-figures.js';

describe('the report', () => {
  const made = figures(
    {
      'plain loop': 1020,
      inline: 1030,
      '4 threads': { ms: 270, peakBytes: 180e6 },
      '4 threads, -c 64': 260,
    },
    {
      failed: 3,
      leftOut: [
        { name: '4 threads, chunk 1', reason: 'no time' },
        { name: '1 thread', reason: 'no time' },
      ],
      warnings: ['results differ'],
    },
  );
  const report: BenchReport = {
    task: 'x.js',
    machine: { heddle: '1.0.0', node: '20.20.2', platform: 'linux x64', cpu: 'A | B', cores: 4, date: 'D' },
    figures: made,
    recommendation: recommend(made),
    command: 'heddle run x.js',
  };

  it('is a table with facts below and the recommendation last', () => {
    expect(textReport(report, picocolors.createColors(false))).toBe(
      [
        'x.js: 1 000 of 100 000 inputs, evenly spread, 5 rounds',
        '',
        'variant             time    ±  speed-up  eff.  tasks/s  task p95  memory',
        'plain loop        1.02 s  2 %     1.00x     –      980   2.00 ms   50 MB',
        'inline            1.03 s  2 %     0.99x  99 %      971   2.00 ms   50 MB',
        '4 threads         270 ms  2 %     3.78x  94 %    3 704   2.00 ms  180 MB',
        '4 threads, -c 64  260 ms  2 %     3.92x     –    3 846   2.00 ms   50 MB',
        '',
        'time: median of the rounds, ± spread; task p95: of single tasks; memory: peak',
        'starting (not in the time): plain loop 5.00 ms, inline 5.00 ms, 4 threads 50.0 ms',
        'A | B, 4 processors, linux x64, Node.js 20.20.2, heddle 1.0.0, D',
        '3 of 1 000 tasks fail, in every variant',
        'left out (no time): 4 threads, chunk 1; 1 thread',
        'warning: results differ',
        '4 threads are 3.78x as fast as a plain loop (94 % efficiency):',
        '  heddle run x.js',
        '',
      ].join('\n'),
    );
  });

  it('fits into 80 columns with the longest names', () => {
    const wide = figures({ 'plain loop': 12.345, '4 threads, chunk 256': { ms: 4.03, spread: 0.12 } });
    const text = textReport({ ...report, figures: wide }, picocolors.createColors(false));
    const table = text.split('\n').slice(2, 5);

    for (const line of table) expect(stringWidth(line)).toBeLessThanOrEqual(80);
  });

  it('sets the recommended variant off by a colour, on a terminal', () => {
    const lines = textReport(report, picocolors.createColors(true)).split('\n');

    const line = lines.find((each) => each.includes('4 threads  ')) ?? '';

    expect(line).toBe(picocolors.createColors(true).green(line.slice(5, -5)));
    expect(line).not.toBe(lines.find((each) => each.includes('inline')));
  });

  it('is Markdown', () => {
    const text = markdownReport(report);

    expect(text).toContain(
      '| variant | time | ± | speed-up | eff. | tasks/s | task p95 | memory |\n| --- | ---: |',
    );
    expect(text).toContain('| 4 threads | 270 ms | 2 % | 3.78x | 94 % | 3 704 | 2.00 ms | 180 MB |');
    expect(text).toContain('- A \\| B, 4 processors');
    expect(text).toContain('- Warning: results differ');
    expect(text).toMatch(/\n4 threads are 3\.78x .*: `heddle run x\.js`\n$/);
  });

  it('is one JSON object with every sample', () => {
    const text = jsonReport(report);
    const parsed = JSON.parse(text);

    expect(text.indexOf('\n')).toBe(text.length - 1);
    expect(parsed).toMatchObject({
      v: 1,
      task: 'x.js',
      machine: { node: '20.20.2', cores: 4 },
      sample: { count: 1000, total: 100_000, how: 'evenly spread' },
      failed: 3,
      leftOut: [{ name: '4 threads, chunk 1' }, {}],
      recommendation: { name: '4 threads', flags: [], command: 'heddle run x.js' },
    });
    expect(parsed.variants[2]).toMatchObject({
      name: '4 threads',
      flags: [],
      medianMs: 270,
      samplesMs: [270],
      efficiency: 1020 / 270 / 4,
      startMs: 50,
      peakBytes: 180e6,
    });
  });

  it('says whether the sample is all there is, or the head of a stream', () => {
    const first = (sample: Figures['sample']) =>
      textReport({ ...report, figures: { ...made, sample } }, picocolors.createColors(false)).split('\n')[0];

    expect(first({ count: 40, total: 40, how: 'all' })).toBe('x.js: all 40 inputs, 5 rounds');
    expect(first({ count: 40, total: undefined, how: 'head' })).toBe(
      'x.js: 40 inputs, from the head of the stream, 5 rounds',
    );
  });
});
