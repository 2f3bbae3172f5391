/**
 * Real work: which files the tasks of examples/ get, and whether their values are right.
 *
 * Lists are made once for a run of the suite, in its `prepare`, below build/: every so many-th file of a
 * folder in the order of their paths, and of these the ones for which the task succeeds. The values of the
 * plain loop are kept as the right answer; each sample compares its own lines with it, in any order.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sized } from '../suite.js';

/** The repository, which every program below runs in. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const DATA = join(ROOT, 'build', 'bench-real');

/** A task over a folder of files. */
export interface Work {
  readonly name: string;
  /** From the root of the repository. */
  readonly task: string;
  readonly folder: string;
  readonly pattern: RegExp;
  /** About so many files at most. */
  readonly limit: number;
  /** How many of these go to programs that start a process for each file. */
  readonly sampled: number;
}

const SCRIPTS = /\.[cm]?[jt]s$/;

export const WORKS: readonly Work[] = [
  {
    name: 'complexity of node_modules',
    task: 'examples/complexity.task.js',
    folder: 'node_modules',
    pattern: SCRIPTS,
    limit: 1500,
    sampled: 100,
  },
  {
    name: 'fingerprint of node_modules',
    task: 'examples/fingerprint.task.js',
    folder: 'node_modules',
    pattern: /./,
    limit: 6000,
    sampled: 100,
  },
  {
    name: 'fingerprint of YAML files',
    task: 'examples/fingerprint.task.js',
    folder: '../shared/data/crds',
    pattern: /\.ya?ml$/,
    limit: 2000,
    sampled: 100,
  },
];

/** Why there are no files; undefined when there are. */
export function missingFiles({ folder }: Work): string | undefined {
  return existsSync(join(ROOT, folder)) ? undefined : `there is no folder ${folder}`;
}

const slug = ({ name }: Work) => name.replaceAll(' ', '-');

/** All files, or the few for programs with a process for each. */
export type Extent = 'all' | 'sampled';

export const listOf = (work: Work, extent: Extent) => join(DATA, `${slug(work)}.${extent}.txt`);
const answersOf = (work: Work) => join(DATA, `${slug(work)}.answers.jsonl`);

/** Makes the lists and the right answers; reads every file once, so that all cases find them in memory. */
export function prepareWork(work: Work): void {
  mkdirSync(DATA, { recursive: true });
  const found = filesBelow(join(ROOT, work.folder), work.pattern).map((path) => relative(ROOT, path));
  const [all, sampled] = [listOf(work, 'all'), listOf(work, 'sampled')];
  writeFileSync(all, `${spread(found, sized(work.limit)).join('\n')}\n`);
  run('tried.mjs', work.task, all, all);
  writeFileSync(sampled, `${spread(paths(work, 'all'), sized(work.sampled)).join('\n')}\n`);
  rmSync(answersOf(work), { force: true });
  run('loop.mjs', work.task, answersOf(work), 'list', all);
}

export function paths(work: Work, extent: Extent): readonly string[] {
  return linesOf(listOf(work, extent));
}

/** Throws unless the JSON lines of these files, taken together, are what the loop made of the same paths. */
export function check(work: Work, extent: Extent, outputs: readonly string[]): void {
  const wanted = new Set(paths(work, extent));
  const right = linesOf(answersOf(work)).filter((line) => wanted.has(JSON.parse(line).path));
  const given = outputs.flatMap(linesOf);
  if (given.toSorted().join('\n') !== right.toSorted().join('\n'))
    throw new Error(`${work.name}: ${given.length} values, not the ${right.length} of the loop`);
}

export const program = (name: string) => join(ROOT, 'bench', 'programs', name);

function run(name: string, ...args: readonly string[]): void {
  execFileSync(process.execPath, [program(name), ...args], { cwd: ROOT });
}

function linesOf(file: string): string[] {
  return readFileSync(file, 'utf8').split('\n').filter(Boolean);
}

function filesBelow(folder: string, pattern: RegExp): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** At most `limit` of a list, evenly spread over it. */
function spread(list: readonly string[], limit: number): string[] {
  const step = Math.max(1, list.length / limit);
  return Array.from({ length: Math.min(limit, list.length) }, (_, i) => list[Math.floor(i * step)] ?? '');
}
