/** Which variants `heddle bench` measures, how large its sample is, and how the sample is spread. */

import { describe, expect, it } from 'vitest';
import { collectCandidates } from '../../../src/cli/commands/bench/candidates.js';
import { fixedSource, type InputSource, type Row } from '../../../src/cli/inputs/input-source.js';
import { OutOfTime } from '../../../src/compare/child-process.js';
import { betterSize, type Pilot, pick, runPilot, sampleSize } from '../../../src/compare/sample.js';
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

describe('the size of the sample', () => {
  const pilot: Pilot = { taskMs: 1, cpuShare: 1, payload: { bytes: 10, moveMs: 0.001 } };
  const request = { asked: 'auto' as const, candidates: 1_000_000, pilot, maxMs: 60_000 };

  it('is about a second of work, two where tasks wait, and never more than there is', () => {
    expect(sampleSize(request)).toBe(1000);
    expect(sampleSize({ ...request, pilot: { ...pilot, cpuShare: 0.1 } })).toBe(2000);
    expect(sampleSize({ ...request, candidates: 70 })).toBe(70);
    expect(sampleSize({ ...request, pilot: { ...pilot, taskMs: 0.0001 } })).toBe(100_000);
    expect(sampleSize({ ...request, asked: 7 })).toBe(7);
  });

  it('is a few tasks at least, but not more than fit into the time', () => {
    expect(sampleSize({ ...request, pilot: { ...pilot, taskMs: 100 } })).toBe(16);
    expect(sampleSize({ ...request, pilot: { ...pilot, taskMs: 2000 } })).toBe(2);
    expect(sampleSize({ ...request, maxMs: 6000 })).toBe(100);
  });

  it('is smaller where values are large, however short the tasks', () => {
    expect(
      sampleSize({ ...request, pilot: { ...pilot, taskMs: 0.001, payload: { bytes: 5e6, moveMs: 5 } } }),
    ).toBe(100);
  });

  it('is mended when the pilot was far off, unless the user has asked for it', () => {
    expect(betterSize(request, 100, 100)).toBe(1000);
    expect(betterSize(request, 1000, 5000)).toBe(200);
    expect(betterSize(request, 1000, 900)).toBeUndefined();
    expect(betterSize({ ...request, candidates: 100 }, 100, 100)).toBeUndefined();
    expect(betterSize({ ...request, asked: 100 }, 100, 9000)).toBeUndefined();
  });
});

describe('the pilot', () => {
  it('names the input that does not end in time', async () => {
    const child = {
      give: async () => {},
      ask: async () => {
        throw new OutOfTime('plain loop');
      },
    };
    const candidates = { inputs: ['a', 'b'], step: 1, total: 2, badRows: 0 };

    await expect(runPilot(child, candidates, 0, 1000)).rejects.toThrow(
      'the task with the input a did not end within 1.0 s on the main thread',
    );
  });
});

describe('the sample', () => {
  const limits = {
    most: 10,
    mostBytes: 1e9,
    streamMs: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
  };
  const numbers = (count: number) => Array.from({ length: count }, (_, i) => String(i));

  it('is spread over the whole batch, which is never held', async () => {
    const candidates = await collectCandidates([fixedSource('x', 'x', numbers(1000))], limits);

    expect(candidates).toMatchObject({ step: 64, total: 1000, badRows: 0 });
    expect(candidates.inputs).toHaveLength(16);
    expect(pick(candidates, 4)).toEqual({
      inputs: ['0', '256', '512', '768'],
      indexes: [0, 256, 512, 768],
    });
  });

  it('is everything when that is little', async () => {
    const candidates = await collectCandidates([fixedSource('x', 'x', numbers(7))], limits);

    expect(pick(candidates, 100)).toEqual({ inputs: numbers(7), indexes: [0, 1, 2, 3, 4, 5, 6] });
  });

  it('is smaller when inputs are large', async () => {
    const large = numbers(8).map((text) => text.padEnd(1000));
    const candidates = await collectCandidates([fixedSource('x', 'x', large)], {
      ...limits,
      mostBytes: 4500,
    });

    expect(candidates).toMatchObject({ step: 2, total: 8 });
    expect(candidates.inputs).toHaveLength(4);
  });

  it('is the head of a stream, without the rows that cannot be read', async () => {
    const candidates = await collectCandidates([endless(0)], limits);

    expect(candidates.inputs).toEqual([0, 1, 3, 4, 6, 7, 9, 10, 12, 13]);
    expect(candidates).toMatchObject({ step: 1, total: undefined, badRows: 4 });
  });

  it('is what came in time, when a stream waits', async () => {
    const candidates = await collectCandidates([endless(4)], { ...limits, streamMs: 20 });

    expect(candidates.inputs).toEqual([0, 1, 3]);
    expect(candidates.total).toBeUndefined();
  });
});

/** A stream of numbers in which every third row cannot be used; `pauseAt`: nothing comes after so many rows. */
function endless(pauseAt: number): InputSource {
  return {
    name: 'stdin',
    isRepeatable: false,
    isSync: false,
    isLines: true,
    place: String,
    async *open(): AsyncGenerator<Row, void> {
      for (let i = 0; pauseAt === 0 || i < pauseAt; i++) {
        const problem = { reason: 'not JSON', column: undefined, text: '' };
        yield { line: i + 1, input: i, problem: i % 3 === 2 ? problem : undefined };
      }
      await new Promise(() => {});
    },
  };
}
