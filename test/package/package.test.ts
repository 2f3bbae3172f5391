/** The packed tarball, unpacked into an empty project: what is in it, that it imports, that its command runs. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const project = mkdtempSync(join(tmpdir(), 'heddle-package-'));
let files: string[] = [];

beforeAll(() => {
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--pack-destination', project], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  );
  files = packed.files.map(({ path }: { path: string }) => path);
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const modules = join(project, 'node_modules');
  mkdirSync(join(modules, 'heddle'), { recursive: true });
  execFileSync('tar', [
    '-xzf',
    join(project, packed.filename),
    '--strip-components=1',
    '-C',
    join(modules, 'heddle'),
  ]);
  for (const name of Object.keys(dependencies))
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  writeFileSync(join(project, 'double.js'), 'export default (n) => Number(n) * 2;\n');
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }\n');
  writeFileSync(join(project, 'use.js'), USE);
}, 180_000);
afterAll(() => rmSync(project, { recursive: true, force: true }));

const USE = `
import { createRuntime, task } from 'heddle';
const runtime = createRuntime({ threads: 2 });
console.log(JSON.stringify(await runtime.run(task(new URL('./double.js', import.meta.url)), [1, 2, 3]).values()));
await runtime.close();
`;

const node = (...args: string[]) =>
  execFileSync(process.execPath, args, { cwd: project, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

it('holds what runs and what explains, and nothing else', () => {
  const outside = files.filter(
    (path) => !/^(dist|docs|examples|bench\/results)\/|^package\.json$|^(bench\/)?[A-Z]+(\.md)?$/.test(path),
  );

  expect(outside).toEqual([]);
  expect(files).toContain('dist/main/index.js');
  expect(files).toContain('dist/workers/entry.js');
  expect(files.filter((path) => path.endsWith('.tsbuildinfo'))).toEqual([]);
});

it('holds every file that its documentation links to', () => {
  const broken = files
    .filter((path) => path.endsWith('.md'))
    .flatMap((page) => {
      const text = readFileSync(join(root, page), 'utf8').replaceAll(/^```[\s\S]*?^```$/gm, '');
      return [...text.matchAll(/\]\((?![a-z]+:|#)([^)\s#]+)/g)]
        .map(([, link]) => posix.join(posix.dirname(page), link as string).replace(/\/$/, ''))
        .filter((target) => !files.some((path) => path === target || path.startsWith(`${target}/`)))
        .map((target) => `${page} → ${target}`);
    });

  expect(broken).toEqual([]);
});

it('exports what the API promises, and nothing else', () => {
  const names = node('-e', "import('heddle').then((all) => console.log(Object.keys(all).join(' ')))");

  expect(names.trim().split(' ').sort()).toMatchInlineSnapshot(`
    [
      "ERROR_CODES",
      "HeddleError",
      "OptionError",
      "Run",
      "Runtime",
      "Session",
      "TasksFailedError",
      "chunkForParallel",
      "clampText",
      "createRuntime",
      "executeInParallel",
      "getOptimalConcurrency",
      "isHeddleError",
      "isUnusableInput",
      "limitHeadersOf",
      "listSessions",
      "openSession",
      "reviveError",
      "serializeError",
      "task",
      "taskKey",
      "transfer",
      "unusableInput",
    ]
  `);
});

describe('in a project of its own', () => {
  it('runs a batch from the library', () => {
    expect(node('use.js')).toBe('[2,4,6]\n');
  });

  it('calls an API from the library, and from the command', () => {
    const use = "import('heddle/http').then(({ http }) => console.log(typeof http.batch))";
    const help = node('node_modules/heddle/dist/cli/shell/bin.js', 'http', 'call', '--help');

    expect(node('-e', use)).toBe('function\n');
    expect(help).toContain('--batch-json <json>');
  });

  it('runs a batch from the command', () => {
    expect(
      node('node_modules/heddle/dist/cli/shell/bin.js', 'run', 'double.js', '4', '5', '--values', '--quiet'),
    ).toBe('8\n10\n');
  });
});
