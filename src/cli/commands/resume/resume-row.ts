/** The row of `heddle resume`. */

import type { CommandRow } from '../../shell/command-row.js';
import { RESUME_FLAGS } from '../run/run-flags.js';
import { SESSION_HELP } from '../sessions/place.js';

export const RESUME: CommandRow = {
  name: 'resume',
  args: [['[session]', SESSION_HELP]],
  help: 'Runs the command of a session again, for the tasks that have no outcome yet.',
  flags: RESUME_FLAGS,
  takesSession: true,
  notes: `Module, inputs and flags are those of the session's last run; flags given here take their place.
heddle status lists the sessions.`,
  load: async () => (await import('./resume-command.js')).resumeCommand,
};
