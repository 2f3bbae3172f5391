/**
 * Start-up: from the start of a process to its first result, and to its end.
 *
 * The programs are in bench/programs: plain JavaScript, as a user would write it. "First result" is when the
 * first byte of their output arrives here.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Case, Figures, Goal, Suite } from '../suite.js';
import { taskModule } from '../suite.js';

const program = (name: string) => fileURLToPath(new URL(`../../../bench/programs/${name}`, import.meta.url));
const CLI = fileURLToPath(new URL('../../../dist/cli/shell/bin.js', import.meta.url));
const TASK = fileURLToPath(taskModule('increment'));

async function spawned(args: readonly string[]): Promise<Figures> {
  // The session that a run makes is deleted below.
  const cwd = mkdtempSync(join(tmpdir(), 'heddle-startup-'));
  const startedAt = performance.now();
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'ignore'] });
  const first = once(child.stdout, 'data').then(() => performance.now());
  const [code] = await once(child, 'exit');
  const endedAt = performance.now();
  rmSync(cwd, { recursive: true });
  if (code !== 0) throw new Error(`The program ended with ${code}`);
  return { 'first result, ms': (await first) - startedAt, 'end, ms': endedAt - startedAt };
}

const started = (name: string, ...args: string[]): Case => ({ name, measure: () => spawned(args) });

const ofCommand = (name: string, ...args: string[]): Case => ({
  name,
  missing: () => (existsSync(CLI) ? undefined : 'the command is not built'),
  measure: () => spawned([CLI, ...args]),
});

const ratio = (what: string, one: string, other: string, figure: string, atMost: number): Goal => ({
  what,
  atMost,
  of: (lookup) => lookup(one, figure) / lookup(other, figure),
});

const FIRST = 'first result, ms';

export const startup: Suite = {
  name: 'startup',
  question: 'How long from the start of a process to its first result?',
  rounds: 15,
  warmUp: 'none, that is what is measured; files are in the page cache from the second round on',
  cases: [
    started('bare Node, prints a version', '-p', '"0.0.0"'),
    ofCommand('heddle --version', '--version'),
    started('bare Node, task in this thread', program('bare-node.mjs')),
    started('bare Piscina', program('bare-piscina.mjs')),
    started('heddle, library', program('heddle-library.mjs')),
    ofCommand('heddle run', 'run', TASK, '1', '--progress', 'none', '--no-session'),
    ofCommand('heddle run, with a session', 'run', TASK, '1', '--progress', 'none'),
  ],
  goals: [
    ratio(
      'heddle --version / bare Node, to the end',
      'heddle --version',
      'bare Node, prints a version',
      'end, ms',
      1.3,
    ),
    ratio('heddle run / bare Piscina, first result', 'heddle run', 'bare Piscina', FIRST, 1.5),
    {
      what: 'heddle library - bare Piscina, first result, ms',
      atMost: 10,
      of: (figure) => figure('heddle, library', FIRST) - figure('bare Piscina', FIRST),
    },
    {
      what: 'heddle run - bare Piscina, first result, ms',
      atMost: 25,
      of: (figure) => figure('heddle run', FIRST) - figure('bare Piscina', FIRST),
    },
  ],
};
