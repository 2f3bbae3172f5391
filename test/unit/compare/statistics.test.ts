/** The figures of `heddle bench`: statistics of rounds, hashes of outcomes. */

import { describe, expect, it } from 'vitest';
import { percent, time, times } from '../../../src/compare/figures.js';
import { firstDifference, OutcomeHashes } from '../../../src/compare/outcome-hashes.js';
import { median, percentile, timingOf } from '../../../src/compare/statistics.js';

describe('the statistics of rounds', () => {
  it('are those of tinybench', () => {
    const timing = timingOf([10, 12, 11, 30, 9]);

    expect(timing).toMatchObject({ medianMs: 11, meanMs: 14.4, minMs: 9, maxMs: 30 });
    expect(timing.samplesMs).toEqual([10, 12, 11, 30, 9]);
    expect(timing.rme).toBeCloseTo(0.758, 2);
  });

  it('have a spread that one disturbed round does not move', () => {
    expect(timingOf([100, 102, 98, 101, 99]).spread).toBeCloseTo(0.0148, 4);
    expect(timingOf([100, 102, 98, 101, 900]).spread).toBeCloseTo(0.0147, 4);
  });

  it('never claim to be exact', () => {
    expect(timingOf([5, 5, 5]).spread).toBe(0.01);
    expect(timingOf([5])).toMatchObject({ medianMs: 5, rme: 0, spread: 0.01 });
  });

  it('have medians and percentiles', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, Number.NaN]);
    const hundred = Float64Array.from({ length: 100 }, (_, i) => 100 - i);
    expect([percentile(hundred, 0.95), percentile(hundred, 1), percentile(new Float64Array(), 0.5)]).toEqual([
      95,
      100,
      Number.NaN,
    ]);
  });
});

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

describe('outcomes', () => {
  const hashesOf = (...outcomes: readonly ({ value: unknown } | { error: unknown })[]) => {
    const hashes = new OutcomeHashes(outcomes.length, undefined);
    outcomes.forEach((outcome, i) => {
      if ('value' in outcome) hashes.succeeded(i, outcome.value);
      else hashes.failed(i, outcome.error);
    });
    return hashes.result().hashes as Uint8Array;
  };

  it('are equal to their copies from another thread', () => {
    const value = {
      text: 'zażółć',
      number: 1.5,
      whole: 3,
      list: Object.assign([1], { length: 3 }),
      map: new Map([['a', new Set([1n])]]),
      bytes: Buffer.from('abc'),
      date: new Date(0),
      nothing: undefined,
    };
    const a = hashesOf({ value }, { value: undefined });
    const b = hashesOf({ value: structuredClone(value) }, { value: undefined });

    expect(firstDifference(a, b)).toBe(-1);
  });

  it('differ by value, by status, and by name, code and message of the error', () => {
    const base = hashesOf({ value: 1 }, { value: 2 }, { error: new Error('x') });
    const boom = Object.assign(new Error('x'), { code: 'E' });

    expect(firstDifference(base, hashesOf({ value: 1 }, { value: 3 }, { error: new Error('x') }))).toBe(1);
    expect(firstDifference(base, hashesOf({ value: 1 }, { value: 2 }, { error: new TypeError('x') }))).toBe(
      2,
    );
    expect(firstDifference(base, hashesOf({ value: 1 }, { value: 2 }, { error: new Error('y') }))).toBe(2);
    expect(firstDifference(base, hashesOf({ value: 1 }, { value: 2 }, { error: boom }))).toBe(2);
    expect(firstDifference(base, hashesOf({ value: '1' }, { value: 2 }, { error: new Error('x') }))).toBe(0);
  });

  it('that are errors of heddle are known by their code, for the words say where they ran', () => {
    const ours = (message: string) => ({
      error: Object.assign(new Error(message), { code: 'HEDDLE_TIMEOUT' }),
    });

    expect(firstDifference(hashesOf(ours('on a thread')), hashesOf(ours('inline')))).toBe(-1);
  });

  it('are shown in words, and failures are counted', () => {
    const hashes = new OutcomeHashes(2, 0);
    hashes.succeeded(0, { text: 'x'.repeat(500) });
    hashes.failed(1, 'thrown');

    const { failed, shown, firstError } = hashes.result();
    expect(failed).toBe(1);
    expect(shown).toMatch(/^value \{ text: 'xxx.{60,90}…$/);
    expect(firstError).toContain('which is not an Error');
  });

  it('that cannot be walked count as equal', () => {
    const refuses = () => ({
      value: {
        get x() {
          throw new Error('no');
        },
      },
    });

    expect(firstDifference(hashesOf(refuses()), hashesOf(refuses()))).toBe(-1);
  });
});
