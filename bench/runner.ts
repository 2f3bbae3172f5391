/**
 * Runs a suite: each case once a round, rounds one after the other, each sample in a fresh process.
 *
 * A sample that fails or does not finish is reported and left out; it does not end the suite. A case whose
 * first sample did not finish in its time is not tried again: the next would take as long.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type CaseResult, judge, reasonText, type Sample, type SuiteResult } from './judge.js';
import { type Case, type Figures, QUICK, type Suite } from './suite.js';

const SAMPLE = fileURLToPath(new URL('./sample.js', import.meta.url));
const SAMPLE_LIMIT_MS = 120_000;
const PREPARE_LIMIT_MS = 300_000;
/** Node's exit code when nothing is left to do and a promise that was waited for is still pending. */
const UNSETTLED = 13;

/** What differs from a full run. */
export interface Settings {
  /** Cases whose name contains this; all by default. */
  readonly only?: string | undefined;
}

/** Measures the cases of a suite and judges them. */
export async function runSuite(suite: Suite, { only = '' }: Settings): Promise<SuiteResult> {
  console.error(`${suite.name}: ${suite.question}`);
  const chosen = { ...suite, cases: suite.cases.filter(({ name }) => name.includes(only)) };
  const skipped = skippedIn(chosen);
  const shared = await preparedFor(suite);
  const rounds = QUICK ? 1 : suite.rounds;
  const results: CaseResult[] = chosen.cases.map(({ name }) => ({ name, rounds: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const [number, each] of chosen.cases.entries()) {
      const taken = results[number]?.rounds ?? [];
      taken.push(skipped.get(each) ?? (await nextSample(suite, each, taken, shared)));
    }
    console.error(`  round ${round + 1} of ${rounds} done`);
  }
  return judge(chosen, shared, results);
}

/** Says which cases cannot run here, and why. */
function skippedIn(suite: Suite): Map<Case, Sample> {
  const skipped = new Map<Case, Sample>();
  for (const each of suite.cases) {
    const reason = each.missing?.();
    if (reason === undefined) continue;
    skipped.set(each, { status: 'skipped', reason });
    console.error(`  skipped: ${each.name}: ${reason}`);
  }
  return skipped;
}

async function preparedFor(suite: Suite): Promise<Figures> {
  if (suite.prepare === undefined) return {};
  const sample = await take(suite, 'prepare', {}, PREPARE_LIMIT_MS);
  if (sample.status === 'measured') return sample.figures;
  throw new Error(`${suite.name} cannot be prepared: ${sample.reason}`);
}

async function nextSample(
  suite: Suite,
  each: Case,
  taken: readonly (Sample | undefined)[],
  shared: Figures,
): Promise<Sample | undefined> {
  if (taken.length >= (each.rounds ?? suite.rounds)) return undefined;
  if (taken[0]?.status === 'did not finish') return undefined;
  const sample = await take(
    suite,
    String(suite.cases.indexOf(each)),
    shared,
    each.limitMs ?? SAMPLE_LIMIT_MS,
  );
  if (sample.status !== 'measured') console.error(`  ${each.name}: ${reasonText(sample)}`);
  return sample;
}

async function take(suite: Suite, which: string, shared: Figures, limitMs: number): Promise<Sample> {
  const flags = QUICK ? ['--quick'] : [];
  const child = spawn(process.execPath, [SAMPLE, suite.name, which, JSON.stringify(shared), ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: limitMs,
    killSignal: 'SIGKILL',
  });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  if (code === 0) return { status: 'measured', figures: JSON.parse(output.trim().split('\n').at(-1) ?? '') };
  if (code === null) return { status: 'did not finish', reason: `within ${limitMs / 1000} s` };
  if (code === UNSETTLED) return { status: 'failed', reason: 'a promise was never settled' };
  return { status: 'failed', reason: `exit ${code}` };
}
