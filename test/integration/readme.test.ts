/**
 * What the README and the guide to HTTP tell a new user to type, run as it is written there: the library example prints
 * what the README says, and every command succeeds.
 */

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RestServer } from '../support/rest-server.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bin = join(root, 'dist/cli/shell/bin.js');
const read = (page: string) => readFileSync(join(root, page), 'utf8');

const README = blocksOf('README.md');
const folder = mkdtempSync(join(tmpdir(), 'heddle-readme-'));
let server: RestServer;

/** The fenced blocks of a page. */
function blocksOf(page: string): { readonly language: string; readonly text: string }[] {
  return [...read(page).matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, text]) => ({
    language: language as string,
    text: text as string,
  }));
}

/** The block of the README that holds a text. */
function block(text: string): string {
  return README.find((each) => each.text.includes(text))?.text ?? '';
}

/** The lines of shell that a page shows, without their comments. */
function commandsOf(page: string): string[] {
  return blocksOf(page)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) => text.split('\n'))
    .map((line) => line.replace(/\s+# .*$/, ''))
    .filter((line) => line !== '');
}

/** Runs a line of shell in a project that has heddle installed; answers its exit code and what it printed. */
async function shell(line: string): Promise<{ readonly code: number; readonly text: string }> {
  const PATH = [join(folder, 'node_modules/.bin'), process.env['PATH']].join(delimiter);
  // npx would look for a newer release first.
  const command = line.replace(/^npx /, '');
  const env = { ...process.env, PATH, API_TOKEN: 'secret', HEDDLE_SERVICES: '' };
  try {
    const { stdout, stderr } = await promisify(execFile)('sh', ['-c', command], { cwd: folder, env });
    return { code: 0, text: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, text: stdout + stderr };
  }
}

beforeAll(async () => {
  server = await RestServer.start();
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
  symlinkSync(root, join(folder, 'node_modules/heddle'));
  const command = `#!/bin/sh\nexec "${process.execPath}" "${bin}" "$@"\n`;
  writeFileSync(join(folder, 'node_modules/.bin/heddle'), command, { mode: 0o755 });
  mkdirSync(join(folder, 'src'));
  mkdirSync(join(folder, 'services'));
  const files = {
    'package.json': '{}',
    'hash.task.mjs': block('// hash.task.mjs'),
    'hash.mjs': block('// hash.mjs'),
    'resize.mjs': 'export default ({ photo }) => photo.toUpperCase();',
    'fetch.mjs': 'export default (url) => url.length;',
    'a.txt': 'a',
    'b.txt': 'b',
    'src/a.ts': 'export {};',
    'urls.txt': 'https://a.example\nhttps://b.example\n',
    'photos.jsonl': '{"photo":"a"}\n{"photo":"b"}\n',
    'ids.ndjson': '{"id":1}\n{"id":2}\n{"id":3}\n',
    'services/api.yaml': read('examples/http/api.yaml').replace('https://api.example.com/v1', server.url),
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

it('the library example prints what it promises', async () => {
  const { text } = await shell('node hash.mjs');

  expect(text).toBe(block('0 succeeded'));
});

/** Not run here: they install, take minutes, or need a program that is not there. Their flags are checked. */
const SKIPPED = /^npm |^esbuild |^heddle bench /;

describe.each(['README.md', 'docs/guide/http.md'])('the commands of %s', (page) => {
  const commands = commandsOf(page);

  it('succeed, one after the other', async () => {
    const failed: string[] = [];
    for (const line of commands.filter((command) => !SKIPPED.test(command))) {
      const { code, text } = await shell(line);
      // One of the inputs of the first example is missing on purpose.
      if (code !== (line.includes('missing.txt') ? 1 : 0)) failed.push(`${line}: exit code ${code}: ${text}`);
    }

    expect(failed).toEqual([]);
  }, 180_000);

  it('use flags that exist', async () => {
    const shown = commands.flatMap((line) =>
      [...line.matchAll(/(?:heddle|bin\.js) (http call|[a-z]+)(?= |$)([^|]*)/g)].map(([, command, rest]) => ({
        command: command as string,
        flags: flagsIn(rest as string),
      })),
    );
    expect(shown.length).toBeGreaterThan(5);

    for (const command of new Set(shown.map((each) => each.command))) {
      const { text } = await shell(`heddle ${command} --help`);
      const known = flagsIn(text);
      const unknown = shown
        .filter((each) => each.command === command)
        .flatMap(({ flags }) => flags.filter((flag) => !known.includes(flag)));
      expect(unknown).toEqual([]);
    }
  });
});

function flagsIn(text: string): string[] {
  return text.match(/(?<=^|[\s,])--?[a-z][\w-]*/g) ?? [];
}
