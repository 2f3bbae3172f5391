/** What `heddle bench` recommends and how it says so, on made-up measurements. */

import picocolors from 'picocolors';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import {
  type BenchReport,
  jsonReport,
  markdownReport,
  textReport,
} from '../../../src/cli/commands/bench/bench-report.js';
import type { Figures, Measured } from '../../../src/compare/figures.js';
import { type Recommendation, recommend } from '../../../src/compare/recommendation.js';
import { chooseVariants, type Variant } from '../../../src/compare/variants.js';

const CORES = 4;
const VARIANTS = new Map(
  chooseVariants({
    cores: CORES,
    sampleCount: 1e6,
    taskMs: 1,
    taskBytes: 100,
    waits: false,
    threads: undefined,
    chunks: [1, 16, 256],
    concurrencies: [64],
  }).map((variant) => [variant.name, variant]),
);

type Made = Partial<Omit<Measured, 'variant'>> & { readonly ms: number; readonly spread?: number };

function measured(name: string, { ms, spread = 0.02, ...rest }: Made): Measured {
  const variant = VARIANTS.get(name) as Variant;
  return {
    variant,
    timing: { medianMs: ms, meanMs: ms, rme: 0.02, spread, minMs: ms, maxMs: ms, samplesMs: [ms] },
    startMs: variant.kind === 'threads' ? 50 : 5,
    cpuMs: 1000,
    taskP95Ms: 2,
    peakBytes: 50e6,
    ...rest,
  };
}

/** Figures of 1000 of 100 000 tasks, each of which takes a millisecond on the main thread. */
function figures(times: Readonly<Record<string, number | Made>>, more: Partial<Figures> = {}): Figures {
  return {
    cores: CORES,
    sample: { count: 1000, total: 100_000, how: 'evenly spread' },
    rounds: 5,
    failed: 0,
    cpuShare: 1,
    payload: { bytes: 100, moveMs: 0.001 },
    measured: Object.entries(times).map(([name, made]) =>
      measured(name, typeof made === 'number' ? { ms: made } : made),
    ),
    leftOut: [],
    warnings: [],
    ...more,
  };
}

const recommended = (...args: Parameters<typeof figures>) => recommend(figures(...args)) as Recommendation;
const LINEAR = { 'plain loop': 1000, inline: 1000, '1 thread': 1000, '2 threads': 505 };

