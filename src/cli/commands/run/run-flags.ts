/**
 * The flags of `heddle run` and `heddle resume`.
 *
 * The table adds no defaults of its own: a flag that is not given leaves the library's option unset. Values
 * are checked here as far as possible, so that a message names the flag as the user wrote it.
 */

import { type Flag, inGroup } from '../../shell/flag.js';
import {
  backoff,
  collect,
  duration,
  failureLimit,
  integer,
  integerOr,
  notEmpty,
  type Rate,
  rate,
  shard,
} from '../../shell/flag-values.js';
import { SESSION_HELP } from '../sessions/place.js';

/** How inputs are written in a file. */
export type InputFormat = 'jsonl' | 'json' | 'csv' | 'lines';
/** How progress is shown. */
export type ProgressMode = 'auto' | 'bar' | 'plain' | 'json' | 'none';

/** The parsed flags; undefined means not given. */
export interface RunFlags {
  readonly input?: readonly string[];
  readonly glob?: readonly string[];
  readonly format?: InputFormat;
  readonly key?: string;
  readonly output?: string;
  readonly values?: true;
  readonly failedOut?: string;
  readonly json?: true;
  readonly threads?: number | 'auto';
  readonly concurrency?: number | 'auto';
  readonly order?: 'input' | 'completion';
  readonly chunk?: number | 'auto';
  readonly window?: number | 'auto';
  readonly memoryLimit?: number;
  readonly inline?: true;
  readonly retries?: number;
  readonly backoff?: number;
  readonly rateLimit?: Rate;
  readonly burst?: number;
  readonly timeout?: number;
  readonly grace?: number;
  readonly deadline?: number;
  readonly failFast?: true;
  readonly maxFailures?: number | `${number}%`;
  readonly progress?: ProgressMode;
  readonly quiet?: true;
  readonly verbose?: true;
  readonly color: boolean;
  readonly dryRun?: true;
  /** False: none. Undefined: a new one. */
  readonly session?: string | false;
  readonly shard?: { readonly index: number; readonly count: number };
  readonly retryFailed?: true;
  readonly force?: true;
  readonly cache?: string;
}

const INPUTS = inGroup('Inputs:', [
  {
    spec: '-i, --input <file>',
    help: 'read a file: .jsonl, .ndjson, .json (array), .csv (objects), else lines; - is stdin (repeatable)',
    parse: collect,
    isFile: true,
  },
  {
    spec: '--glob <pattern>',
    help: 'the files that match, sorted; a leading ! excludes files (repeatable)',
    parse: collect,
  },
  {
    spec: '--format <format>',
    help: 'format of -i, whatever its name',
    choices: ['jsonl', 'json', 'csv', 'lines'],
  },
  {
    spec: '--key <field|template>',
    help: 'name of a task: a field (id) or a template ({host}/{path}; {} is the input) (default: a hash)',
    parse: notEmpty,
  },
]);

const RESULTS = inGroup('Results:', [
  {
    spec: '-o, --output <file>',
    help: 'write outcomes to a file, put in place when the run ends (default: stdout)',
    parse: notEmpty,
    isFile: true,
  },
  { spec: '--values', help: 'only the values of succeeded tasks, one JSON value per line' },
  {
    spec: '--failed-out <file>',
    help: 'write the inputs of failed tasks, ready to be used as -i; .jsonl adds the error',
    parse: notEmpty,
    isFile: true,
  },
  { spec: '--json', help: 'the closing summary as one JSON object: on stdout with -o, else on stderr' },
]);

const SESSION = inGroup('Session:', [
  {
    spec: '--session <name|dir>',
    help: `record outcomes in it, and continue it: ${SESSION_HELP} (default: a new one)`,
    parse: notEmpty,
  },
  { spec: '--no-session', help: 'record nothing; a run that is cut off starts from the beginning' },
  { spec: '--retry-failed', help: 'run tasks again that failed in an earlier run of the session' },
  {
    spec: '--shard <i/n>',
    help: 'run the i-th of n parts of the batch; other processes may run the others in the same session',
    parse: shard,
  },
  { spec: '--force', help: 'continue the session even if it belongs to another task or batch' },
  {
    spec: '--cache <dir>',
    help: 'keep values there, for all sessions: the same module does not run again for the same input',
    parse: notEmpty,
    isFile: true,
  },
]);

