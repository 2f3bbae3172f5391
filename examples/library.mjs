/**
 * heddle as a library: how complex the source files of a folder are, and what the run was like.
 *
 *   node examples/library.mjs [folder]
 *
 * Prints, for the default folder (your figures will differ):
 *
 *   complexity  functions  longest function                      file
 *          427        102  walkAST, 140 lines                    typescript/visitors/walk.js
 *          247         29  markNamespaceMemberRefs, 175 lines    typescript/ast-nodes.js
 *          208          9  handleExportNamed, 216 lines          typescript/visitors/exports.js
 *          200         36  build, 528 lines                      graph/build.js
 *          192         39  runPlugins, 262 lines                 WorkspaceWorker.js
 *   1096 files: 1096 succeeded, 0 failed; 2.0 s on 2 threads, speed-up 1.7
 */

import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRuntime, task } from 'heddle';

const folder = process.argv[2] ?? fileURLToPath(new URL('../node_modules/knip/dist', import.meta.url));
const files = readdirSync(folder, { recursive: true })
  .map((name) => join(folder, String(name)))
  .filter((path) => /\.[cm]?[jt]sx?$/.test(path));

const runtime = createRuntime();
const run = runtime.run(task(new URL('./complexity.task.js', import.meta.url)), files);

const measured = [];
for await (const outcome of run) {
  if (outcome.status === 'succeeded') measured.push(outcome.value);
  else console.error(`${outcome.status}: ${outcome.error.message}`);
}
const report = await run.report();
await runtime.close();

measured.sort((a, b) => b.complexity.sum - a.complexity.sum);
console.log('complexity  functions  longest function                      file');
for (const { path, functions, complexity, longestFunction } of measured.slice(0, 5)) {
  const longest = longestFunction ? `${longestFunction.name}, ${longestFunction.lines} lines` : 'none';
  const columns = [String(complexity.sum).padStart(10), String(functions).padStart(9), longest.padEnd(36)];
  console.log(`${columns.join('  ')}  ${relative(folder, path)}`);
}
const { read, succeeded, failed, wallMs, threads, speedup } = report;
console.log(
  `${read} files: ${succeeded} succeeded, ${failed} failed; ` +
    `${(wallMs / 1000).toFixed(1)} s on ${threads} threads, speed-up ${speedup.toFixed(1)}`,
);
