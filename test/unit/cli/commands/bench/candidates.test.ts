/** Which inputs of a batch `heddle bench` chooses its sample from. */

import { describe, expect, it } from 'vitest';
import { collectCandidates } from '../../../../../src/cli/commands/bench/candidates.js';
import { fixedSource, type InputSource, type Row } from '../../../../../src/cli/inputs/input-source.js';
import { pick } from '../../../../../src/compare/sample.js';

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
