/**
 * A task module in a plain loop: `loop.mjs <task> <output> list <file>` over the paths in a file, one a line,
 * or `loop.mjs <task> <output> each <path>...` over its arguments. Appends values as JSON lines; `%` in the
 * name of the output stands for the process. The first failure is reported and ends the loop.
 */

import { appendFileSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [task, output, from, ...rest] = process.argv.slice(2);
const paths = from === 'list' ? readFileSync(rest[0], 'utf8').trim().split('\n') : rest;
const { default: call } = await import(pathToFileURL(task).href);
let lines = '';
for (const path of paths) lines += `${JSON.stringify(await call(path))}\n`;
appendFileSync(output.replace('%', process.pid), lines);
