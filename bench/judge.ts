/** From samples to medians, and from medians to a verdict on each goal. */

import { type Spread, spreadOf } from './statistics.js';
import type { Case, Figures, Goal, Lookup, Suite } from './suite.js';

/** How a sample ended. If it was not measured, `reason` says why. */
export type Sample =
  | { readonly status: 'measured'; readonly figures: Figures }
  | { readonly status: 'skipped' | 'failed' | 'did not finish'; readonly reason: string };

/** The samples of a case, by round; undefined where none was taken. */
export interface CaseResult {
  readonly name: string;
  readonly rounds: (Sample | undefined)[];
}

/** A goal and whether it was met. */
export interface Verdict {
  readonly what: string;
  readonly bound: string;
  readonly ratio: Spread;
  readonly met: boolean;
}

/** Facts about a case other than its figures. */
export interface CaseNote {
  readonly warmUp: string;
  /** Why figures are missing; empty when none are. */
  readonly trouble: string;
}

/** The result of a suite. */
export interface SuiteResult {
  readonly suite: string;
  readonly question: string;
  readonly rounds: number;
  readonly shared: Figures;
  readonly cases: Readonly<Record<string, CaseNote>>;
  readonly figures: Readonly<Record<string, Readonly<Record<string, Spread>>>>;
  readonly goals: readonly Verdict[];
}

/** Reduces the samples of a suite. */
export function judge(suite: Suite, shared: Figures, results: readonly CaseResult[]): SuiteResult {
  const rounds = Math.max(...results.map((each) => each.rounds.length));
  const lookups = Array.from({ length: rounds }, (_, round) => lookupIn(results, round));
  const goals = suite.goals.flatMap((goal) => verdictOn(goal, lookups) ?? []);
  const figures = Object.fromEntries(
    results
      .map((result) => [result.name, spreadsOf(suite, result, lookups)] as const)
      .filter(([, found]) => Object.keys(found).length > 0),
  );
  const cases = Object.fromEntries(
    suite.cases.map((each) => [each.name, noteOn(suite, each, results)] as const),
  );
  return { suite: suite.name, question: suite.question, rounds, shared, cases, figures, goals };
}

function figuresOf(sample: Sample | undefined): Figures | undefined {
  return sample?.status === 'measured' ? sample.figures : undefined;
}

function lookupIn(results: readonly CaseResult[], round: number): Lookup {
  return (name, figure) =>
    figuresOf(results.find((each) => each.name === name)?.rounds[round])?.[figure] ?? Number.NaN;
}

function spreadsOf(suite: Suite, result: CaseResult, lookups: readonly Lookup[]): Record<string, Spread> {
  const samples = result.rounds.map(figuresOf).filter((figures) => figures !== undefined);
  const names = Object.keys(samples[0] ?? {});
  const spreads = Object.fromEntries(
    names.map((name) => [name, spreadOf(samples.map((figures) => figures[name] ?? Number.NaN))]),
  );
  const { compared } = suite;
  if (compared === undefined) return spreads;
  const ratios = lookups.map((lookup) => compared.of(result.name, lookup)).filter(Number.isFinite);
  return ratios.length === 0 ? spreads : { ...spreads, [compared.heading]: spreadOf(ratios) };
}

/** Undefined when no round has all the figures that the goal looks at. */
function verdictOn(goal: Goal, lookups: readonly Lookup[]): Verdict | undefined {
  const { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY } = goal;
  const ratios = lookups.map((lookup) => goal.of(lookup)).filter((ratio) => !Number.isNaN(ratio));
  if (ratios.length === 0) return undefined;
  const ratio = spreadOf(ratios);
  const bound = goal.atLeast === undefined ? `<= ${goal.atMost}` : `>= ${goal.atLeast}`;
  return { what: goal.what, bound, ratio, met: ratio.median >= atLeast && ratio.median <= atMost };
}

/** Why a sample is missing, in one line. */
export function reasonText(sample: Exclude<Sample, { status: 'measured' }>): string {
  return `${sample.status}${sample.status === 'did not finish' ? '' : ':'} ${sample.reason}`;
}

/** Counts the reasons why samples of a case are missing. */
function noteOn(suite: Suite, each: Case, results: readonly CaseResult[]): CaseNote {
  const samples = (results.find(({ name }) => name === each.name)?.rounds ?? []).flatMap((one) => one ?? []);
  const counts = new Map<string, number>();
  for (const sample of samples) {
    if (sample.status === 'measured') continue;
    const what = reasonText(sample);
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  const troubles = [...counts].map(([what, count]) =>
    what.startsWith('skipped:') ? what : `${what} (${count} of ${samples.length})`,
  );
  return { warmUp: each.warmUp ?? suite.warmUp, trouble: troubles.join('; ') };
}
