import { expect, it } from 'vitest';
import { FailureGroups } from '../../../../src/main/figures/failure-groups.js';

it('join messages that differ in numbers and quoted parts', () => {
  const groups = new FailureGroups();
  for (let i = 0; i < 10; i++) groups.add(i, new Error(`cannot read "/tmp/file-${i}" after ${i} ms`));
  groups.add(10, new TypeError('other'));

  expect(groups.list()).toMatchObject([
    { count: 10, message: 'cannot read "/tmp/file-0" after 0 ms', indexes: [0, 1, 2, 3, 4] },
    { count: 1, name: 'TypeError' },
  ]);
});

it('are bounded', () => {
  const groups = new FailureGroups();
  for (let i = 0; i < 5000; i++)
    groups.add(i, new Error(i.toString(36).replace(/\d/g, 'x') + 'y'.repeat(i % 300)));

  expect(groups.list().length).toBeLessThanOrEqual(201);
  expect(groups.count).toBe(5000);
});

it('differ by name, code and message', () => {
  const groups = new FailureGroups();
  const coded = (code: unknown) => Object.assign(new Error('same'), { code });
  for (const error of [
    new Error('same'),
    new TypeError('same'),
    coded('A'),
    coded('B'),
    coded({ not: 'shown' }),
  ])
    groups.add(0, error);

  expect(groups.list().map(({ name, code, count }) => [name, code, count])).toEqual([
    ['Error', undefined, 2],
    ['TypeError', undefined, 1],
    ['Error', 'A', 1],
    ['Error', 'B', 1],
  ]);
});

it('the most frequent comes first; paths are not told apart', () => {
  const groups = new FailureGroups();
  groups.add(0, new Error('rare'));
  groups.add(1, new Error('no such file /tmp/a/b.txt'));
  groups.add(2, new Error('no such file /var/c.txt'));

  expect(groups.list().map(({ message, indexes }) => [message, indexes])).toEqual([
    ['no such file /tmp/a/b.txt', [1, 2]],
    ['rare', [0]],
  ]);
});

it('what comes after the last group is counted together', () => {
  const groups = new FailureGroups();
  const letters = (i: number) => String.fromCharCode(97 + (i % 26), 97 + Math.floor(i / 26));
  for (let i = 0; i < 210; i++) groups.add(i, new Error(letters(i)));

  expect(groups.list()).toHaveLength(201);
  expect(groups.list()[0]).toMatchObject({ name: 'Other', code: undefined, count: 10 });
});
