/**
 * The command line, made from the table of commands.
 *
 * commander parses, suggests and prints help; its own endings become exit codes here (help 0, anything it
 * refuses 2). A command is loaded when it is called.
 */

import { Command, CommanderError } from 'commander';
import { COMMANDS } from '../commands/commands.js';
import { type CommandRow, fullName } from './command-row.js';
import { type Ending, EXIT } from './exit-codes.js';
import { optionsOf } from './flag.js';
import { withShell } from './shell.js';
import { version } from './version.js';

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
  for (const row of COMMANDS) addCommand(program, row, onEnd);
  addCompletion(program);
  return program;
}

function addCommand(program: Command, row: CommandRow, onEnd: (ending: Ending) => void): void {
  const command = groupOf(program, row.group)
    .command(row.name)
    .description(row.help)
    .showHelpAfterError(`(heddle ${fullName(row)} --help lists the flags)`);
  for (const [spec, meaning] of row.args) command.argument(spec, meaning);
  for (const option of optionsOf(row.flags)) command.addOption(option);
  if (row.examples !== undefined)
    command.addHelpText('before', `Examples:\n${row.examples.map((line) => `  ${line}\n`).join('')}`);
  if (row.notes !== undefined) command.addHelpText('after', `\n${row.notes}`);
  command.action(async () => {
    const run = await row.load();
    // commander's values have no types; the row's parsers make them what its command declares.
    onEnd(
      await withShell(command.opts(), (shell) =>
        run(command.processedArgs as never, command.opts() as never, shell),
      ),
    );
  });
}

/** The command that holds those of a group, made with the first of them. */
function groupOf(program: Command, group: CommandRow['group']): Command {
  if (group === undefined) return program;
  const { name, help } = group;
  const made = program.commands.find((command) => command.name() === name);
  return (
    made ??
    program.command(name).description(help).showHelpAfterError(`(heddle ${name} --help lists its commands)`)
  );
}

function addCompletion(program: Command): void {
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
}
