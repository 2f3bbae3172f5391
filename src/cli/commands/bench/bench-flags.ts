/** The flags of `heddle bench`. Those that `heddle run` has as well mean the same. */

import { InvalidArgumentError } from 'commander';
import type { Flag } from '../../shell/flag.js';
import { duration, integer, integerOr, notEmpty } from '../../shell/flag-values.js';
import { type InputFormat, RUN_FLAGS } from '../run/run-flags.js';

/** The parsed flags; undefined means not given. */
export interface BenchFlags {
  readonly input?: readonly string[];
  readonly glob?: readonly string[];
  readonly format?: InputFormat;
  readonly sample?: number | 'auto';
  readonly threads?: readonly number[];
  readonly concurrency?: readonly number[];
  readonly chunk?: readonly (number | 'auto')[];
  readonly timeout?: number;
  readonly memoryLimit?: number;
  readonly rounds?: number;
  readonly maxTime?: number;
  readonly force?: true;
  readonly output?: string;
  readonly json?: true;
  readonly markdown?: true;
  readonly quiet?: true;
  readonly verbose?: true;
  readonly color: boolean;
}

const MEASURED = 'What is measured:';
const SHOWN = 'What is shown:';

export const BENCH_FLAGS: readonly Flag[] = [
  ...ofRun('-i, --input <file>', '--glob <pattern>', '--format <format>'),
  {
    spec: '--sample <n|auto>',
    group: MEASURED,
    help: 'how many inputs to run, evenly spread over the batch (default: auto, about one second of work)',
    parse: integerOr('auto', 2, 1_000_000),
  },
  {
    spec: '-t, --threads <list>',
    group: MEASURED,
    help: 'numbers of threads to compare, such as 1,2,4 (default: from 1 to the number of processors)',
    parse: list(integer(1, 1024)),
  },
  {
    spec: '-c, --concurrency <list>',
    group: MEASURED,
    help: 'numbers of tasks at once to compare, such as 8,32 (default: several, where tasks wait)',
    parse: list(integer(1, 1_000_000)),
  },
  {
    spec: '--chunk <list>',
    group: MEASURED,
    help: 'sizes of chunks to compare, such as 1,16,auto (default: several, where tasks are short)',
    parse: list(integerOr('auto', 1, 100_000)),
  },
  {
    spec: '--rounds <n>',
    group: MEASURED,
    help: 'how often each variant is measured (default: 5)',
    parse: integer(2, 1000),
  },
  {
    spec: '--max-time <duration>',
    group: MEASURED,
    help: 'longest time for all of it; fewer rounds or variants if they do not fit (default: 60s)',
    parse: duration(1000),
  },
  { ...ofRun('--timeout <duration>')[0], group: MEASURED } as Flag,
  { ...ofRun('--memory-limit <MB>')[0], group: MEASURED } as Flag,
  {
    spec: '--force',
    group: MEASURED,
    help: "also a task that exports execution = 'at-most-once': it runs many times",
  },
  {
    spec: '-o, --output <file>',
    group: SHOWN,
    help: 'write the report to a file (default: stdout)',
    parse: notEmpty,
    isFile: true,
  },
  { spec: '--json', group: SHOWN, help: 'as one JSON object', conflicts: 'markdown' },
  { spec: '--markdown', group: SHOWN, help: 'as a Markdown table' },
  {
    spec: '--quiet',
    group: SHOWN,
    help: 'no progress, and nothing of what tasks print',
    conflicts: 'verbose',
  },
  { spec: '--verbose', group: SHOWN, help: 'stack traces of errors' },
  { spec: '--no-color', group: SHOWN, help: 'no colours (NO_COLOR does the same)' },
];

function ofRun(...specs: readonly string[]): Flag[] {
  return RUN_FLAGS.filter(({ spec }) => specs.includes(spec));
}

/** "1,2,4": each once, in the order given. */
function list<T>(parse: (text: string) => T): (text: string) => readonly T[] {
  return (text) => {
    const parts = text.split(',').map((part) => part.trim());
    if (parts.some((part) => part === '')) throw new InvalidArgumentError('Expected a list such as 1,2,4.');
    return [...new Set(parts.map((part) => parse(part)))];
  };
}
