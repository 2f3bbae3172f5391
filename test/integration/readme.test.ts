/** The README's library example, run as it stands there: it prints what the README says. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** The fenced block that holds a text. */
function block(text: string): string {
  const found = [...readme.matchAll(/```\w*\n([\s\S]*?)```/g)].map(([, content]) => content as string);
  return found.find((content) => content.includes(text)) ?? '';
}

it('the library example prints what it promises', () => {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-readme-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules', 'heddle'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'hash.task.js'), block('// hash.task.js'));
  writeFileSync(join(folder, 'hash.js'), block('// hash.js'));
  writeFileSync(join(folder, 'a.txt'), 'a');
  writeFileSync(join(folder, 'b.txt'), 'b');

  const printed = execFileSync(process.execPath, ['hash.js'], { cwd: folder, encoding: 'utf8' });
  rmSync(folder, { recursive: true });

  expect(printed).toBe(block('0 succeeded'));
});

it('the commands it shows use flags that exist', () => {
  const help = execFileSync(process.execPath, [join(root, 'dist/cli/shell/bin.js'), 'run', '--help'], {
    encoding: 'utf8',
  });
  const shown = new Set(
    [...readme.matchAll(/heddle run [^\n`]*|bin\.js run [^\n`]*/g)].flatMap(
      ([line]) => line.match(/(?<= )--?[a-z][\w-]*/g) ?? [],
    ),
  );

  expect(shown.size).toBeGreaterThan(5);
  expect([...shown].filter((flag) => !help.includes(flag))).toEqual([]);
});
