/**
 * Tables of results, and the files they are kept in.
 *
 * bench/results/<suite>.json and .md are committed: the next run prints beside each goal what it was before.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { SuiteResult } from './judge.js';
import { shown, shownSpread } from './statistics.js';
import { THREADS } from './suite.js';

const FOLDER = new URL('../../bench/results/', import.meta.url);

/** The result of a suite as Markdown. */
export function tables(result: SuiteResult): string {
  return [
    `## ${result.suite}`,
    result.question,
    figureTable(result),
    goalTable(result),
    circumstances(),
  ].join('\n\n');
}

/** Writes the result of a suite where the next run and the reader find it. */
export function save(result: SuiteResult): void {
  const markdown = `${tables(result).replace('## ', '# ')}\n`;
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(file(result.suite, 'md'), markdown);
  writeFileSync(file(result.suite, 'json'), `${JSON.stringify({ ...meta(), ...result }, undefined, 2)}\n`);
}

function figureTable({ figures }: SuiteResult): string {
  const names = [...new Set(Object.values(figures).flatMap((spreads) => Object.keys(spreads)))];
  const rows = Object.entries(figures).map(([name, spreads]) => [
    name,
    ...names.map((figure) => (spreads[figure] === undefined ? '' : shownSpread(spreads[figure]))),
  ]);
  return table(['case', ...names], rows);
}

function goalTable({ suite, goals }: SuiteResult): string {
  if (goals.length === 0) return '(no goals)';
  const before = new Map(previous(suite)?.goals.map(({ what, ratio }) => [what, ratio.median]));
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

function previous(suite: string): SuiteResult | undefined {
  try {
    return JSON.parse(readFileSync(file(suite, 'json'), 'utf8'));
  } catch {
    // The first run on this machine has nothing to compare with.
    return undefined;
  }
}

function meta(): Readonly<Record<string, string | number>> {
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cores: availableParallelism(),
    threads: THREADS,
  };
}

function circumstances(): string {
  const { date, node, platform, cores, threads } = meta();
  return `Median (min-max). ${date}, Node ${node}, ${platform}, ${cores} cores, ${threads} threads.`;
}

function file(suite: string, extension: 'json' | 'md'): string {
  return fileURLToPath(new URL(`${suite}.${extension}`, FOLDER));
}
