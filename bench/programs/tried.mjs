/** The paths for which a task succeeds: `tried.mjs <task> <file with paths> <output>`. */

import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [task, list, output] = process.argv.slice(2);
const { default: call } = await import(pathToFileURL(task).href);
const good = [];
for (const path of readFileSync(list, 'utf8').trim().split('\n')) {
  try {
    await call(path);
    good.push(path);
  } catch {
    // Some files in node_modules are not what their names say. Files that cannot be parsed are left out for
    // all rivals.
  }
}
writeFileSync(output, `${good.join('\n')}\n`);
