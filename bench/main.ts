/**
 * Runs benchmarks: `npm run bench [-- suite...]`.
 *
 * For every suite: each case once per round, rounds one after the other, each sample in a fresh process. Tables go to
 * stdout, progress to stderr, and both tables and figures to bench/results/.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type CaseResult, judge, type SuiteResult } from './judge.js';
import { save, tables } from './results.js';
import type { Case, Figures, Suite } from './suite.js';
import { suites } from './suites.js';

const SAMPLE = fileURLToPath(new URL('./sample.js', import.meta.url));
const SAMPLE_LIMIT_MS = 120_000;

async function sample(suite: Suite, which: string, shared: Figures): Promise<Figures | undefined> {
  const child = spawn(process.execPath, [SAMPLE, suite.name, which, JSON.stringify(shared)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: SAMPLE_LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  if (code === 0) return JSON.parse(output.trim().split('\n').at(-1) ?? '');
  console.error(
    `  sample ${which} of ${suite.name} failed (${code === null ? 'out of time' : `exit ${code}`})`,
  );
  return undefined;
}

/** Says which cases cannot run here, and why. */
function withoutMissing(suite: Suite): Set<Case> {
  const present = new Set(suite.cases);
  for (const each of suite.cases) {
    const reason = each.missing?.();
    if (reason === undefined) continue;
    present.delete(each);
    console.error(`  skipped: ${each.name}: ${reason}`);
  }
  return present;
}

async function runSuite(suite: Suite, rounds: number): Promise<SuiteResult> {
  console.error(`${suite.name}: ${suite.question}`);
  const present = withoutMissing(suite);
  const shared = suite.prepare === undefined ? {} : ((await sample(suite, 'prepare', {})) ?? {});
  const results: CaseResult[] = suite.cases.map(({ name }) => ({ name, rounds: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const [number, each] of suite.cases.entries()) {
      const figures = present.has(each) ? await sample(suite, String(number), shared) : undefined;
      results[number]?.rounds.push(figures);
    }
    console.error(`  round ${round + 1} of ${rounds} done`);
  }
  return judge(suite, shared, results);
}

const names = process.argv.slice(2);
const unknown = names.filter((name) => !suites.some((suite) => suite.name === name));
if (unknown.length > 0) {
  console.error(
    `There is no suite ${unknown.join(', ')}; there are ${suites.map(({ name }) => name).join(', ')}`,
  );
  process.exit(2);
}
for (const suite of suites) {
  if (names.length > 0 && !names.includes(suite.name)) continue;
  const result = await runSuite(suite, suite.rounds);
  console.log(tables(result));
  save(result);
}
