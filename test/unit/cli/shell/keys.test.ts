/** `--key`: fields and templates. */

import { describe, expect, it } from 'vitest';
import { parseKey } from '../../../../src/cli/shell/keys.js';

describe('the key of an input', () => {
  it('is a field, a path, a template or the input', () => {
    const input = { id: 7, owner: { id: 'ann' }, 'a.b': 'dotted' };

    expect(parseKey('id')(input)).toBe('7');
    expect(parseKey('owner.id')(input)).toBe('ann');
    expect(parseKey('a.b')(input)).toBe('dotted');
    expect(parseKey('{owner.id}/{id}!')(input)).toBe('ann/7!');
    expect(parseKey('x-{}')('input')).toBe('x-input');
  });

  it('is refused when it is missing, empty or no text', () => {
    expect(() => parseKey('id')({ name: 1 })).toThrow('the input has no field "id" for --key; it has: name');
    expect(() => parseKey('id')({ id: '' })).toThrow('is empty');
    expect(() => parseKey('id')({ id: {} })).toThrow('is neither a string nor a number');
    expect(() => parseKey('constructor')({})).toThrow('has no field');
    expect(() => parseKey('{}')({})).toThrow('{} needs an input that is a string or number');
    expect(() => parseKey('id}')).toThrow('a bracket is not closed');
  });
});
