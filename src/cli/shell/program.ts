/**
 * The command line: commands and help, made of the tables of commands and flags.
 *
 * commander parses, suggests and prints help; here its endings become exit codes (help 0, anything it refuses 2). A command is loaded
 * when it is called for.
 */

import { Command, CommanderError } from 'commander';
import type { BenchFlags } from '../commands/bench/bench-flags.js';
import { COMMANDS, type CommandRow } from '../commands/commands.js';
import type { HttpCallFlags } from '../commands/http-call/http-flags.js';
import type { RunFlags } from '../commands/run/run-flags.js';
import type {
  ResultsFlags,
  SessionsFlags,
  StatusFlags,
  VerifyFlags,
} from '../commands/sessions/session-flags.js';
import { type Ending, EXIT } from './exit-codes.js';
import { optionsOf } from './flag.js';
import { version } from './version.js';

const RUN_EXAMPLES = `Examples:
  heddle run hash.js --glob 'photos/**/*.jpg' -o hashes.jsonl
  heddle run fetch.js -i users.jsonl -c 20 --retries 2 --failed-out failed.jsonl
`;

const RUN_NOTES = `
The task module default-exports a function (input, ctx) => value.
Outcomes go to stdout, one JSON object a line; everything else goes to stderr.
Each outcome is recorded in a session first: whatever ends the run, heddle resume goes on where it stopped.

Exit codes: 0 all tasks succeeded, 1 some failed, 2 wrong usage (nothing was started), 3 stopped early,
6 the session is in use, 7 it cannot be continued, 70 a bug in heddle, 74 output or session could not be
written. Ctrl-C once lets running tasks finish, twice stops them.`;

const RESUME_NOTES = `
Module, inputs and flags are those of the session's last run; flags given here take their place.
heddle status lists the sessions.`;

const BENCH_NOTES = `
The task runs over the sample many times, (rounds + 2) x variants or so: what it does to the world happens as often.
Variants: a plain loop, heddle on the main thread, 1 to n threads, sizes of chunks, tasks at once. All must give
equal results. Nothing is recorded.

Exit codes: 0 with a report, 1 the task is to blame that there is none, 2 wrong usage, 70 a bug in heddle,
74 the report could not be written. Ctrl-C ends it at once.`;

const HTTP_CALL_EXAMPLES = `Examples:
  heddle http call github.getUser --param id=7
  heddle http call api.getUser --batch-json '[{"id":1},{"id":2}]' --parallel
  heddle http call api.getUser --batch-file ids.ndjson -c 20 --rate-limit 20/s --retry 3 --output ndjson
`;

const HTTP_CALL_NOTES = `
A service is a YAML file: services/<name>.yaml, .heddle/services/<name>.yaml, a folder of HEDDLE_SERVICES, or --service.
Items are sent one after the other unless --parallel or -c is given. Answers go to stdout in the order of the items.

Exit codes: 0 all succeeded, 1 some failed, 2 wrong usage or configuration (nothing was sent), 6 the session is in
use, 7 it cannot be continued, 70 a bug in heddle, 74 output or session could not be written.`;

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
  addCommand(program, COMMANDS.run)
    .addHelpText('before', RUN_EXAMPLES)
    .addHelpText('after', RUN_NOTES)
    .action(async (module: string, inputs: string[], flags: RunFlags) => {
      const { runCommand } = await import('../commands/run/run-command.js');
      onEnd(await runCommand({ module, args: inputs, flags }));
    });
  addCommand(program, COMMANDS.resume)
    .addHelpText('after', RESUME_NOTES)
    .action(async (session: string | undefined, flags: RunFlags) => {
      const { resumeCommand } = await import('../commands/sessions/resume-command.js');
      onEnd(await resumeCommand(session, flags));
    });
  addCommand(program, COMMANDS.status).action(async (session: string | undefined, flags: StatusFlags) => {
    const { statusCommand } = await import('../commands/sessions/status-command.js');
    onEnd(await statusCommand(session, flags));
  });
  addCommand(program, COMMANDS.results).action(async (session: string, flags: ResultsFlags) => {
    const { resultsCommand } = await import('../commands/sessions/results-command.js');
    onEnd(await resultsCommand(session, flags));
  });
  addCommand(program, COMMANDS.sessions).action(async (flags: SessionsFlags) => {
    const { sessionsCommand } = await import('../commands/sessions/sessions-command.js');
    onEnd(await sessionsCommand(flags));
  });
  addCommand(program, COMMANDS.verify).action(async (session: string, flags: VerifyFlags) => {
    const { verifyCommand } = await import('../commands/sessions/verify-command.js');
    onEnd(await verifyCommand(session, flags));
  });
  addCommand(program, COMMANDS.bench)
    .addHelpText('after', BENCH_NOTES)
    .action(async (module: string, inputs: string[], flags: BenchFlags) => {
      const { benchCommand } = await import('../commands/bench/bench-command.js');
      onEnd(await benchCommand({ module, args: inputs, flags }));
    });
  addCommand(program, COMMANDS['http call'])
    .addHelpText('before', HTTP_CALL_EXAMPLES)
    .addHelpText('after', HTTP_CALL_NOTES)
    .action(async (target: string, flags: HttpCallFlags) => {
      const { httpCallCommand } = await import('../commands/http-call/http-call-command.js');
      onEnd(await httpCallCommand(target, flags));
    });
  addCompletion(program);
  return program;
}

const GROUPS: Readonly<Record<string, string>> = { http: 'Calls REST and GraphQL services.' };

function addCommand(program: Command, { group, name, args, help, flags }: CommandRow): Command {
  const command = groupOf(program, group)
    .command(name)
    .description(help)
    .showHelpAfterError(`(heddle ${group === undefined ? '' : `${group} `}${name} --help lists the flags)`);
  for (const [spec, meaning] of args) command.argument(spec, meaning);
  for (const option of optionsOf(flags)) command.addOption(option);
  return command;
}

/** The command that holds those of a group; made with the first of them. */
function groupOf(program: Command, group: string | undefined): Command {
  if (group === undefined) return program;
  const made = program.commands.find((command) => command.name() === group);
  return (
    made ??
    program
      .command(group)
      .description(GROUPS[group] ?? '')
      .showHelpAfterError(`(heddle ${group} --help lists its commands)`)
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
