/** The flags of the commands that look at sessions, and what the commands get of them. */

import type { Flag } from '../../shell/flag.js';
import { duration, notEmpty } from '../../shell/flag-values.js';

/** Of every command. */
export interface CommonFlags {
  readonly json?: true;
  readonly verbose?: true;
  readonly color: boolean;
}

/** Of `heddle status`. */
export interface StatusFlags extends CommonFlags {
  readonly watch?: true;
}

/** Of `heddle results`. */
export interface ResultsFlags extends CommonFlags {
  readonly status?: 'succeeded' | 'failed';
  readonly values?: true;
  readonly output?: string;
}

/** Of `heddle sessions`. */
export interface SessionsFlags extends CommonFlags {
  readonly prune?: true;
  readonly all?: true;
  readonly olderThan?: number;
  readonly dryRun?: true;
}

/** Of `heddle verify`. */
export interface VerifyFlags extends CommonFlags {
  readonly repair?: true;
}

const COMMON: readonly Flag[] = [
  { spec: '--verbose', help: 'stack traces of errors' },
  { spec: '--no-color', help: 'no colours (NO_COLOR does the same)' },
];
const JSON_FLAG: Flag = { spec: '--json', help: 'as JSON' };
const MAX_AGE_MS = 3650 * 86_400_000;

export const STATUS_FLAGS: readonly Flag[] = [
  { spec: '--watch', help: 'again every second, until no run works on the session' },
  JSON_FLAG,
  ...COMMON,
];

export const RESULTS_FLAGS: readonly Flag[] = [
  { spec: '--status <status>', help: 'only these: succeeded or failed', choices: ['succeeded', 'failed'] },
  { spec: '--values', help: 'only the values of succeeded tasks, one JSON value a line' },
  {
    spec: '-o, --output <file>',
    help: 'write them to a file (default: stdout)',
    parse: notEmpty,
    isFile: true,
  },
  ...COMMON,
];

export const SESSIONS_FLAGS: readonly Flag[] = [
  { spec: '--prune', help: 'delete sessions in which every task succeeded and that nobody uses' },
  { spec: '--all', help: 'with --prune: also those with failed tasks or tasks that have not run' },
  {
    spec: '--older-than <duration>',
    help: 'with --prune: only those not written to for so long, such as 12h or 7d',
    parse: duration(0, MAX_AGE_MS),
  },
  { spec: '--dry-run', help: 'with --prune: show what would be deleted, delete nothing' },
  JSON_FLAG,
  ...COMMON,
];

export const VERIFY_FLAGS: readonly Flag[] = [
  { spec: '--repair', help: 'set damaged parts aside; the tasks they held run again at the next resume' },
  JSON_FLAG,
  ...COMMON,
];
