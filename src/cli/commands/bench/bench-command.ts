/**
 * `heddle bench`: runs a sample of the user's inputs in several ways and says which flags to use. A table of contents.
 *
 *   module and inputs → candidates (sample.ts) → figures (measure.ts) → verdict (verdict.ts) → report (table.ts)
 *
 * Exit codes: 0 with a report, whatever it says; 1 when the task is to blame that there is none (all tasks fail, a variant gives other
 * results, the process is ended, nothing ends in time); 2 for wrong usage. A signal ends the children at once, then this process.
 * Nothing is recorded: bench has no session.
 */

import { availableParallelism, cpus } from 'node:os';
import { isatty } from 'node:tty';
import type { Figures } from '../../../compare/figures.js';
import { Measurement } from '../../../compare/measure.js';
import { MOST_AUTO } from '../../../compare/pilot.js';
import { BenchProblem } from '../../../compare/problems.js';
import type { Candidates } from '../../../compare/sample.js';
import { type Verdict, verdictOf } from '../../../compare/verdict.js';
import { formatDuration, plural } from '../../../text/durations.js';
import { clean } from '../../../text/shown-text.js';
import { checkInputs } from '../../inputs/check.js';
import { type Bytes, openSources } from '../../inputs/sources.js';
import { fileTarget, type StdoutWrite, stdoutTarget, type Target } from '../../results/targets.js';
import { ClosedPipe, type Ending, EXIT, UsageError } from '../../shell/exit-codes.js';
import { tellError } from '../../shell/fatal.js';
import { Signals } from '../../shell/signals.js';
import { Messages } from '../../shell/terminal.js';
import { version } from '../../shell/version.js';
import { resolveSettings } from '../run/settings.js';
import { quote } from '../sessions/place.js';
import type { BenchFlags } from './bench-flags.js';
import { collectCandidates } from './candidates.js';
import { ProgressLine } from './progress-line.js';
import { type BenchReport, jsonReport, markdownReport, textReport } from './table.js';

/** What was asked for. */
export interface BenchRequest {
  readonly module: string;
  readonly args: readonly string[];
  readonly flags: BenchFlags;
}

const ROUNDS = 5;
const MAX_MS = 60_000;
/** Every child holds the sample. */
const AUTO_BYTES = 16 * 2 ** 20;
const ASKED_BYTES = 128 * 2 ** 20;
const STREAM_MS = 5000;
/** Arguments that the command to copy repeats. */
const SHOWN_ARGS = 3;

/** Runs `heddle bench`. What the user has to mend is told here; only bugs throw. */
export async function benchCommand(request: BenchRequest): Promise<Ending> {
  const { flags } = request;
  const messages = new Messages({
    stream: process.stderr,
    env: process.env,
    color: flags.color,
    verbosity: flags.quiet === true ? 'quiet' : flags.verbose === true ? 'verbose' : 'normal',
    isJson: false,
  });
  const signals = new Signals();
  try {
    return await run(request, messages, signals);
  } catch (error) {
    if (signals.received !== undefined) return { signal: signals.received };
    if (error instanceof ClosedPipe) return { code: EXIT.ok };
    if (error instanceof BenchProblem) {
      messages.error(clean(error.message));
      return { code: EXIT.failed };
    }
    return tellError(error, messages);
  } finally {
    signals.close();
  }
}

async function run(request: BenchRequest, messages: Messages, signals: Signals): Promise<Ending> {
  const { flags } = request;
  // There is no session; what is said about the module is what `heddle run` says.
  const { module, label } = resolveSettings(request.module, { color: flags.color, session: false });
  const target = await openTarget(flags);
  const progress = new ProgressLine(clean(label), messages);
  try {
    const figures = await measure({ request, module, messages, signals, progress });
    progress.stop();
    const verdict = verdictOf(figures);
    const report = {
      task: clean(request.module),
      machine: machine(),
      figures,
      verdict,
      command: commandOf(request, verdict),
    };
    await target.write(Buffer.from(reportText(report, flags)));
    await target.commit();
    return { code: EXIT.ok };
  } finally {
    progress.stop();
    await target.discard();
  }
}

/** Before anything is measured: a minute of measuring is not to end at a folder that does not exist. */
async function openTarget({ output }: BenchFlags): Promise<Target> {
  return output === undefined
    ? stdoutTarget(process.stdout, process.stdout.write.bind(process.stdout) as StdoutWrite)
    : fileTarget('-o', output);
}

interface Parts {
  readonly request: BenchRequest;
  /** Absolute path. */
  readonly module: string;
  readonly messages: Messages;
  readonly signals: Signals;
  readonly progress: ProgressLine;
}

async function measure(parts: Parts): Promise<Figures> {
  const { request, module, messages, signals, progress } = parts;
  const { flags } = request;
  const candidates = await readBatch(parts);
  if (candidates.badRows > 0)
    messages.warn(`${plural(candidates.badRows, 'input')} cannot be used; what is left is measured`);
  const measurement = new Measurement({
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
    onStep: (text) => progress.step(text),
  });
  signals.atOnce(() => measurement.kill());
  signals.connect({ drain: () => measurement.kill(), abort: () => measurement.kill() });
  return measurement.run();
}

async function readBatch({ request, signals, progress }: Parts): Promise<Candidates> {
  const { flags } = request;
  const { signal } = signals;
  progress.step('reading inputs');
  const sources = await openSources({
    args: request.args,
    globs: flags.glob ?? [],
    files: flags.input ?? [],
    format: flags.format,
    stdin: { isTerminal: () => isatty(0), open: () => process.stdin as Bytes },
  });
  // What is wrong with a file is told in the words of `heddle run`, before anything runs.
  await checkInputs(sources, { keyOf: undefined, includesStreams: false, signal, onCount: () => {} });
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
  if (inputs.length >= 2) return;
  const more = 'give two inputs at least, better some hundred';
  if (inputs.length === 1)
    throw new UsageError(`one input cannot show whether tasks side by side are faster; ${more}`);
  if (total === undefined) throw new UsageError(`no input came within ${formatDuration(STREAM_MS)}; ${more}`);
  throw new UsageError(
    glob === undefined
      ? `there are no inputs; ${more}`
      : `there are no inputs: no file matches --glob ${clean(glob.join(' '))}`,
  );
}

function reportText(report: BenchReport, flags: BenchFlags): string {
  if (flags.json === true) return jsonReport(report);
  if (flags.markdown === true) return markdownReport(report);
  const { colors } = new Messages({
    stream: process.stdout,
    env: process.env,
    color: flags.color && flags.output === undefined,
    verbosity: 'normal',
    isJson: false,
  });
  return textReport(report, colors);
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

/** The command to copy: inputs as they were given, where that is not too long. */
function commandOf({ module, args, flags }: BenchRequest, verdict: Verdict | undefined): string {
  const shownArgs = args.length <= SHOWN_ARGS ? args.map(quote) : [...args.slice(0, 2).map(quote), '…'];
  return [
    'heddle run',
    quote(module),
    ...(flags.input ?? []).flatMap((file) => ['-i', quote(file)]),
    ...(flags.glob ?? []).flatMap((pattern) => ['--glob', quote(pattern)]),
    ...(flags.format === undefined ? [] : ['--format', flags.format]),
    ...(flags.timeout === undefined ? [] : ['--timeout', `${flags.timeout}ms`]),
    ...(flags.memoryLimit === undefined ? [] : ['--memory-limit', String(flags.memoryLimit)]),
    ...(verdict?.flags ?? []),
    ...shownArgs,
  ]
    .map(clean)
    .join(' ');
}
