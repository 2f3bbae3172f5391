/**
 * `heddle bench`: runs a sample of the user's inputs in several ways and says which flags to use.
 *
 *   inputs → candidates.ts → compare/measure.ts → compare/recommendation.ts → bench-report.ts
 *
 * Exit codes: 0 with a report, whatever it says; 1 if the task prevents one (all tasks fail, a variant gives
 * other results, the process ends, nothing ends in time); 2 for wrong usage. A signal ends the children at
 * once, then this process. Bench has no session: it records nothing.
 */

import { availableParallelism, cpus } from 'node:os';
import { isatty } from 'node:tty';
import { BenchProblem } from '../../../compare/child-protocol.js';
import { measure } from '../../../compare/measure.js';
import { recommend } from '../../../compare/recommendation.js';
import { type Candidates, MOST_AUTO } from '../../../compare/sample.js';
import { formatDuration, plural } from '../../../text/durations.js';
import { clean } from '../../../text/shown-text.js';
import { type Bytes, openSources } from '../../inputs/sources.js';
import { openTarget } from '../../results/targets.js';
import { CommandError, type Ending, EXIT, UsageError } from '../../shell/exit-codes.js';
import type { CommonFlags, Shell } from '../../shell/shell.js';
import { Messages } from '../../shell/terminal.js';
import { version } from '../../shell/version.js';
import type { InputFormat } from '../run/run-flags.js';
import { resolveSettings } from '../run/settings.js';
import { quote } from '../sessions/place.js';
import { type BenchReport, jsonReport, markdownReport, textReport } from './bench-report.js';
import { collectCandidates } from './candidates.js';
import { ProgressLine } from './progress-line.js';

/** The parsed flags; undefined means not given. */
export interface BenchFlags extends CommonFlags {
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
}

type BenchArgs = readonly [module: string, inputs: readonly string[]];

const ROUNDS = 5;
const MAX_MS = 60_000;
/** Limits of the sample: every child holds it. */
const AUTO_BYTES = 16 * 2 ** 20;
const ASKED_BYTES = 128 * 2 ** 20;
const STREAM_MS = 5000;
/** Arguments that the recommended command repeats. */
const SHOWN_ARGS = 3;

/** Runs `heddle bench`. */
export async function benchCommand(args: BenchArgs, flags: BenchFlags, shell: Shell): Promise<Ending> {
  try {
    await bench(args, flags, shell);
    return { code: EXIT.ok };
  } catch (error) {
    // The children were killed, which fails whatever was measured.
    if (shell.received !== undefined) return { signal: shell.received };
    if (error instanceof BenchProblem) throw new CommandError(clean(error.message), EXIT.failed);
    throw error;
  }
}

async function bench(args: BenchArgs, flags: BenchFlags, shell: Shell): Promise<void> {
  const { messages } = shell;
  const { signal } = shell.catchSignals();
  const { module, label } = resolveSettings(args[0], { color: flags.color, session: false });
  // Opened first: a minute of measuring must not end at a missing folder.
  const target = await openTarget(flags.output);
  const progress = new ProgressLine(clean(label), messages);
  try {
    progress.step('reading inputs');
    const candidates = await readBatch(args[1], flags, signal);
    if (candidates.badRows > 0)
      messages.warn(`${plural(candidates.badRows, 'input')} cannot be used; the others are measured`);
    const figures = await measure({
      module,
      candidates,
      sample: flags.sample ?? 'auto',
      cores: availableParallelism(),
      threads: flags.threads,
      chunks: flags.chunk,
      concurrencies: flags.concurrency,
      rounds: flags.rounds ?? ROUNDS,
      maxMs: flags.maxTime ?? MAX_MS,
      timeoutMs: flags.timeout,
      memoryLimitMb: flags.memoryLimit,
      force: flags.force === true,
      output: flags.quiet === true ? 'drop' : 'stderr',
      signal,
      onStep: (text) => progress.step(text),
    });
    progress.stop();
    const recommendation = recommend(figures);
    const command = commandLine(args, flags, recommendation?.flags ?? []);
    const report = { task: clean(args[0]), machine: machine(), figures, recommendation, command };
    await target.write(Buffer.from(reportText(report, flags)));
    await target.commit();
  } finally {
    progress.stop();
    await target.discard();
  }
}

async function readBatch(
  args: readonly string[],
  flags: BenchFlags,
  signal: AbortSignal,
): Promise<Candidates> {
  const sources = await openSources({
    args,
    globs: flags.glob ?? [],
    files: flags.input ?? [],
    format: flags.format,
    stdin: { isTerminal: () => isatty(0), open: () => process.stdin as Bytes },
  });
  const { sample = 'auto' } = flags;
  const candidates = await collectCandidates(sources, {
    most: sample === 'auto' ? MOST_AUTO : sample,
    mostBytes: sample === 'auto' ? AUTO_BYTES : ASKED_BYTES,
    streamMs: sample === 'auto' ? STREAM_MS : Number.POSITIVE_INFINITY,
    signal,
  });
  refuseTooFew(candidates, flags);
  return candidates;
}

/** @throws UsageError */
function refuseTooFew({ inputs, total }: Candidates, { glob }: BenchFlags): void {
  const advice = 'give at least two inputs, better a few hundred';
  if (inputs.length >= 2) return;
  if (inputs.length === 1)
    throw new UsageError(`one input cannot show whether tasks side by side are faster; ${advice}`);
  if (total === undefined)
    throw new UsageError(`no input arrived within ${formatDuration(STREAM_MS)}; ${advice}`);
  const noMatch = glob === undefined ? `; ${advice}` : `: no file matches --glob ${clean(glob.join(' '))}`;
  throw new UsageError(`there are no inputs${noMatch}`);
}

function reportText(report: BenchReport, flags: BenchFlags): string {
  if (flags.json === true) return jsonReport(report);
  if (flags.markdown === true) return markdownReport(report);
  const color = flags.color && flags.output === undefined;
  const { stdout: stream, env } = process;
  return textReport(report, new Messages({ stream, env, color, verbosity: 'normal', isJson: false }).colors);
}

function machine(): BenchReport['machine'] {
  return {
    heddle: version(),
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown processor',
    cores: availableParallelism(),
    date: new Date().toISOString(),
  };
}

/** The command to copy, with the inputs as they were given unless that is too long. */
function commandLine([module, args]: BenchArgs, flags: BenchFlags, recommended: readonly string[]): string {
  const shown = args.length <= SHOWN_ARGS ? args.map(quote) : [...args.slice(0, 2).map(quote), '…'];
  return [
    'heddle run',
    quote(module),
    ...(flags.input ?? []).flatMap((file) => ['-i', quote(file)]),
    ...(flags.glob ?? []).flatMap((pattern) => ['--glob', quote(pattern)]),
    ...(flags.format === undefined ? [] : ['--format', flags.format]),
    ...(flags.timeout === undefined ? [] : ['--timeout', `${flags.timeout}ms`]),
    ...(flags.memoryLimit === undefined ? [] : ['--memory-limit', String(flags.memoryLimit)]),
    ...recommended,
    ...shown,
  ]
    .map(clean)
    .join(' ');
}
