/**
 * Tables of results, and the files they are kept in.
 *
 * bench/results/<suite>.json and .md are committed: the next run prints beside each goal what it was before.
 * A run that is not whole (`--quick`, `--only`) writes below build/ instead and never touches them.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { SuiteResult } from './judge.js';
import { shown, shownSpread } from './statistics.js';
import { QUICK, THREADS } from './suite.js';

/** Folders for the results of whole runs, and of partial ones. */
export const FOLDERS = {
  whole: new URL('../../bench/results/', import.meta.url),
  partial: new URL('../bench-partial/', import.meta.url),
} as const;

type Folder = (typeof FOLDERS)[keyof typeof FOLDERS];

/** When and where a suite ran. */
export interface Circumstances {
  readonly date: string;
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly threads: number;
}

export type StoredResult = Circumstances & SuiteResult;

/** The result of a suite with today's circumstances. */
export function dated(result: SuiteResult): StoredResult {
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model ?? 'unknown processor',
    cores: availableParallelism(),
    threads: THREADS,
    ...result,
  };
}

/** The result of a suite as Markdown. */
export function tables(result: StoredResult): string {
  return [
    `## ${result.suite}`,
    result.question,
    figureTable(result),
    ...warmUpLine(result),
    goalTable(result),
    circumstances(result),
  ].join('\n\n');
}

/** Writes the result of a suite where the next run and the reader find it. */
export function save(result: StoredResult, folder: Folder): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(file(folder, result.suite, 'md'), `${tables(result).replace('## ', '# ')}\n`);
  writeFileSync(file(folder, result.suite, 'json'), `${JSON.stringify(result, undefined, 2)}\n`);
}

/** The result of an earlier run of the suite; undefined if there is none. */
export function load(suite: string, folder: Folder): StoredResult | undefined {
  try {
    return JSON.parse(readFileSync(file(folder, suite, 'json'), 'utf8'));
  } catch {
    // The first run has nothing to compare with.
    return undefined;
  }
}

function figureTable({ figures, cases }: StoredResult): string {
  const names = [...new Set(Object.values(figures).flatMap((spreads) => Object.keys(spreads)))];
  const hasTrouble = Object.values(cases).some(({ trouble }) => trouble !== '');
  const hasWarmUps = warmUpsOf(cases).length > 1;
  const rows = Object.entries(cases).map(([name, { warmUp, trouble }]) => [
    name,
    ...names.map((figure) => {
      const spread = figures[name]?.[figure];
      return spread === undefined ? '' : shownSpread(spread);
    }),
    ...(hasWarmUps ? [warmUp] : []),
    ...(hasTrouble ? [trouble] : []),
  ]);
  const head = [
    'case',
    ...names,
    ...(hasWarmUps ? ['warm-up'] : []),
    ...(hasTrouble ? ['not measured'] : []),
  ];
  return table(head, rows);
}

const warmUpsOf = (cases: StoredResult['cases']) => [
  ...new Set(Object.values(cases).map(({ warmUp }) => warmUp)),
];

/** One warm-up for all cases needs no column. */
function warmUpLine({ cases }: StoredResult): string[] {
  const [warmUp, ...others] = warmUpsOf(cases);
  return warmUp === undefined || others.length > 0 ? [] : [`Warm-up of each case: ${warmUp}.`];
}

function goalTable({ suite, goals }: StoredResult): string {
  if (goals.length === 0) return '(no goals)';
  const before = new Map(load(suite, FOLDERS.whole)?.goals.map(({ what, ratio }) => [what, ratio.median]));
  const rows = goals.map(({ what, bound, ratio, met }) => {
    const was = before.get(what);
    return [what, bound, shownSpread(ratio), met ? 'met' : '**missed**', was === undefined ? '' : shown(was)];
  });
  return table(['goal', 'bound', 'measured', '', 'run before'], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function circumstances({ date, node, platform, cpu, cores, threads, rounds }: StoredResult): string {
  const purpose = QUICK ? 'A quick run, which shows that it works and measures nothing. ' : '';
  const method = `Median (min-max) of up to ${rounds} interleaved rounds, each sample in its own process.`;
  const machine = `Node ${node}, ${platform}, ${cpu}, ${cores} cores, ${threads} threads`;
  return `${purpose}${method} ${date}, ${machine}.`;
}

function file(folder: Folder, suite: string, extension: 'json' | 'md'): string {
  return fileURLToPath(new URL(`${suite}.${extension}`, folder));
}
