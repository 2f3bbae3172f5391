/** The row of `heddle sessions`. */

import type { CommandRow } from '../../shell/command-row.js';
import { COMMON_FLAGS, JSON_FLAG } from '../../shell/flag.js';
import { duration } from '../../shell/flag-values.js';

const MAX_AGE_MS = 3650 * 86_400_000;

export const SESSIONS: CommandRow = {
  name: 'sessions',
  args: [],
  help: 'Lists the sessions of .heddle/sessions, and deletes old ones.',
  flags: [
    { spec: '--prune', help: 'delete sessions that are not in use and in which every task succeeded' },
    { spec: '--all', help: 'with --prune: also those with failed tasks or tasks that have not run' },
    {
      spec: '--older-than <duration>',
      help: 'with --prune: only those not written to for this long, such as 12h or 7d',
      parse: duration(0, MAX_AGE_MS),
    },
    { spec: '--dry-run', help: 'with --prune: show what would be deleted, delete nothing' },
    JSON_FLAG,
    ...COMMON_FLAGS,
  ],
  load: async () => (await import('./sessions-command.js')).sessionsCommand,
};
