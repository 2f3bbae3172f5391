/** Hashes of outcomes, by which `heddle bench` compares variants. */

import { describe, expect, it } from 'vitest';
import { firstDifference, OutcomeHashes } from '../../../src/compare/outcome-hashes.js';

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
