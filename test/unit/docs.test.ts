/** The documentation against the code. */

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/protocol/errors.js';

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');

it('docs/reference/errors.md has one section for each error code, and no other', () => {
  const sections = [...read('docs/reference/errors.md').matchAll(/^## (HEDDLE_\w+)$/gm)].map(([, code]) => code);

  expect(sections).toEqual(Object.keys(ERROR_CODES));
});

it('every test that docs/design/guarantees.md names exists', () => {
  const named = [...read('docs/design/guarantees.md').matchAll(/`(test\/[\w/.-]+)`/g)].map(
    ([, path]) => path as string,
  );

  expect(named.length).toBeGreaterThan(5);
  expect(
    named.filter((path) => !existsSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)))),
  ).toEqual([]);
});
