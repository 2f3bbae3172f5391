/** Who imports whom: the tables in ARCHITECTURE.md against the imports of the code, and who does I/O. */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const src = join(root, 'src');
const architecture = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => /\.c?ts$/.test(name));

/** `import … from`, `export … from`, `import '…'`, and `import('…')` of a value or a type. */
const IMPORT = /(?:\bfrom|\bimport|\bimport\(|\brequire\()\s*'([^']+)'/g;

/** What a file imports, in the order of its text. */
function specifiersOf(file: string): string[] {
  return [...readFileSync(join(src, file), 'utf8').matchAll(IMPORT)].map(([, path]) => path as string);
}

/** The files of heddle that a file imports, relative to src. */
function importsOf(file: string): string[] {
  return specifiersOf(file)
    .filter((path) => path.startsWith('.'))
    .map((path) => relative(src, resolve(src, dirname(file), path)));
}

/** `| main | protocol, session | … |` → main: [protocol, session] */
function layerTable(): Map<string, string[]> {
  const rows = [...architecture.matchAll(/^\| `((?!src)[\w/]+)` \| ([^|]*) \|/gm)];
  return new Map(
    rows.map(([, layer, allowed]) => [
      layer as string,
      [...(allowed as string).matchAll(/`([\w/.]+)`/g)].map(([, name]) => name as string),
    ]),
  );
}

function layerOf(file: string): string {
  return file.split('/')[0] as string;
}

it('every import follows the table of layers', () => {
  const table = layerTable();
  const wrong = files.flatMap((file) => {
    const layer = layerOf(file);
    const allowed = table.get(layer) ?? [];
    return importsOf(file)
      .filter((target) => {
        const isPublic = target === 'main/index.js' && allowed.includes('main/index.ts');
        return layerOf(target) !== layer && !allowed.includes(layerOf(target)) && !isPublic;
      })
      .map((target) => `${file} → ${target}`);
  });

  expect([...table.keys()].sort()).toEqual([...new Set(files.map(layerOf))].sort());
  expect(wrong).toEqual([]);
});

it('each room of main imports only from the rooms to its right', () => {
  const [line = ''] = /^`index`(?: → `\w+`)+$/m.exec(architecture) ?? [];
  const rooms = line.split(' → ').map((name) => name.slice(1, -1));
  const inMain = files.filter((file) => layerOf(file) === 'main');
  const roomOf = (file: string) => file.split('/')[1]?.replace(/\.[jt]s$/, '') ?? '';
  const wrong = inMain.flatMap((file) =>
    importsOf(file)
      .filter((target) => layerOf(target) === 'main')
      .filter((target) => rooms.indexOf(roomOf(target)) < rooms.indexOf(roomOf(file)))
      .map((target) => `${file} → ${target}`),
  );

  expect([...rooms].sort()).toEqual([...new Set(inMain.map(roomOf))].sort());
  expect(wrong).toEqual([]);
});

it('an integration is loaded by its own commands only, and knows no other integration', () => {
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter((target) => layerOf(target) === 'integrations')
      .filter((target) => {
        const [, integration] = target.split('/');
        if (file.startsWith(`integrations/${integration}/`)) return false;
        return (
          !file.startsWith(`cli/commands/${integration}-`) ||
          target !== `integrations/${integration}/index.js`
        );
      })
      .map((target) => `${file} → ${target}`),
  );

  expect(wrong).toEqual([]);
});

const FILES = /^(?:node:fs(?:\/promises)?|write-file-atomic|proper-lockfile|tinyglobby)$/;
const OTHER_IO = /^(?:node:(?:net|tls|http|https|http2|dns|dgram|child_process|readline)|undici|piscina)$/;

it('protocol and text do no I/O', () => {
  const pure = files.filter((file) => ['protocol', 'text'].includes(layerOf(file)));
  const wrong = pure.flatMap((file) =>
    specifiersOf(file)
      .filter((path) => FILES.test(path) || OTHER_IO.test(path))
      .map((path) => `${file} → ${path}`),
  );

  expect(pure.length).toBeGreaterThan(15);
  expect(wrong).toEqual([]);
});

it('session and cli touch files, and nothing else does but for these', () => {
  const touching = files
    .filter((file) => !['session', 'cli'].includes(layerOf(file)))
    .filter((file) => specifiersOf(file).some((path) => FILES.test(path)));

  expect(touching.sort()).toEqual([
    // Service files are read.
    'integrations/http/service-file.ts',
    // The text of a task module is compared with the one that the run was started with.
    'workers/load-task.ts',
  ]);
});
