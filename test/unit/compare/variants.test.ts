/** Which variants `heddle bench` measures. */

import { describe, expect, it } from 'vitest';
import { byPlace, chooseVariants, type VariantRequest } from '../../../src/compare/variants.js';

const REQUEST: VariantRequest = {
  cores: 2,
  sampleCount: 1000,
  taskMs: 1,
  taskBytes: 100,
  waits: false,
  threads: undefined,
  chunks: undefined,
  concurrencies: undefined,
};

const names = (request: Partial<VariantRequest>) =>
  chooseVariants({ ...REQUEST, ...request }).map(({ name }) => name);

describe('the variants', () => {
  it('begin with the loop, what heddle run does, and heddle on the main thread', () => {
    expect(names({ taskMs: 20 })).toEqual(['plain loop', '2 threads', 'inline', '1 thread']);
  });

  it('have all numbers of threads up to four, then powers of two, then all processors', () => {
    const threads = (cores: number) =>
      chooseVariants({ ...REQUEST, cores, taskMs: 20 })
        .filter(({ kind }) => kind === 'threads')
        .map((variant) => variant.threads)
        .sort((a, b) => a - b);

    expect(threads(1)).toEqual([1]);
    expect(threads(3)).toEqual([1, 2, 3]);
    expect(threads(8)).toEqual([1, 2, 3, 4, 8]);
    expect(threads(12)).toEqual([1, 2, 3, 4, 8, 12]);
    expect(threads(32)).toEqual([1, 2, 3, 4, 8, 16, 32]);
  });

  it('have chunks where tasks are short and there are enough of them', () => {
    const chunks = (request: Partial<VariantRequest>) =>
      names(request).filter((name) => name.includes('chunk'));

    expect(chunks({ taskMs: 0.1, sampleCount: 10_000 })).toEqual([
      '2 threads, chunk 1',
      '2 threads, chunk 16',
      '2 threads, chunk 256',
    ]);
    expect(chunks({ taskMs: 1, sampleCount: 1000 })).toEqual(['2 threads, chunk 1', '2 threads, chunk 16']);
    expect(chunks({ taskMs: 0.1, sampleCount: 40 })).toEqual(['2 threads, chunk 1']);
    expect(chunks({ taskMs: 20, sampleCount: 1000 })).toEqual([]);
    expect(chunks({ taskMs: 0.1, taskBytes: 2e6, sampleCount: 10_000 })).toEqual(['2 threads, chunk 1']);
    // A hundred thousand messages would take longer than everything else together.
    expect(chunks({ taskMs: 0.0001, sampleCount: 100_000 })).toEqual([
      '2 threads, chunk 16',
      '2 threads, chunk 256',
    ]);
  });

  it('have more tasks at once where tasks wait, up to half of the sample', () => {
    expect(names({ waits: true, taskMs: 20, sampleCount: 100 })).toEqual([
      'plain loop',
      '2 threads',
      'inline',
      '2 threads, -c 8',
      'inline, -c 8',
      '2 threads, -c 32',
      'inline, -c 32',
    ]);
    expect(names({ waits: true, sampleCount: 6 })).toContain('2 threads, -c 6');
    expect(names({ waits: true, sampleCount: 2 }).filter((name) => name.includes('-c'))).toEqual([]);
  });

  it('are those that the user lists', () => {
    expect(names({ threads: [1, 4], chunks: ['auto', 64], concurrencies: [10], waits: false })).toEqual([
      'plain loop',
      '4 threads',
      'inline',
      '1 thread',
      '4 threads, -c 10',
      'inline, -c 10',
      '4 threads, chunk 64',
    ]);
  });

  it('know the flags of heddle run that they stand for', () => {
    const flags = Object.fromEntries(
      chooseVariants({ ...REQUEST, chunks: [16], concurrencies: [8] }).map((variant) => [
        variant.name,
        variant.flags?.join(' '),
      ]),
    );

    expect(flags).toEqual({
      'plain loop': undefined,
      inline: '--inline',
      '1 thread': '-t 1',
      '2 threads': '',
      '2 threads, -c 8': '-c 8',
      'inline, -c 8': '--inline -c 8',
      '2 threads, chunk 16': '--chunk 16',
    });
  });

  it('stand in the table by kind, threads, tasks at once and chunk', () => {
    const sorted = chooseVariants({ ...REQUEST, chunks: [256, 16], concurrencies: [32, 8] }).sort(byPlace);

    expect(sorted.map(({ name }) => name)).toEqual([
      'plain loop',
      'inline',
      'inline, -c 8',
      'inline, -c 32',
      '1 thread',
      '2 threads',
      '2 threads, chunk 16',
      '2 threads, chunk 256',
      '2 threads, -c 8',
      '2 threads, -c 32',
    ]);
  });
});
