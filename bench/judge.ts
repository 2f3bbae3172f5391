/** From samples to medians, and from medians to a verdict on each goal. */

import { type Spread, spreadOf } from './statistics.js';
import type { Figures, Goal, Suite } from './suite.js';

/** The samples of a case, by round; undefined where it was skipped or failed. */
export interface CaseResult {
  readonly name: string;
  readonly rounds: (Figures | undefined)[];
}

/** A goal and what came of it. */
export interface Verdict {
  readonly what: string;
  readonly bound: string;
  readonly ratio: Spread;
  readonly met: boolean;
}

/** Everything a suite found out. */
export interface SuiteResult {
  readonly suite: string;
  readonly question: string;
  readonly shared: Figures;
  readonly figures: Readonly<Record<string, Readonly<Record<string, Spread>>>>;
  readonly goals: readonly Verdict[];
}

/** Reduces the samples of a suite. */
export function judge(suite: Suite, shared: Figures, cases: readonly CaseResult[]): SuiteResult {
  const goals = suite.goals.flatMap((goal) => verdictOn(goal, cases) ?? []);
  const figures = Object.fromEntries(
    cases
      .map(({ name, rounds }) => [name, spreads(rounds)] as const)
      .filter(([, found]) => Object.keys(found).length > 0),
  );
  return { suite: suite.name, question: suite.question, shared, figures, goals };
}

function spreads(rounds: CaseResult['rounds']): Record<string, Spread> {
  const samples = rounds.filter((figures) => figures !== undefined);
  const names = Object.keys(samples[0] ?? {});
  return Object.fromEntries(
    names.map((name) => [name, spreadOf(samples.map((figures) => figures[name] ?? Number.NaN))]),
  );
}

/** Undefined when no round has all the figures that the goal looks at. */
function verdictOn(goal: Goal, cases: readonly CaseResult[]): Verdict | undefined {
  const { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY } = goal;
  const rounds = Math.max(...cases.map((each) => each.rounds.length));
  const ratios = Array.from({ length: rounds }, (_, round) =>
    goal.of(
      (name, figure) => cases.find((each) => each.name === name)?.rounds[round]?.[figure] ?? Number.NaN,
    ),
  ).filter((ratio) => !Number.isNaN(ratio));
  if (ratios.length === 0) return undefined;
  const ratio = spreadOf(ratios);
  const bound = goal.atLeast === undefined ? `<= ${goal.atMost}` : `>= ${goal.atLeast}`;
  return { what: goal.what, bound, ratio, met: ratio.median >= atLeast && ratio.median <= atMost };
}
