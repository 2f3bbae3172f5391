/** What `heddle bench` recommends, and how it says so. */

import { describe, expect, it } from 'vitest';
import type { Figures } from '../../../src/compare/figures.js';
import { type Recommendation, recommend } from '../../../src/compare/recommendation.js';
import { figures, type Made } from './made-figures.js';

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
