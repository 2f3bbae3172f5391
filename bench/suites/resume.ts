/**
 * Resuming: how long until a session with many outcomes goes on?
 *
 * The new tasks are at the end of the inputs, the worst case: each of the others must be looked up first.
 * Inputs come from a generator. Sessions are filled by a run of their own, and everything is measured in
 * programs of bench/programs, each in a fresh process.
 */

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { missingSqlite } from '../rivals.js';
import { type Case, type Figures, type Goal, power, type Suite, sized } from '../suite.js';
import { inFolder, Records } from './durability-records.js';
import { sqliteStore } from './durability-stores.js';

const NEW_TASKS = 100;

const program = (name: string) => fileURLToPath(new URL(`../../../bench/programs/${name}`, import.meta.url));

async function figuresOf(name: string, ...args: (string | number)[]): Promise<Figures> {
  const { stdout } = await promisify(execFile)(process.execPath, [program(name), ...args.map(String)]);
  return JSON.parse(stdout);
}

const session = (count: number) => `heddle, ${power(count)}`;
const table = (count: number) => `better-sqlite3 select + JSON.parse, ${power(count)}`;

type Reading = 'iterate' | 'report';
const READINGS: readonly Reading[] = ['report', 'iterate'];
const FIRST: Readonly<Record<Reading, string>> = {
  report: 'first new task, report(), ms',
  iterate: 'first new task, for await, ms',
};
const PEAK: Readonly<Record<Reading, string>> = { report: 'report(), MB', iterate: 'for await, MB' };
const READ = 'all read, ms';
const READ_MB = 'all read, MB';
const [FEW, MANY] = [sized(1e5), sized(1e6)];

/** One session, read whole and then resumed twice. */
const resumed = (count: number): Case => ({
  name: session(count),
  measure: () =>
    inFolder(async (folder) => {
      const path = join(folder, 'session');
      await figuresOf('session-run.mjs', path, count, 0, 'report');
      const read = await figuresOf('session-read.mjs', path, count);
      const figures: Record<string, number> = {
        [READ]: read['ms'] ?? Number.NaN,
        [READ_MB]: read['peak MB'] ?? Number.NaN,
      };
      let done = count;
      for (const reading of READINGS) {
        const run = await figuresOf('session-run.mjs', path, done + NEW_TASKS, done, reading);
        done += NEW_TASKS;
        figures[FIRST[reading]] = run['first new task, ms'] ?? Number.NaN;
        figures[PEAK[reading]] = run['peak MB'] ?? Number.NaN;
      }
      return figures;
    }),
});

/** The same number of rows, read to find out which tasks are finished. */
const selected = (count: number): Case => ({
  name: table(count),
  missing: missingSqlite,
  measure: () =>
    inFolder(async (folder) => {
      const store = await sqliteStore(10_000)(folder, new Records(count));
      for (let from = 0; from < count; from += 10_000) await store.commit(from, 10_000);
      await store.close();
      const read = await figuresOf('sqlite-read.mjs', join(folder, 'outcomes.db'), count);
      return { [READ]: read['ms'] ?? Number.NaN, [READ_MB]: read['peak MB'] ?? Number.NaN };
    }),
});

const bounded = (what: string, figure: string, atMost: number): Goal => ({
  what,
  atMost,
  of: (lookup) => lookup(session(MANY), figure),
});

export const resume: Suite = {
  name: 'resume',
  question: 'How long until a session with many outcomes goes on, and how much memory does it take?',
  rounds: 3,
  warmUp: 'none, each figure is of a fresh process; the session is in the page cache',
  cases: [FEW, MANY].flatMap((count) => [resumed(count), selected(count)]),
  goals: [
    ...READINGS.flatMap((reading) => [
      bounded(`${power(MANY)}: ${FIRST[reading]}`, FIRST[reading], 2000),
      bounded(`${power(MANY)}: ${PEAK[reading]}`, PEAK[reading], 300),
    ]),
    {
      what: `${power(MANY)}: all read, heddle / better-sqlite3`,
      atMost: 0.8,
      of: (figure) => figure(session(MANY), READ) / figure(table(MANY), READ),
    },
  ],
};
