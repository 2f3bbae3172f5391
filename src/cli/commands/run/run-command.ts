/**
 * `heddle run`, and the run of `heddle resume`: from the command line to its ending.
 *
 *   settings → sources → check → (dry run) → run-batch → ending
 *
 * The runtime is loaded while inputs are checked; a dry run and wrong usage do without it.
 */

import { formatCount, plural } from '../../../text/durations.js';
import { clean, showInput } from '../../../text/shown-text.js';
import { type Checked, checkInputs } from '../../inputs/check.js';
import { openSources } from '../../inputs/sources.js';
import { createDisplay, progressMode } from '../../progress/create-display.js';
import type { Display } from '../../progress/display.js';
import { type Ending, EXIT } from '../../shell/exit-codes.js';
import { print, type Shell, type StdoutWrite } from '../../shell/shell.js';
import type { SessionPlace } from '../sessions/place.js';
import type { PreparedRun } from './prepared-run.js';
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
    const { glob, input, format } = flags;
    const sources = await openSources({ args, globs: glob, files: input, format });
    display = await createDisplay(mode, clean(settings.label), messages);
    display.starting();
    return await checkAndRun({ settings, args, sources, display, messages, signals });
  } finally {
    display?.stop();
  }
}

async function checkAndRun(parts: PreparedRun): Promise<Ending> {
  const { settings, sources, display, signals } = parts;
  const isDryRun = settings.flags.dryRun === true;
  const loading = isDryRun ? undefined : import('./run-batch.js');
  // A failure to load is reported below, where the module is awaited.
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

/** Reserves standard output for results: what tasks on this thread write to it goes to standard error. */
function takeStdout(): StdoutWrite {
  const write = process.stdout.write.bind(process.stdout) as StdoutWrite;
  process.stdout.write = ((...args: Parameters<typeof process.stderr.write>) =>
    process.stderr.write(...args)) as typeof process.stdout.write;
  return write;
}

async function dryRun(
  { settings, sources, messages }: PreparedRun,
  checked: Checked,
  write: StdoutWrite,
): Promise<Ending> {
  const { flags, keyOf } = settings;
  const { total = 0, first, badRows } = checked;
  const threads = flags.inline === true ? 'inline' : plural(settings.threads, 'thread');
  const concurrency = settings.run.concurrency ?? settings.threads;
  const usable = total - badRows;
  const more = usable - first.length;
  const lines = [
    `would run ${plural(usable, 'task')} of ${settings.moduleText} (${threads}, concurrency ${concurrency})`,
    `inputs from ${sources.map(({ name }) => name).join(', ')}`,
    ...(await keptLines(settings.session)),
    ...first.map(
      (input, i) => `  ${i}  ${keyOf === undefined ? '' : `${clean(keyOf(input))}  `}${showInput(input, 90)}`,
    ),
    ...(more > 0 ? [`  and ${formatCount(more)} more`] : []),
  ];
  await print(`${lines.join('\n').trimEnd()}\n`, write);
  if (badRows > 0) messages.warn(`${plural(badRows, 'input')} cannot be used; each would be a failed task`);
  return { code: EXIT.ok };
}

/** A dry run counts the whole batch; this says which tasks the session has already. */
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
