/** The paths that a task does not fail at: `tried.mjs <task> <file with paths> <output>`. */

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
    // Not every file below node_modules is what its name says; what cannot be parsed is no work for any of the rivals.
  }
}
writeFileSync(output, `${good.join('\n')}\n`);
