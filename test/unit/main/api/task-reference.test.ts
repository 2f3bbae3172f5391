/** What names a task module. */

import { expect, it } from 'vitest';
import { isTaskReference, task } from '../../../../src/main/api/task-reference.js';

it.each([
  ['a URL', new URL('file:///a/b.js'), 'file:///a/b.js'],
  ['a file URL as text', 'file:///a/b.js', 'file:///a/b.js'],
  ['an absolute path', '/a/b c.js', 'file:///a/b%20c.js'],
])('%s is the URL of the module', (_, url, module) => {
  expect(task(url)).toEqual({ kind: 'heddle.task', module, inline: false });
});

it.each([
  ['a relative path', './b.js'],
  ['another protocol', new URL('https://example.com/b.js')],
  ['a URL that cannot be read', 'file://%'],
  ['nothing', undefined],
  ['a function', () => {}],
])('%s is refused, with what to write', (_, url) => {
  expect(() => task(url as never)).toThrowError(
    expect.objectContaining({ code: 'HEDDLE_INVALID_OPTION', message: expect.stringContaining('new URL(') }),
  );
});

it('the option inline is taken; others are refused', () => {
  expect(task('/a/b.js', { inline: true }).inline).toBe(true);
  expect(() => task('/a/b.js', { inlin: true } as never)).toThrowError(
    expect.objectContaining({ code: 'HEDDLE_INVALID_OPTION' }),
  );
});

it('a reference is known by its kind, also of another copy of heddle', () => {
  expect([task('/a/b.js'), { kind: 'heddle.task' }, {}, null, () => {}].map(isTaskReference)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});
