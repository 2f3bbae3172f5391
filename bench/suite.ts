/**
 * What a benchmark is made of.
 *
 *   suite    one question, answered by several cases and judged by goals
 *   case     one way to do the work; measured once in every round, each time in a fresh process
 *   figure   a number that a case measures, named with its unit: 'tasks/s', 'ms'
 *   goal     a ratio or a figure, taken within each round, and the bound that its median should keep
 *   plot     the same figures as a picture, drawn from the JSON that the run left
 *
 * Within a round the cases follow each other closely, so whatever else slows the machine down meets them all.
 * That is why a goal is computed for each round and only then reduced to a median.
 */

import type { Plot } from './plot.js';

/** What one sample of a case measured, by name of the figure. */
export type Figures = Readonly<Record<string, number>>;

/** Looks up a figure of one round; NaN when the case was skipped or failed. */
export type Lookup = (caseName: string, figure: string) => number;

/** One way to do the work. */
export interface Case {
  readonly name: string;
  /** Why it cannot run here; undefined when it can. */
  readonly missing?: () => string | undefined;
  /** What is done before the clock runs, where it differs from the rest of the suite. */
  readonly warmUp?: string;
  /** Fewer rounds than the suite has, for what takes long. */
  readonly rounds?: number;
  /** After so long a sample "did not finish"; for rivals that are known to hang. */
  readonly limitMs?: number;
  /** Does the work once and says what it cost. `shared` is what the suite's `prepare` found. */
  readonly measure: (shared: Figures) => Promise<Figures>;
}

/** A bound that heddle should keep. */
export interface Goal {
  readonly what: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly of: (figure: Lookup) => number;
}

/** A ratio shown beside the figures of every case, computed within each round like a goal. */
export interface Comparison {
  readonly heading: string;
  /** NaN where a case has nothing to be compared with. */
  readonly of: (caseName: string, figure: Lookup) => number;
}

/** One question and how it is answered. */
export interface Suite {
  readonly name: string;
  readonly question: string;
  readonly rounds: number;
  /** What each case does before its clock runs; the tables say so. */
  readonly warmUp: string;
  /**
   * Finds, once and in a process of its own, what all cases must share, such as how much work a millisecond
   * is.
   */
  readonly prepare?: () => Promise<Figures>;
  readonly cases: readonly Case[];
  readonly compared?: Comparison;
  readonly goals: readonly Goal[];
  readonly plots?: readonly Plot[];
}

/** Worker threads of every case that has any. */
export const THREADS = 2;

/**
 * `npm run bench -- --quick`: shows that everything works, and measures nothing. Samples are started with the
 * flag too.
 */
export const QUICK = process.argv.includes('--quick');

/** A size of the full run, or a tenth of it in a quick one. */
export function sized(count: number): number {
  return QUICK ? Math.ceil(count / 10) : count;
}

/** A power of ten as names of cases have it: `1e6`. */
export function power(count: number): string {
  return count.toExponential().replace('+', '');
}

/** URL of a compiled task module of this folder. */
export function taskModule(name: string): URL {
  return new URL(`./tasks/${name}.js`, import.meta.url);
}

/** Runs `call` for 0 … count - 1, `lanes` of them at a time, in order of their start. */
export async function inLanes(
  count: number,
  lanes: number,
  call: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await call(next++);
  };
  await Promise.all(Array.from({ length: Math.min(lanes, count) }, lane));
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
