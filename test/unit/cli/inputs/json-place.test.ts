/** Where a text stops being JSON. */

import { describe, expect, it } from 'vitest';
import { findJsonProblem, lineAndColumn } from '../../../../src/cli/inputs/json-place.js';

describe('a place in JSON', () => {
  it.each([
    ['{"a":1,}', 7, 'expected a name in double quotes, found "}"'],
    ['[1,]', 3, 'expected a value, found "]"'],
    ['[1', 2, 'expected "," or "]", found the end'],
    ['{"a" 1}', 5, 'expected ":", found "1"'],
    ['', 0, 'expected a value, found the end'],
    ['1 2', 2, 'expected the end of the text, found "2"'],
    ['"abc', 4, 'a string that does not end'],
    ['"a\\x"', 2, 'a bad escape in a string'],
    ['"a\nb"', 2, 'a line break or control character in a string'],
    ['[{"a":[1,{"b":tru}]}]', 14, 'expected a value, found "t"'],
    ["{'a':1}", 1, 'expected a name in double quotes, found "\'"'],
  ])('of %j is found', (text, at, reason) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(findJsonProblem(text)).toEqual({ reason, at });
  });

  it('is not found in what is JSON, however deep', () => {
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
    for (const text of ['{}', ' [ ] ', '{"a":[1,-2.5e3,{}],"b":{"c":[]}}', '"\\u00e9"', 'null', deep])
      expect(findJsonProblem(text)).toBeUndefined();
    expect(findJsonProblem(deep.slice(0, -1))).toEqual({
      reason: 'expected "," or "]", found the end',
      at: deep.length - 1,
    });
  });

  it('is a line and a column', () => {
    expect(lineAndColumn('ab\ncd', 0)).toEqual({ line: 1, column: 1 });
    expect(lineAndColumn('ab\ncd', 4)).toEqual({ line: 2, column: 2 });
  });
});
