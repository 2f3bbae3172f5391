/**
 * Real work: the tasks of examples/ over real files, as whole processes from start to end.
 *
 * The baseline is a loop over all paths in one process. heddle runs as a command.
 * xargs and GNU parallel run the same loop with two processes at a time, 200 paths each, which spares most
 * starts of a process; and one path each, as they mostly are used, which costs a start for every file: these
 * get fewer files, evenly spread over the others. All write the values of the task as JSON lines, and every
 * sample compares them with the loop's. Files are in memory (the page cache) from the start.
 */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Case, type Figures, type Goal, type Lookup, type Suite, THREADS } from '../suite.js';
import { inFolder } from './durability-records.js';
import {
  check,
  type Extent,
  listOf,
  missingFiles,
  paths,
  prepareWork,
  program,
  ROOT,
  WORKS,
  type Work,
} from './real-work.js';

const CLI = join(ROOT, 'dist', 'main', 'cli', 'bin.js');
const NODE = process.execPath;
const PER_PROCESS = 200;
/** Shorter than the limit of a sample, at whose end these programs would keep running. */
const LIMIT_MS = 110_000;

const RATE = 'files/s';

/** A program that does the work, and where it leaves its lines: files of this folder. */
type Command = (work: Work, extent: Extent, folder: string) => readonly [program: string, ...args: string[]];

interface Way {
  readonly name: string;
  readonly extent: Extent;
  readonly command: Command;
  readonly tool?: string;
}

const loop = (work: Work, folder: string) =>
  [NODE, program('loop.mjs'), work.task, join(folder, '%.jsonl')] as const;

const heddle =
  (threads: number, ...more: readonly string[]): Command =>
  (work, extent, folder) => [
    ...([
      NODE,
      CLI,
      'run',
      work.task,
      '-i',
      listOf(work, extent),
      '--values',
      '-t',
      String(threads),
    ] as const),
    ...['-o', join(folder, 'values.jsonl'), '--progress', 'none', '--quiet'],
    ...(more.length > 0 ? more : ['--session', join(folder, 'session')]),
  ];

const xargs =
  (perProcess: number): Command =>
  (work, extent, folder) => [
    ...([
      'xargs',
      '-d',
      '\\n',
      '-a',
      listOf(work, extent),
      '-n',
      String(perProcess),
      '-P',
      String(THREADS),
    ] as const),
    ...[...loop(work, folder), 'each'],
  ];

const parallel =
  (perProcess: number): Command =>
  (work, extent, folder) => [
    ...(['parallel', '--will-cite', '-a', listOf(work, extent), '-N', String(perProcess)] as const),
    ...['-j', String(THREADS), ...loop(work, folder), 'each'],
  ];

const LOOP = 'loop in one process';
const TWO = 'heddle run, 2 threads';
const WAYS: readonly Way[] = [
  {
    name: LOOP,
    extent: 'all',
    command: (work, extent, folder) => [...loop(work, folder), 'list', listOf(work, extent)],
  },
  { name: 'heddle run, 1 thread', extent: 'all', command: heddle(1, '--no-session') },
  { name: TWO, extent: 'all', command: heddle(THREADS, '--no-session') },
  { name: 'heddle run, 2 threads, with a session', extent: 'all', command: heddle(THREADS) },
  { name: `xargs -P 2 -n ${PER_PROCESS}`, extent: 'all', command: xargs(PER_PROCESS), tool: 'xargs' },
  {
    name: `parallel -j 2 -N ${PER_PROCESS}`,
    extent: 'all',
    command: parallel(PER_PROCESS),
    tool: 'parallel',
  },
  { name: 'xargs -P 2 -n 1', extent: 'sampled', command: xargs(1), tool: 'xargs' },
  { name: 'parallel -j 2 -N 1', extent: 'sampled', command: parallel(1), tool: 'parallel' },
];

async function measured(work: Work, { extent, command }: Way): Promise<Figures> {
  return inFolder(async (folder) => {
    const [file, ...args] = command(work, extent, folder);
    const startedAt = performance.now();
    const child = spawn(file, args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'], timeout: LIMIT_MS });
    const [code] = await once(child, 'exit');
    const ms = performance.now() - startedAt;
    if (code !== 0) throw new Error(`${file} ended with ${code}`);
    const outputs = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
    check(
      work,
      extent,
      outputs.map((name) => join(folder, name)),
    );
    const count = paths(work, extent).length;
    return { files: count, s: ms / 1000, [RATE]: (count / ms) * 1000 };
  });
}

/** Why a program cannot be started; undefined when it can. */
function missingTool(tool: string | undefined): string | undefined {
  if (tool === undefined) return existsSync(CLI) ? undefined : 'the command is not built';
  try {
    execFileSync(tool, ['--version'], { stdio: ['ignore', 'pipe', 'ignore'] });
    return undefined;
  } catch {
    return `${tool} is not installed`;
  }
}

const nameOf = (way: string, work: Work) => `${way}: ${work.name}`;

const casesOf = (work: Work): Case[] =>
  WAYS.map((way) => ({
    name: nameOf(way.name, work),
    missing: () => missingFiles(work) ?? missingTool(way.tool),
    measure: () => measured(work, way),
  }));

async function prepare(): Promise<Figures> {
  const works = WORKS.filter((work) => missingFiles(work) === undefined);
  for (const work of works) prepareWork(work);
  return Object.fromEntries(works.map((work) => [`files, ${work.name}`, paths(work, 'all').length]));
}

const workOf = (caseName: string) => WORKS.find(({ name }) => caseName.endsWith(`: ${name}`));

function timesTheLoop(caseName: string, figure: Lookup): number {
  const work = workOf(caseName);
  return work === undefined ? Number.NaN : figure(caseName, RATE) / figure(nameOf(LOOP, work), RATE);
}

const TIMES = 'times the loop';
/**
 * What two cores should gain. A hundred YAML files are done before a second thread has started: shown, not
 * judged.
 */
const BOUND = 1.6;
const JUDGED = WORKS.filter(({ folder }) => folder === 'node_modules');

const goalOf = (work: Work): Goal => ({
  what: `${work.name}: ${TWO} / ${LOOP}, files/s`,
  atLeast: BOUND,
  of: (figure) => timesTheLoop(nameOf(TWO, work), figure),
});

export const real: Suite = {
  name: 'real',
  question: 'Real files, whole processes: how many files a second, beside a loop, xargs and GNU parallel?',
  rounds: 5,
  warmUp: 'none, a process from start to end; files are in the page cache',
  prepare,
  cases: WORKS.flatMap(casesOf),
  compared: { heading: TIMES, of: timesTheLoop },
  goals: JUDGED.map(goalOf),
  plots: [
    {
      shape: 'bars',
      file: 'real',
      question: 'Real work over real files: how many times as fast as a loop in one process?',
      value: { name: 'files per second, as a multiple of the loop (median)' },
      groups: WORKS.map(({ name }) => name),
      bars: WAYS.map(({ name }) => ({
        name,
        places: WORKS.map((work) => ({ case: nameOf(name, work), figure: TIMES })),
      })),
    },
  ],
};