describe('the recommendation', () => {
  it('is heddle run as it is, where threads help', () => {
    expect(recommended({ ...LINEAR, '4 threads': 270 })).toEqual({
      kind: 'threads',
      name: '4 threads',
      flags: [],
      speedup: 1000 / 270,
      reason: undefined,
      text: '4 threads are 3.70x as fast as a plain loop (93 % efficiency)',
      notes: [],
    });
  });

  it('is the simplest of what is equally fast', () => {
    expect(recommended({ ...LINEAR, '4 threads': 270, '4 threads, chunk 16': 250 }).flags).toEqual([]);
    expect(
      recommended({
        ...LINEAR,
        '4 threads': { ms: 270, spread: 0.2 },
        '4 threads, chunk 16': { ms: 200, spread: 0.2 },
      }).flags,
    ).toEqual([]);
    expect(recommended({ ...LINEAR, '4 threads': 270, '4 threads, chunk 16': 200 }).flags).toEqual([
      '--chunk',
      '16',
    ]);
  });

  it('has fewer threads where more are slower', () => {
    expect(recommended({ ...LINEAR, '4 threads': 700 })).toMatchObject({
      flags: ['-t', '2'],
      text: '2 threads are 1.98x as fast as a plain loop (99 % efficiency)',
    });
  });

  it('has more tasks at once where tasks wait', () => {
    expect(
      recommended(
        {
          'plain loop': 1000,
          inline: 1000,
          '4 threads': 250,
          '4 threads, -c 64': 32,
          'inline, -c 64': 31,
        },
        { cpuShare: 0.03 },
      ),
    ).toMatchObject({
      kind: 'concurrency',
      reason: 'waits',
      flags: ['-c', '64'],
      text: 'the tasks wait (they compute 3 % of their time), so more of them at once help, more threads do not: 4 threads with -c 64 are 31x as fast as one at a time',
    });
  });

  it('is the main thread where tasks are too small', () => {
    const tiny = { 'plain loop': 0.4, inline: 0.5, '1 thread': 1.4, '4 threads': 1.2 };

    expect(recommended(tiny)).toMatchObject({
      kind: 'inline',
      reason: 'small',
      flags: ['--inline'],
      text: 'run it on the main thread: a task takes 0.40 µs, less than passing it to a thread (1.20 µs)',
      notes: [
        'a plain loop without heddle is faster still: 0.40 µs a task, with heddle on the main thread 0.50 µs',
      ],
    });
  });

  it('is the main thread where copying eats it up', () => {
    expect(
      recommended(
        { 'plain loop': 100, inline: 100, '4 threads': 1500 },
        { payload: { bytes: 2.1e6, moveMs: 1.4 } },
      ),
    ).toMatchObject({
      kind: 'inline',
      reason: 'payload',
      text: 'run it on the main thread: inputs and values are large: 93 % of the time goes into copying them (2.1 MB a task); pass paths, and read and write files in the task',
    });
  });

  it('is the main thread where a batch is over before threads are there', () => {
    expect(
      recommended(
        { 'plain loop': 30, inline: 30, '4 threads': 8 },
        { sample: { count: 1000, total: 1000, how: 'all' } },
      ),
    ).toMatchObject({
      kind: 'inline',
      reason: 'start',
      text: 'run it on the main thread: starting 4 threads takes 50.0 ms, the whole batch 35.0 ms',
    });
  });

  it('is so too where rounds alone would leave it open', () => {
    expect(
      recommended(
        { 'plain loop': 6, inline: { ms: 6.1, spread: 0.3 }, '4 threads': { ms: 5.9, spread: 0.3 } },
        { sample: { count: 40, total: 40, how: 'all' } },
      ),
    ).toMatchObject({ kind: 'inline', reason: 'start', notes: [] });
  });

  it('does not count starting where nobody knows how long the batch is', () => {
    expect(
      recommended(
        { 'plain loop': 30, inline: 30, '4 threads': 8 },
        { sample: { count: 1000, total: undefined, how: 'head' } },
      ),
    ).toMatchObject({ kind: 'threads', flags: [] });
  });

  it('takes the least of all starts with the same threads: one may have been disturbed', () => {
    const sample = { count: 1000, total: 1000, how: 'all' } as const;
    const times = { 'plain loop': 1000, inline: 1000 };

    expect(
      recommended(
        { ...times, '4 threads': { ms: 260, startMs: 400 }, '4 threads, chunk 16': { ms: 255, startMs: 50 } },
        { sample },
      ).flags,
    ).toEqual([]);
  });

  it('says that threads bring nothing where they are as fast as the loop', () => {
    expect(
      recommended({ 'plain loop': 1000, inline: 1000, '4 threads': { ms: 980, cpuMs: 3800 } }),
    ).toMatchObject({
      kind: 'threads',
      reason: 'contention',
      text: expect.stringMatching(
        /^threads are no faster than a plain loop: the threads slow each other down: together they compute 3\.8 times as long/,
      ),
    });
  });

  it('says that a plain loop is faster than any way of heddle', () => {
    expect(
      recommended({ 'plain loop': 0.1, inline: 1.5, '4 threads': { ms: 1.4, startMs: 5 } }),
    ).toMatchObject({
      reason: 'small',
      flags: [],
      text: expect.stringMatching(
        /^a plain loop is 9\.67x as fast as threads: a task takes 0\.10 µs, less than passing it to a thread \(1\.40 µs\); with heddle, no flag/,
      ),
    });
  });

  it.each<[string, Partial<Made>, Partial<Figures>, string]>([
    ['waits', {}, { cpuShare: 0.4 }, 'the tasks wait: they compute 40 % of their time'],
    ['contention', { cpuMs: 1600 }, {}, 'compute 1.6 times as long as the loop'],
    ['busy', { cpuMs: 1000 }, {}, 'the threads had 2.0 of 4 processors'],
    [
      'few',
      {},
      { sample: { count: 5, total: 5, how: 'all' } },
      '5 tasks on 4 threads: some have nothing to do',
    ],
    ['one-core', {}, { cores: 1 }, 'one processor only'],
    ['payload', {}, { payload: { bytes: 1e6, moveMs: 0.5 } }, '33 % of the time goes into copying'],
    ['unknown', { cpuMs: 1240, ms: 401 }, {}, 'the figures do not show why'],
  ])('explains a poor efficiency: %s', (name, made, more, words) => {
    const said = recommended({ 'plain loop': 1000, inline: 1000, '4 threads': { ms: 500, ...made } }, more);

    expect(said.reason).toBe(name);
    expect(said.notes[0]).toContain(words);
  });

  it('is none without a loop or without heddle', () => {
    expect(recommend(figures({ inline: 1, '4 threads': 1 }))).toBeUndefined();
    expect(recommend(figures({ 'plain loop': 1 }))).toBeUndefined();
  });
});

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
