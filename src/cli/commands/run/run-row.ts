/** The row of `heddle run`. */

import type { CommandRow } from '../../shell/command-row.js';
import { RUN_FLAGS } from './run-flags.js';

/** The arguments of commands that apply a task module to inputs. */
export const TASK_ARGS: CommandRow['args'] = [
  ['<task-module>', 'the file that default-exports the task function'],
  ['[inputs...]', 'inputs, as strings; after them come those of --glob, then those of -i'],
];

export const RUN: CommandRow = {
  name: 'run',
  args: TASK_ARGS,
  help: 'Maps a task module over inputs.',
  flags: RUN_FLAGS,
  examples: [
    "heddle run hash.js --glob 'photos/**/*.jpg' -o hashes.jsonl",
    'heddle run fetch.js -i users.jsonl -c 20 --retries 2 --failed-out failed.jsonl',
  ],
  notes: `The task module default-exports a function (input, ctx) => value.
Outcomes go to stdout, one JSON object per line; everything else goes to stderr.
Each outcome is recorded in a session first: however the run ends, heddle resume continues where it stopped.

Exit codes: 0 all tasks succeeded, 1 some failed, 2 wrong usage (nothing was started), 3 stopped early,
6 the session is in use, 7 it cannot be continued, 70 a bug in heddle, 74 output or session could not be
written. Ctrl-C once lets running tasks finish, twice stops them.`,
  load: async () => (await import('./run-command.js')).runCommand,
};
