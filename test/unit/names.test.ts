/** One name for one thing: each type and each file of src has a name of its own. And no line is too long. */

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const MAX_COLUMNS = 110;
const DECLARATION =
  /^\s*(?:export )?(?:declare )?(?:abstract )?(?:interface|type|class|enum) (\w+)(?=<| (?:=|\{|extends|implements))/gm;

const src = fileURLToPath(new URL('../../src', import.meta.url));
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => /\.c?ts$/.test(name));
const textOf = (file: string) => readFileSync(join(src, file), 'utf8');

/** The names that have several places, each with its places. */
function repeated(named: readonly (readonly [name: string, file: string])[]): string[] {
  const places = new Map<string, string[]>();
  for (const [name, file] of named) places.set(name, [...(places.get(name) ?? []), file]);
  return [...places]
    .filter(([, where]) => where.length > 1)
    .map(([name, where]) => `${name}: ${where.join(', ')}`);
}

it('each type is declared once', () => {
  const declared = files.flatMap((file) =>
    [...textOf(file).matchAll(DECLARATION)].map(([, name]) => [name as string, file] as const),
  );

  expect(declared.length).toBeGreaterThan(400);
  expect(repeated(declared)).toEqual([]);
});

it('each file name occurs once', () => {
  const named = files.map((file) => [basename(file), file] as const).filter(([name]) => name !== 'index.ts');

  expect(repeated(named)).toEqual([]);
});

it('no line is too long', () => {
  const long = files.flatMap((file) =>
    textOf(file)
      .split('\n')
      .flatMap((line, i) => ([...line].length > MAX_COLUMNS ? [`${file}:${i + 1}`] : [])),
  );

  expect(long).toEqual([]);
});
