/** The documentation: held against the code, its links, and the width of its lines. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as api from '../../src/main/index.js';
import { ERROR_CODES } from '../../src/protocol/errors.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');

const PAGES = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'bench/README.md'],
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];
const MAX_COLUMNS = 110;

/** The lines of a page that are no code, each with its number. */
function textLines(page: string): { readonly line: string; readonly number: number }[] {
  let isCode = false;
  return read(page)
    .split('\n')
    .map((line, i) => ({ line, number: i + 1 }))
    .filter(({ line }) => {
      const isFence = line.trimStart().startsWith('```');
      if (isFence) isCode = !isCode;
      return !isFence && !isCode;
    });
}

/** The anchors of a page, as GitHub makes them of its headings. */
function anchorsOf(page: string): Set<string> {
  return new Set(
    textLines(page)
      .filter(({ line }) => line.startsWith('#'))
      .map(({ line }) =>
        line
          .replace(/^#+ /, '')
          .toLowerCase()
          .replace(/[^\p{L}\p{N}\s_-]/gu, '')
          .replaceAll(' ', '-'),
      ),
  );
}

describe.each(PAGES)('%s', (page) => {
  it('has no line of prose that is too long', () => {
    const mayBeLong = /^\s*(\||#|<!--|!?\[[^\]]*\]\([^)]*\)$|https?:\S+$)|^ {4}\S/;
    const long = textLines(page).filter(
      ({ line }) => [...line].length > MAX_COLUMNS && !mayBeLong.test(line),
    );

    expect(long.map(({ line, number }) => `${number}: ${line}`)).toEqual([]);
  });

  it('has no link that leads nowhere', () => {
    const text = textLines(page)
      .map(({ line }) => line)
      .join('\n');
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link as string);
    const broken = links
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => {
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? join(root, page) : resolve(root, dirname(page), path);
        if (!existsSync(target)) return true;
        return anchor !== undefined && !anchorsOf(relative(root, target)).has(anchor);
      });

    expect(broken).toEqual([]);
  });
});

it('docs/README.md leads to every page', () => {
  const index = read('docs/README.md');
  const pages = PAGES.filter((page) => /^docs\/(guide|reference|design)\/[\w-]+\.md$/.test(page));

  expect(pages.length).toBeGreaterThan(8);
  expect(pages.filter((page) => !index.includes(`(${relative('docs', page)})`))).toEqual([]);
});

it('CONTRIBUTING.md names files that exist', () => {
  const named = [...read('CONTRIBUTING.md').matchAll(/`((?:src|test|docs)\/[\w/.-]+)`/g)].map(
    ([, path]) => path as string,
  );

  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

it('docs/reference/errors.md has one section for each error code, and no other', () => {
  const text = read('docs/reference/errors.md');
  const sections = [...text.matchAll(/^## (HEDDLE_\w+)$/gm)].map(([, code]) => code);

  expect(sections).toEqual(Object.keys(ERROR_CODES));
});

it('docs/design/guarantees.md names a test for each guarantee, and only tests that exist', () => {
  const text = read('docs/design/guarantees.md');
  const [promised = ''] = text.split('## What is not guaranteed');
  const guarantees = promised.split(/^(?=\d+\. )/m).slice(1);
  const named = [...text.matchAll(/`([\w/.-]+\.test\.ts)`/g)].map(([, name]) => name as string);
  const tests = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' });

  expect(guarantees.length).toBeGreaterThan(20);
  expect(guarantees.filter((guarantee) => !/`[\w/.-]+\.test\.ts`/.test(guarantee))).toEqual([]);
  expect(named.filter((name) => !tests.some((path) => `/${path}`.endsWith(`/${name}`)))).toEqual([]);
});

describe('docs/reference/api.md', () => {
  const text = read('docs/reference/api.md');
  /** Names in code: of a table, a sentence or an example. */
  const code = [...text.matchAll(/`([^`]+)`|```\w*\n(.*?)```/gs)].map(([all]) => all).join('\n');
  const isNamed = (name: string) => new RegExp(`(?<![\\w$])${name}(?![\\w$])`).test(code);

  it.each(['heddle', 'heddle-http'])('names every export of %s', (entry) => {
    const report = read(`api/${entry}.api.md`);
    const exported = [...report.matchAll(/^export (?:interface|type|class|function|const) (\w+)/gm)].map(
      ([, name]) => name as string,
    );

    expect(exported.length).toBeGreaterThan(40);
    expect(exported.filter((name) => !isNamed(name))).toEqual([]);
  });

  /** The names that the check of an option lists when it refuses an unknown one. */
  function known(refuse: () => unknown): string[] {
    try {
      refuse();
    } catch (error) {
      const [, names] = /Known: (.*)$/.exec((error as Error).message) ?? [];
      return names?.split(', ') ?? [];
    }
    return [];
  }
  const run = (options: object) => () => api.createRuntime().run((n: number) => n, [1], options);
  const bad = { noSuchOption: 1 };

  it.each([
    ['createRuntime', () => api.createRuntime(bad as object)],
    ['a run', run(bad)],
    ['retry', run({ retry: bad })],
    ['session', run({ session: bad })],
    ['shard', run({ shard: bad })],
    ['a lane', run({ lane: bad })],
    ['retry of a lane', run({ lane: { retry: bad } })],
    ['rate', run({ lane: { rate: bad } })],
    ['budgets', run({ lane: { budgets: [bad] } })],
    ['breaker', run({ lane: { breaker: bad } })],
    ['adaptive concurrency', run({ lane: { concurrency: bad } })],
  ])('names every option of %s', (_, refuse) => {
    const options = known(refuse);

    expect(options.length).toBeGreaterThan(1);
    expect(options.filter((name) => !isNamed(name))).toEqual([]);
  });
});
