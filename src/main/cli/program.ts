/**
 * The command line: commands and help, made of the table of flags.
 *
 * commander parses, suggests and prints help; here its endings become exit codes (help 0, anything it refuses 2).
 */

import { Command, CommanderError } from 'commander';
import { EXIT } from './exit-codes.js';
import { type RunFlags, runOptions } from './flags.js';
import { type Ending, runCommand } from './run-command.js';
import { version } from './version.js';

const RUN_EXAMPLES = `Examples:
  heddle run hash.js --glob 'photos/**/*.jpg' -o hashes.jsonl
  heddle run fetch.js -i users.jsonl -c 20 --retries 2 --failed-out failed.jsonl
`;

const RUN_NOTES = `
The task module default-exports a function (input, ctx) => value.
Outcomes go to stdout, one JSON object a line; everything else goes to stderr.

Exit codes: 0 all tasks succeeded, 1 some failed, 2 wrong usage (nothing was started), 3 stopped early,
70 a bug in heddle, 74 output could not be written. Ctrl-C once lets running tasks finish, twice stops them.`;

/** Parses the arguments and runs the command that they name. */
export async function main(args: readonly string[]): Promise<Ending> {
  let ending: Ending = { code: EXIT.ok };
  const program = makeProgram((result) => {
    ending = result;
  });
  try {
    if (args.length === 0) {
      program.outputHelp({ error: true });
      return { code: EXIT.usage };
    }
    await program.parseAsync(args, { from: 'user' });
    return ending;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { code: error.exitCode === 0 ? EXIT.ok : EXIT.usage };
  }
}

function makeProgram(onEnd: (ending: Ending) => void): Command {
  const program = new Command('heddle')
    .description('Maps a task over a batch of inputs, on worker threads.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .configureHelp({ showGlobalOptions: false })
    .exitOverride()
    .showHelpAfterError('(heddle --help lists commands and flags)');
  const run = program
    .command('run')
    .description('Maps a task module over inputs.')
    .argument('<task-module>', 'the file that default-exports the task function')
    .argument('[inputs...]', 'inputs, as strings; after them come those of --glob, then those of -i')
    .showHelpAfterError('(heddle run --help lists the flags)')
    .addHelpText('before', RUN_EXAMPLES)
    .addHelpText('after', RUN_NOTES)
    .action(async (module: string, inputs: string[], flags: RunFlags) => {
      onEnd(await runCommand({ module, args: inputs, flags }));
    });
  for (const option of runOptions()) run.addOption(option);
  program
    .command('completion')
    .description('Prints the completion script of a shell.')
    .argument('<shell>', 'bash, zsh or fish')
    .action(async (shell: string) => {
      const { completionScript } = await import('./completion.js');
      const script = completionScript(shell);
      if (script === undefined)
        program.error(`error: there is no completion for ${shell}; try bash, zsh or fish`);
      process.stdout.write(script ?? '');
    });
  return program;
}
