/**
 * `heddle resume`: runs the command that a session has recorded again, with that session.
 *
 * The process changes to the folder where the command was started, because inputs may be relative paths that
 * the task opens. Paths on the command line of `resume` are relative to the folder where it was typed.
 */

import { existsSync } from 'node:fs';
import { isatty } from 'node:tty';
import { openSession } from '../../../main/index.js';
import { type Ending, SessionProblem, UsageError } from '../../shell/exit-codes.js';
import type { Shell } from '../../shell/shell.js';
import { mergeFlags, type RecordedCommand, readCommand } from '../run/recorded-command.js';
import { runTask } from '../run/run-command.js';
import type { RunFlags } from '../run/run-flags.js';
import { canResume, hasCommand, listRows, listText, type SessionRow } from '../sessions/overview.js';
import { placeOf, quote, type SessionPlace } from '../sessions/place.js';

/** Runs `heddle resume`. */
export async function resumeCommand(
  [text]: readonly [session: string | undefined],
  flags: RunFlags,
  shell: Shell,
): Promise<Ending> {
  if (text === undefined) throw await nothingNamed();
  const cwd = process.cwd();
  const place = placeOf(text, cwd);
  const identity = await openSession(place.path).identity();
  const command = readCommand(identity?.command, text);
  if (readsStdin(command)) await refuseNoStdin(text);
  goTo(command, place);
  const { module, args } = command;
  return runTask({ module, args, flags: mergeFlags(command, flags, cwd), session: place }, shell);
}

async function nothingNamed(): Promise<UsageError> {
  const rows: SessionRow[] = [];
  for (const row of await listRows()) {
    if (!canResume(row.state)) continue;
    const identity = await openSession(row.path)
      .identity()
      .catch(() => undefined);
    if (hasCommand(identity)) rows.push(row);
  }
  return new UsageError(
    rows.length === 0
      ? 'name a session: heddle resume <session>; no session in .heddle/sessions has tasks left to run'
      : `name a session: heddle resume <session>; these can be resumed\n${listText(rows, new Date())}`,
  );
}

function goTo({ cwd }: RecordedCommand, { text }: SessionPlace): void {
  try {
    process.chdir(cwd);
  } catch (error) {
    const reason = existsSync(cwd) ? 'cannot be entered' : 'no longer exists';
    throw new SessionProblem(
      `the folder ${cwd}, where the command of the session ${text} was started, ${reason}; ` +
        `continue it with heddle run <task-module> [inputs...] --session ${quote(text)}`,
      7,
      { cause: error },
    );
  }
}

function readsStdin({ args, flags }: RecordedCommand): boolean {
  const { input, glob } = flags as Pick<RunFlags, 'input' | 'glob'>;
  return input?.includes('-') === true || args.length + (input ?? []).length + (glob ?? []).length === 0;
}

/** An empty standard input (cron, a closed one) would be an empty batch, without any task of the session. */
async function refuseNoStdin(text: string): Promise<void> {
  const { stdin } = process;
  const isThere =
    !isatty(0) &&
    (await new Promise<boolean>((resolve) => {
      stdin.once('readable', () => resolve(stdin.readableLength > 0));
      stdin.once('error', () => resolve(false));
      stdin.once('end', () => resolve(false));
      stdin.once('close', () => resolve(false));
    }));
  if (!isThere)
    throw new UsageError(
      `inputs came from standard input; pipe them again, as in: cat inputs | heddle resume ${quote(text)}`,
    );
}
