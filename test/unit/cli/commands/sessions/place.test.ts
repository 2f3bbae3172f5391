/** Names and folders of sessions. */

import { describe, expect, it } from 'vitest';
import { placeOf, quote } from '../../../../../src/cli/commands/sessions/place.js';

describe('a session on the command line', () => {
  it('is a name, or a folder when it has a slash or starts with a dot', () => {
    const paths = ['nightly', '2026-11-21-0634-x', './here', '../there', 'a/b', '/abs', '.'].map(
      (text) => placeOf(text, '/w').path,
    );

    expect(paths).toEqual([
      '/w/.heddle/sessions/nightly',
      '/w/.heddle/sessions/2026-11-21-0634-x',
      '/w/here',
      '/there',
      '/w/a/b',
      '/abs',
      '/w',
    ]);
  });

  it.each(['a/../../b', 'nightly/..', '-x', 'a b', 'a\\b', 'ü', 'x\0', '$(x)', '', 'x'.repeat(101)])(
    'that is neither is refused: %j',
    (text) => {
      expect(() => placeOf(text, '/w')).toThrow('is not the name of a session');
    },
  );

  it('is written so that a shell takes it as one word', () => {
    expect(['a-1', './b c', "it's"].map(quote)).toEqual(['a-1', "'./b c'", "'it'\\''s'"]);
  });
});
