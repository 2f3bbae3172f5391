/** The row of `heddle results`. */

import type { CommandRow } from '../../shell/command-row.js';
import { COMMON_FLAGS } from '../../shell/flag.js';
import { notEmpty } from '../../shell/flag-values.js';
import { SESSION_HELP } from '../sessions/place.js';

export const RESULTS: CommandRow = {
  name: 'results',
  args: [['<session>', SESSION_HELP]],
  help: 'Prints the recorded outcomes as JSON lines, in input order.',
  flags: [
    { spec: '--status <status>', help: 'only these: succeeded or failed', choices: ['succeeded', 'failed'] },
    { spec: '--values', help: 'only the values of succeeded tasks, one JSON value per line' },
    {
      spec: '-o, --output <file>',
      help: 'write them to a file (default: stdout)',
      parse: notEmpty,
      isFile: true,
    },
    ...COMMON_FLAGS,
  ],
  takesSession: true,
  load: async () => (await import('./results-command.js')).resultsCommand,
};
