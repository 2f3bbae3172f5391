/** The row of `heddle verify`. */

import type { CommandRow } from '../../shell/command-row.js';
import { COMMON_FLAGS, JSON_FLAG } from '../../shell/flag.js';
import { SESSION_HELP } from '../sessions/place.js';

export const VERIFY: CommandRow = {
  name: 'verify',
  args: [['<session>', SESSION_HELP]],
  help: 'Checks every checksum of a session.',
  flags: [
    { spec: '--repair', help: 'set damaged parts aside; the tasks they held run again at the next resume' },
    JSON_FLAG,
    ...COMMON_FLAGS,
  ],
  takesSession: true,
  load: async () => (await import('./verify-command.js')).verifyCommand,
};
