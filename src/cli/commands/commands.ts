/**
 * The commands, in the order of help. Parsing, help, completion and the test of docs/reference/cli.md use this
 * table.
 */

import type { Flag } from '../shell/flag.js';
import { BENCH_FLAGS } from './bench/bench-flags.js';
import { HTTP_CALL_FLAGS } from './http-call/http-flags.js';
import { RESUME_FLAGS, RUN_FLAGS } from './run/run-flags.js';
import { RESULTS_FLAGS, SESSIONS_FLAGS, STATUS_FLAGS, VERIFY_FLAGS } from './sessions/session-flags.js';

/** One command. */
export interface CommandRow {
  readonly name: string;
  /** The word in front of its name: commands of one integration. */
  readonly group?: string;
  /** Its arguments, as commander reads them, each with its help. */
  readonly args: readonly (readonly [spec: string, help: string])[];
  readonly help: string;
  readonly flags: readonly Flag[];
  /** Its first argument is a session. */
  readonly takesSession?: true;
}

const SESSION = 'a name under .heddle/sessions/, or a folder';

export const COMMANDS = {
  run: {
    name: 'run',
    args: [
      ['<task-module>', 'the file that default-exports the task function'],
      ['[inputs...]', 'inputs, as strings; after them come those of --glob, then those of -i'],
    ],
    help: 'Maps a task module over inputs.',
    flags: RUN_FLAGS,
  },
  resume: {
    name: 'resume',
    args: [['[session]', SESSION]],
    help: 'Runs the command of a session again: what has an outcome is not run again.',
    flags: RESUME_FLAGS,
    takesSession: true,
  },
  status: {
    name: 'status',
    args: [['[session]', `${SESSION}; all of .heddle/sessions without it`]],
    help: 'Shows what is done, failed and running, how fast, and when it ends.',
    flags: STATUS_FLAGS,
    takesSession: true,
  },
  results: {
    name: 'results',
    args: [['<session>', SESSION]],
    help: 'Prints the recorded outcomes as JSON lines, in input order.',
    flags: RESULTS_FLAGS,
    takesSession: true,
  },
  sessions: {
    name: 'sessions',
    args: [],
    help: 'Lists the sessions of .heddle/sessions, and deletes old ones.',
    flags: SESSIONS_FLAGS,
  },
  verify: {
    name: 'verify',
    args: [['<session>', SESSION]],
    help: 'Checks every checksum of a session.',
    flags: VERIFY_FLAGS,
    takesSession: true,
  },
  bench: {
    name: 'bench',
    args: [
      ['<task-module>', 'the file that default-exports the task function'],
      ['[inputs...]', 'inputs, as strings; after them come those of --glob, then those of -i'],
    ],
    help: 'Runs a sample of the inputs in several ways and says which flags to use.',
    flags: BENCH_FLAGS,
  },
  'http call': {
    group: 'http',
    name: 'call',
    args: [['<service.endpoint>', 'a service and its endpoint, operation or alias, such as github.getUser']],
    help: 'Calls an endpoint of a REST or GraphQL service, once or for each item of a batch.',
    flags: HTTP_CALL_FLAGS,
  },
} as const satisfies Record<string, CommandRow>;
