/** The row of `heddle bench`. Flags that `heddle run` has as well mean the same. */

import { InvalidArgumentError } from 'commander';
import type { CommandRow } from '../../shell/command-row.js';
import { COMMON_FLAGS, type Flag } from '../../shell/flag.js';
import { duration, integer, integerOr, notEmpty } from '../../shell/flag-values.js';
import { RUN_FLAGS } from '../run/run-flags.js';
import { TASK_ARGS } from '../run/run-row.js';

const FLAGS: readonly Flag[] = [
  ...flagsOfRun('-i, --input <file>', '--glob <pattern>', '--format <format>'),
  ...inGroup('What is measured:', [
    {
      spec: '--sample <n|auto>',
      help: 'how many inputs to run, evenly spread over the batch (default: auto, about one second of work)',
      parse: integerOr('auto', 2, 1_000_000),
    },
    {
      spec: '-t, --threads <list>',
      help: 'numbers of threads to compare, such as 1,2,4 (default: from 1 to the number of processors)',
      parse: list(integer(1, 1024)),
    },
    {
      spec: '-c, --concurrency <list>',
      help: 'numbers of tasks at once to compare, such as 8,32 (default: several, if tasks wait)',
      parse: list(integer(1, 1_000_000)),
    },
    {
      spec: '--chunk <list>',
      help: 'sizes of chunks to compare, such as 1,16,auto (default: several, if tasks are short)',
      parse: list(integerOr('auto', 1, 100_000)),
    },
    { spec: '--rounds <n>', help: 'how often to measure each variant (default: 5)', parse: integer(2, 1000) },
    {
      spec: '--max-time <duration>',
      help: 'time limit for everything; fewer rounds or variants if they do not fit (default: 60s)',
      parse: duration(1000),
    },
    ...flagsOfRun('--timeout <duration>', '--memory-limit <MB>'),
    { spec: '--force', help: "run a task that exports execution = 'at-most-once' too, many times" },
  ]),
  ...inGroup('What is shown:', [
    {
      spec: '-o, --output <file>',
      help: 'write the report to a file (default: stdout)',
      parse: notEmpty,
      isFile: true,
    },
    { spec: '--json', help: 'as one JSON object', conflicts: 'markdown' },
    { spec: '--markdown', help: 'as a Markdown table' },
    { spec: '--quiet', help: 'no progress, and no output of tasks', conflicts: 'verbose' },
    ...COMMON_FLAGS,
  ]),
];

export const BENCH: CommandRow = {
  name: 'bench',
  args: TASK_ARGS,
  help: 'Runs a sample of the inputs in several ways and says which flags to use.',
  flags: FLAGS,
  examples: [
    "heddle bench resize.task.js --glob 'photos/*.jpg'",
    'heddle bench fetch.js -i urls.txt -c 8,32',
  ],
  notes: `The task runs over the sample many times, about (rounds + 2) x variants.
Its side effects occur as often.
Variants: a plain loop, heddle on the main thread, 1 to n threads, sizes of chunks, tasks at once.
All must give equal results. Nothing is recorded.

Exit codes: 0 with a report, 1 the task prevents one, 2 wrong usage, 70 a bug in heddle,
74 the report could not be written. Ctrl-C ends it at once.`,
  load: async () => (await import('./bench-command.js')).benchCommand,
};

function inGroup(group: string, flags: readonly Flag[]): Flag[] {
  return flags.map((flag) => ({ ...flag, group }));
}

function flagsOfRun(...specs: readonly string[]): Flag[] {
  return RUN_FLAGS.filter(({ spec }) => specs.includes(spec));
}

/** "1,2,4": each once, in the order given. */
function list<T>(parse: (text: string) => T): (text: string) => readonly T[] {
  return (text) => {
    const parts = text.split(',').map((part) => part.trim());
    if (parts.includes('')) throw new InvalidArgumentError('Expected a list such as 1,2,4.');
    return [...new Set(parts.map((part) => parse(part)))];
  };
}
