/**
 * `heddle run`, and the run of `heddle resume`: from the command line to its ending. A table of contents.
 *
 *   settings → sources → check → (dry run) → run-batch → ending
 *
 * The runtime is loaded while inputs are checked; what does not need it is answered without.
 */

import { isatty } from 'node:tty';
import { plural } from '../../../text/durations.js';
import { clean, showInput } from '../../../text/shown-text.js';
import { type Checked, checkInputs } from '../../inputs/check.js';
import type { InputSource } from '../../inputs/input-source.js';
import { type Bytes, openSources } from '../../inputs/sources.js';
import { createDisplay, type Display, progressMode } from '../../progress/display.js';
import { type Ending, EXIT } from '../../shell/exit-codes.js';
import { print, type Shell, type StdoutWrite } from '../../shell/shell.js';
import type { Signals } from '../../shell/signals.js';
import type { Messages } from '../../shell/terminal.js';
import type { SessionPlace } from '../sessions/place.js';
import type { RunFlags } from './run-flags.js';
import { resolveSettings, type Settings } from './settings.js';

/** What was asked for. */
export interface RunRequest {
  readonly module: string;
  readonly args: readonly string[];
  readonly flags: RunFlags;
  /** The session to resume; without it the flags say which. */
  readonly session?: SessionPlace;
}

/** Runs `heddle run`. */
export function runCommand(
  [module, args]: readonly [module: string, inputs: readonly string[]],
  flags: RunFlags,
  shell: Shell,
): Promise<Ending> {
  return runTask({ module, args, flags }, shell);
}

/** Runs a task module over inputs, in a new session or in the one of the request. */
export async function runTask({ module, args, flags, session }: RunRequest, shell: Shell): Promise<Ending> {
  const { messages } = shell;
  const signals = shell.catchSignals();
  const mode = flags.dryRun === true ? 'none' : progressMode(flags.progress, flags.quiet === true);
  let display: Display | undefined;
  try {
    const settings = resolveSettings(module, flags, session);
    const sources = await openSources({
      args,
      globs: flags.glob ?? [],
      files: flags.input ?? [],
      format: flags.format,
      cwd: process.cwd(),
      stdin: { isTerminal: () => isatty(0), open: () => process.stdin as Bytes },
    });
    display = await createDisplay(mode, clean(settings.label), messages);
    display.starting();
    return await checkAndRun({ settings, args, sources, display, messages, signals });
  } finally {
    display?.stop();
  }
}

/** What the parts of a run share. */
export interface RunParts {
  readonly settings: Settings;
  /** Inputs that were arguments. */
  readonly args: readonly string[];
  readonly sources: readonly InputSource[];
  readonly display: Display;
  readonly messages: Messages;
  readonly signals: Signals;
}

async function checkAndRun(parts: RunParts): Promise<Ending> {
  const { settings, sources, display, signals } = parts;
  const isDryRun = settings.flags.dryRun === true;
  const loading = isDryRun ? undefined : import('./run-batch.js');
  // Whatever keeps it from loading is told when it is needed.
  loading?.catch(() => {});
  const checked = await checkInputs(sources, {
    keyOf: settings.keyOf,
    includesStreams: isDryRun,
    signal: signals.signal,
    onCount: (count) => display.checking(count),
  });
  const writeStdout = takeStdout();
  if (loading === undefined) return await dryRun(parts, checked, writeStdout);
  const { runBatch } = await loading;
  return runBatch({ ...parts, checked, writeStdout });
}

/** Standard output carries results and nothing else: what tasks on this thread write to it goes to standard error. */
function takeStdout(): StdoutWrite {
  const write = process.stdout.write.bind(process.stdout) as StdoutWrite;
  process.stdout.write = ((...args: Parameters<typeof process.stderr.write>) =>
    process.stderr.write(...args)) as typeof process.stdout.write;
  return write;
}

async function dryRun(
  { settings, sources, messages }: RunParts,
  checked: Checked,
  write: StdoutWrite,
): Promise<Ending> {
  const { flags, keyOf } = settings;
  const { total = 0, first, badRows } = checked;
  const threads = flags.inline === true ? 'inline' : plural(settings.threads, 'thread');
  const lines = [
    `would run ${plural(total - badRows, 'task')} of ${settings.moduleText} (${threads}, concurrency ${settings.run.concurrency ?? settings.threads})`,
    `inputs from ${sources.map(({ name }) => name).join(', ')}`,
    ...(await keptLines(settings.session)),
    ...first.map(
      (input, i) => `  ${i}  ${keyOf === undefined ? '' : `${clean(keyOf(input))}  `}${showInput(input, 90)}`,
    ),
    ...(total > first.length ? [`  and ${plural(total - first.length, 'input')} more`] : []),
  ];
  await print(`${lines.join('\n').trimEnd()}\n`, write);
  if (badRows > 0) messages.warn(`${plural(badRows, 'input')} cannot be used; each would be a failed task`);
  return { code: EXIT.ok };
}

/** A dry run counts the whole batch; this says what the session takes off it. */
async function keptLines(session: Settings['session']): Promise<string[]> {
  if (session === undefined || session === 'new') return [];
  const { isHeddleError, openSession } = await import('../../../main/index.js');
  try {
    const { succeeded, failed } = await openSession(session.path).status();
    return [
      `session ${session.text} has ${plural(succeeded + failed, 'outcome')}; those tasks do not run again`,
    ];
  } catch (error) {
    if (!isHeddleError(error, 'HEDDLE_SESSION_NOT_FOUND')) throw error;
    return [`session ${session.text} would be new`];
  }
}
