/** Who imports whom: the table in ARCHITECTURE.md against the imports of the code. */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const src = join(root, 'src');

/** `| main | protocol, session | … |` → main: [protocol, session] */
function table(): Map<string, string[]> {
  const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `((?!src)[\w/]+)` \| ([^|]*) \|/gm)];
  return new Map(
    rows.map(([, layer, allowed]) => [
      layer as string,
      [...(allowed as string).matchAll(/`([\w/.]+)`/g)].map(([, name]) => name as string),
    ]),
  );
}

function layerOf(file: string): string {
  return relative(src, file).split('/')[0] as string;
}

function imports(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, path]) =>
    resolve(dirname(file), path as string),
  );
}

it('every import follows the table', () => {
  const allowed = table();
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(src, name));
  const wrong: string[] = [];
  for (const file of files) {
    const layer = layerOf(file);
    for (const target of imports(file)) {
      const to = layerOf(target);
      const names = allowed.get(layer) ?? [];
      const isPublic = relative(src, target) === 'main/index.js' && names.includes('main/index.ts');
      if (to !== layer && !names.includes(to) && !isPublic)
        wrong.push(`${relative(src, file)} → ${relative(src, target)}`);
    }
  }

  expect([...allowed.keys()].sort()).toEqual([...new Set(files.map(layerOf))].sort());
  expect(wrong).toEqual([]);
});

it('an integration is loaded by its own commands only, and knows no other integration', () => {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const wrong = files.flatMap((name) =>
    imports(join(src, name))
      .map((target) => relative(src, target))
      .filter((target) => target.startsWith('integrations/'))
      .filter((target) => {
        const [, integration] = target.split('/');
        if (name.startsWith(`integrations/${integration}/`)) return false;
        return (
          !name.startsWith(`cli/commands/${integration}-`) ||
          target !== `integrations/${integration}/index.js`
        );
      })
      .map((target) => `${name} → ${target}`),
  );

  expect(wrong).toEqual([]);
});

it('protocol does no I/O, and only session and cli write files', () => {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const touching = files.filter((name) =>
    /(?:from |import\()'node:(fs|net|http|child_process)/.test(readFileSync(join(src, name), 'utf8')),
  );

  expect(
    touching
      .filter(
        (name) => !name.startsWith('session/') && !name.startsWith('cli/') && !name.startsWith('compare/'),
      )
      .sort(),
  ).toEqual([
    // Names of HTTP statuses; service files are read.
    'integrations/http/http-task.ts',
    'integrations/http/service-file.ts',
    'workers/load-task.ts',
  ]);
});