const SPEED = inGroup('Speed:', [
  {
    spec: '-t, --threads <n|auto>',
    help: 'worker threads (default: auto, one for each processor)',
    parse: integerOr('auto', 1, 1024),
  },
  {
    spec: '-c, --concurrency <n|auto>',
    help: 'tasks at once; more than threads helps tasks that wait (default: auto, the number of threads)',
    parse: integerOr('auto', 1, 1_000_000),
  },
  {
    spec: '--order <order>',
    help: 'order of the outcomes: input or completion (default: input)',
    choices: ['input', 'completion'],
  },
  {
    spec: '--chunk <n|auto>',
    help: 'tasks in one message to a thread (default: auto)',
    parse: integerOr('auto', 1, 100_000),
  },
  {
    spec: '--window <n|auto>',
    help: 'tasks read ahead of the written outcomes; bounds memory (default: auto)',
    parse: integerOr('auto', 1, 2 ** 30),
  },
  {
    spec: '--memory-limit <MB>',
    help: 'heap limit of each thread; a task that exceeds it fails',
    parse: integer(16, 1_000_000),
  },
  { spec: '--inline', help: 'run the task on the main thread, for a debugger or profiler' },
]);

const FAILURES = inGroup('Failures and time:', [
  {
    spec: '--rate-limit <n/unit>',
    help: 'most starts in any window of that length, retries included: 20/s, 100/m, 1000/h, 20/3s',
    parse: rate,
  },
  {
    spec: '--burst <n>',
    help: 'starts of --rate-limit at once; the others are spread (default: a twentieth of it, at least 1)',
    parse: integer(1, 1_000_000),
  },
  {
    spec: '--retries <n>',
    help: 'repeat a failed attempt up to n times more: 2 means 3 attempts (default: 0)',
    parse: integer(0, 999_999),
  },
  {
    spec: '--backoff <ms|duration>',
    help: 'longest wait before the first retry; doubles with each, jittered (default: 100ms)',
    parse: backoff,
  },
  {
    spec: '--timeout <duration>',
    help: 'longest time for one attempt, such as 500ms, 5s, 2m',
    parse: duration(1),
  },
  {
    spec: '--grace <duration>',
    help: 'how long running tasks may continue after a timeout or Ctrl-C (default: 10s)',
    parse: duration(0),
  },
  {
    spec: '--deadline <duration>',
    help: 'longest time for the whole run; then it is stopped',
    parse: duration(1),
  },
  { spec: '--fail-fast', help: 'stop at the first failed task', conflicts: 'maxFailures' },
  {
    spec: '--max-failures <n|p%>',
    help: 'stop when more tasks than this failed: a count, or a share of the batch such as 5%',
    parse: failureLimit,
  },
]);

const SHOWN = inGroup('What is shown:', [
  {
    spec: '--progress <mode>',
    help: 'on stderr: auto (bar on a terminal, else plain), bar, plain, json or none',
    choices: ['auto', 'bar', 'plain', 'json', 'none'],
  },
  { spec: '--quiet', help: 'no progress, no summary, no logs; errors only', conflicts: 'verbose' },
  { spec: '--verbose', help: 'each failure and retry, debug and info logs of tasks, stack traces' },
  { spec: '--no-color', help: 'no colours (NO_COLOR does the same)' },
  { spec: '--dry-run', help: 'check everything, show what would run, run nothing' },
]);

/** The flags of `heddle run`. */
export const RUN_FLAGS: readonly Flag[] = [
  ...INPUTS,
  ...RESULTS,
  ...SESSION,
  ...SPEED,
  ...FAILURES,
  ...SHOWN,
];

/** The flags of `heddle resume`: those of `heddle run` except inputs and session, which are recorded. */
export const RESUME_FLAGS: readonly Flag[] = RUN_FLAGS.filter(
  (flag) => !INPUTS.includes(flag) && !flag.spec.includes('session'),
);

/** Names of the flags that belong to one command line only; a session does not record them. */
export const OWN_FLAGS: ReadonlySet<string> = new Set([
  ...['session', 'shard', 'retryFailed', 'force', 'dryRun', 'progress', 'quiet', 'verbose', 'color'],
]);
