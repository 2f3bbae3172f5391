import type { CommandRow } from '../../shell/command-row.js';
import { TASK_ARGS } from '../run/run-row.js';
import { BENCH_FLAGS, type BenchFlags } from './bench-flags.js';

export const BENCH: CommandRow = {
  name: 'bench',
  args: TASK_ARGS,
  help: 'Runs a sample of the inputs in several ways and says which flags to use.',
  flags: BENCH_FLAGS,
  notes: `The task runs over the sample many times, about (rounds + 2) x variants; so often occur its side effects.
Variants: a plain loop, heddle on the main thread, 1 to n threads, sizes of chunks, tasks at once. All must give
equal results. Nothing is recorded.

Exit codes: 0 with a report, 1 the task is to blame that there is none, 2 wrong usage, 70 a bug in heddle,
74 the report could not be written. Ctrl-C ends it at once.`,
  load: async () => {
    const { benchCommand } = await import('./bench-command.js');
    return ([module, args]: [module: string, inputs: string[]], flags: BenchFlags) =>
      benchCommand({ module, args, flags });
  },
};
