/** The row of `heddle status`. */

import type { CommandRow } from '../../shell/command-row.js';
import { COMMON_FLAGS, JSON_FLAG } from '../../shell/flag.js';
import { SESSION_HELP } from '../sessions/place.js';

export const STATUS: CommandRow = {
  name: 'status',
  args: [['[session]', `${SESSION_HELP}; all of .heddle/sessions without it`]],
  help: 'Shows what is done, failed and running, how fast, and when it ends.',
  flags: [
    { spec: '--watch', help: 'repeat every second, until no run works on the session' },
    JSON_FLAG,
    ...COMMON_FLAGS,
  ],
  takesSession: true,
  load: async () => (await import('./status-command.js')).statusCommand,
};
