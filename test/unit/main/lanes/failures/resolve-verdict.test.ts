/** What a caller's `classify` may answer, and what becomes of it. */

import { describe, expect, it } from 'vitest';
import { resolveVerdict } from '../../../../../src/main/lanes/failures/classify.js';
import type { Verdict } from '../../../../../src/main/lanes/lane-options.js';
import { OptionError } from '../../../../../src/protocol/errors.js';

describe('resolveVerdict', () => {
  const usual: Verdict = {
    kind: 'transient',
    delayMs: 500,
    scope: 'account',
    isOverload: true,
    mayHaveHappened: true,
  };

  it('keeps what the answer leaves out', () => {
    expect(resolveVerdict(usual, usual)).toEqual(usual);
    expect(resolveVerdict('transient', usual)).toEqual(usual);
    expect(resolveVerdict({ kind: 'transient', delayMs: 0, isOverload: false }, usual)).toEqual({
      ...usual,
      delayMs: 0,
      isOverload: false,
    });
  });

  it('another kind has a scope of its own, and nothing permanent a delay', () => {
    expect(resolveVerdict('throttle', usual)).toEqual({ ...usual, kind: 'throttle', scope: undefined });
    expect(resolveVerdict('permanent', usual)).toEqual({
      kind: 'permanent',
      isOverload: true,
      mayHaveHappened: true,
    });
    expect(resolveVerdict({ kind: 'lock', scope: 'lane' }, usual).scope).toBe('lane');
  });

  it.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /a verdict or its kind, got undefined/],
    ['null', null, /got null/],
    ['a boolean', true, /got true/],
    [
      'a kind that is none',
      'retry',
      /the kind "throttle" or "lock" or "transient" or "permanent", got "retry"/,
    ],
    ['no kind', {}, /the kind .* got undefined/],
    ['a promise', Promise.resolve('lock'), /not a promise/],
    ['a negative delay', { kind: 'lock', delayMs: -1 }, /`delayMs` of 0 or more milliseconds, got -1/],
    ['an endless delay', { kind: 'lock', delayMs: Number.POSITIVE_INFINITY }, /got Infinity/],
    ['a delay as text', { kind: 'lock', delayMs: '5' }, /got "5"/],
    ['a scope that is none', { kind: 'lock', scope: 'run' }, /the `scope` "task" or "account" or "lane"/],
    ['a flag that is none', { kind: 'lock', isOverload: 1 }, /true or false for `isOverload`, got 1/],
    ['a misspelt field', { kind: 'lock', delayMS: 5 }, /unknown `delayMS`; did you mean `delayMs`\?/],
    ['another field', { kind: 'lock', colour: 5 }, /unknown `colour`; a verdict has kind, delayMs/],
  ])('refuses %s', (_, answer, message) => {
    const resolve = () => resolveVerdict(answer as Verdict, usual);

    expect(resolve).toThrow(OptionError);
    expect(resolve).toThrow(message);
    try {
      resolve();
    } catch (error) {
      expect((error as OptionError).option).toBe('lane.classify');
    }
  });
});
