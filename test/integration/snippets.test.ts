/**
 * The documentation against the package: every example in JavaScript or TypeScript compiles, and the API reference names
 * what a run really gives out.
 *
 * Examples in JavaScript may leave the types of their parameters out; examples in TypeScript compile under `strict`. What
 * an example takes for granted is declared in a comment before it: `<!-- given: declare const files: string[]; -->`.
 */

import { execFile } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createRuntime } from 'heddle';
import { afterAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'heddle-snippets-'));
afterAll(() => rmSync(folder, { recursive: true }));

const PAGES = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

/** An example of a page, as a module. */
interface Example {
  readonly page: string;
  readonly language: 'js' | 'ts';
  /** Its first line, such as `// hash.task.mjs`, may name it. */
  readonly name: string;
  readonly text: string;
}

function examplesOf(page: string): Example[] {
  const text = readFileSync(join(root, page), 'utf8');
  const found = [...text.matchAll(/((?:^<!-- given: .* -->\n+)*)^```(js|ts)\n([\s\S]*?)^```$/gm)];
  return found.map(([, comments = '', language, code = ''], i) => {
    const given = [...comments.matchAll(/<!-- given: (.*) -->/g)].map(([, declared]) => declared);
    const [, name = `example-${i}`] = /^\/\/ ([\w.-]+)\.m?[jt]s$/m.exec(code) ?? [];
    return { page, language: language as 'js' | 'ts', name, text: [...given, code, 'export {};'].join('\n') };
  });
}

const COMPILER_OPTIONS = {
  target: 'es2023',
  lib: ['ES2023', 'ESNext.Disposable'],
  module: 'nodenext',
  strict: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: true,
  noEmit: true,
  types: ['node'],
};

/** Compiles examples; answers the errors of the compiler. */
async function compile(language: 'js' | 'ts', examples: readonly Example[]): Promise<string> {
  const place = join(folder, language);
  for (const { page, name, text } of examples) {
    const file = join(place, page, `${name}.ts`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  mkdirSync(join(place, 'node_modules'), { recursive: true });
  symlinkSync(root, join(place, 'node_modules/heddle'));
  symlinkSync(join(root, 'node_modules/@types'), join(place, 'node_modules/@types'));
  writeFileSync(join(place, 'package.json'), '{ "type": "module" }');
  const compilerOptions = { ...COMPILER_OPTIONS, noImplicitAny: language === 'ts' };
  writeFileSync(join(place, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  return promisify(execFile)(process.execPath, [tsc, '-p', place], { cwd: place }).then(
    () => '',
    (error: { stdout: string }) => error.stdout,
  );
}

it.each(['js', 'ts'] as const)('every example in %s compiles', async (language) => {
  const examples = PAGES.flatMap(examplesOf).filter((example) => example.language === language);
  expect(examples.length).toBeGreaterThan(5);

  expect(await compile(language, examples)).toBe('');
});

it('docs/reference/api.md names every field of an outcome, a report, progress and events', async () => {
  const text = readFileSync(join(root, 'docs/reference/api.md'), 'utf8').replaceAll(
    /^```[\s\S]*?^```$/gm,
    '',
  );
  const code = [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name).join('\n');
  const isNamed = (name: string) => new RegExp(`(?<!\\w)${name}(?!\\w)`).test(code);
  const runtime = createRuntime({ threads: 1 });
  let failures = 0;
  const task = (
    n: number,
    ctx: { progress(fraction: number): void; log(level: 'info', text: string): void },
  ) => {
    ctx.progress(0.5);
    ctx.log('info', 'half');
    if (n === 1 && failures++ < 2) throw new Error('no');
    return n;
  };

  const run = runtime.run(task, [1, 2], { retry: { attempts: 2, backoffMs: 0 }, lane: { concurrency: 1 } });
  const seen = run.events();
  const outcomes = await run.outcomes();
  const report = await run.report();
  const events = [];
  for await (const event of seen) events.push(event);
  await runtime.close();

  const names = [
    ...[...outcomes, report, ...report.lanes, ...report.workers, run.progress, ...events].flatMap(
      Object.keys,
    ),
    ...events.map(({ type }) => type),
  ];
  expect(new Set(names).size).toBeGreaterThan(50);
  expect([...new Set(names)].filter((name) => !isNamed(name))).toEqual([]);
});
