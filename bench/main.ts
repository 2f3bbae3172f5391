/**
 * Runs benchmarks: `npm run bench [-- suite...]`; `-- --help` shows the options.
 *
 * Tables go to stdout, progress to stderr, and tables, figures and plots to bench/results/ (with `--quick` or
 * `--only`, which measure something else, to build/). Exit codes: 0, also when goals are missed; 2 for a
 * wrong command line.
 */

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { draw } from './draw.js';
import { installRivals } from './install.js';
import { dated, FOLDERS, load, save, tables } from './results.js';
import { runSuite } from './runner.js';
import { QUICK, type Suite } from './suite.js';
import { suites } from './suites.js';

const USAGE = `npm run bench [-- [options] [suite...]]

Runs the suites that are named, or all of them. Results go to bench/results/.

  --quick         one round with a tenth of the work: shows that everything works, and measures nothing
  --only <text>   only cases whose name contains this
  --plots         draw the plots again from bench/results/<suite>.json, without measuring
  --list          print the suites and their questions
  --help          print this

With --quick or --only, results go to build/bench-partial/ and leave bench/results/ alone.`;

function fail(message: string): never {
  console.error(`${message}\n'npm run bench -- --help' shows the options`);
  process.exit(2);
}

function commandLine() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        quick: { type: 'boolean' },
        only: { type: 'string' },
        plots: { type: 'boolean' },
        list: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    // Node adds how to pass such a word as an argument; no suite has such a name.
    return fail((error as Error).message.split('. ')[0] ?? '');
  }
}

function suitesNamed(names: readonly string[]): readonly Suite[] {
  const known = suites.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) fail(`There is no suite ${unknown.join(', ')}; there are ${known.join(', ')}`);
  return suites.filter(({ name }) => names.length === 0 || names.includes(name));
}

async function redraw(chosen: readonly Suite[]): Promise<void> {
  for (const suite of chosen) {
    const result = load(suite.name, FOLDERS.whole);
    if (result === undefined)
      console.error(`${suite.name}: bench/results/${suite.name}.json is not there yet`);
    else await draw(suite, result, FOLDERS.whole);
  }
}

async function measure(chosen: readonly Suite[], only: string | undefined): Promise<void> {
  const folder = QUICK || only !== undefined ? FOLDERS.partial : FOLDERS.whole;
  for (const suite of chosen) {
    if (only !== undefined && !suite.cases.some(({ name }) => name.includes(only))) continue;
    const result = dated(await runSuite(suite, { only }));
    console.log(tables(result));
    save(result, folder);
    await draw(suite, result, folder);
  }
  console.error(`results are in ${fileURLToPath(folder)}`);
}

const { values, positionals } = commandLine();
const chosen = suitesNamed(positionals);
if (values.help) console.log(USAGE);
else if (values.list) for (const { name, question } of suites) console.log(`${name.padEnd(14)}${question}`);
else {
  installRivals();
  if (values.plots) await redraw(chosen);
  else await measure(chosen, values.only);
}
