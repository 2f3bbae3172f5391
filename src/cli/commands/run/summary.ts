/**
 * The closing summary: what the run did, as data (`--json`, `--progress json`) and as text.
 *
 * Figures of the report are completed by what only the command knows: rows of a stream that never became a task, and values
 * that could not be written.
 */

import {
  type Clamp,
  clampText,
  type FailureGroup,
  type Percentiles,
  type Report,
} from '../../../main/index.js';
import { formatCount, formatDuration, formatRate, plural } from '../../../text/durations.js';
import { brief, clean } from '../../../text/shown-text.js';
import type { Colors } from '../../shell/terminal.js';

/** The summary as data. Times in ms. `v` changes when a field changes its meaning. */
export interface Summary {
  readonly v: 1;
  readonly heddle: string;
  readonly status: Report['status'];
  readonly exit: { readonly code: number | undefined; readonly signal?: string; readonly reason: string };
  readonly total: number | undefined;
  readonly succeeded: number;
  readonly failed: number;
  /** Of both: outcomes that an earlier run of the session recorded. */
  readonly resumed: number;
  /** Tasks with an outcome in the session that are not in the batch any more. */
  readonly removed: number;
  /** Of the succeeded ones: those with a value from the cache. */
  readonly reused: number;
  readonly aborted: number;
  readonly skipped: number;
  /** Inputs that were never read; undefined when their number is not known. */
  readonly notRead: number | undefined;
  readonly retries: number;
  readonly wallMs: number;
  readonly startMs: number;
  readonly busyMs: number;
  readonly threads: number;
  readonly concurrency: number;
  readonly speedup: number;
  readonly efficiency: number;
  readonly tasksPerSecond: number;
  readonly latency: Percentiles;
  readonly queueWait: Percentiles;
  readonly failures: readonly (FailureGroup & { readonly inputs: readonly string[] })[];
  readonly lanes: Report['lanes'];
  readonly clamps: readonly Clamp[];
  readonly notes: readonly string[];
  readonly output: string | undefined;
  readonly failedOut: string | undefined;
  /** Path of the session. */
  readonly session: string | undefined;
}

/** What a summary is made of. */
export interface SummaryInput {
  readonly version: string;
  readonly report: Report;
  readonly exit: Summary['exit'];
  /** Rows that never became a task. */
  readonly badRows: number;
  /** Tasks whose value could not be written. */
  readonly unwritable: number;
  readonly extraFailures: readonly FailureGroup[];
  readonly indexOf: (ordinal: number) => number;
  /** Failed inputs by index. */
  readonly examples: ReadonlyMap<number, string>;
  readonly output: string | undefined;
  readonly failedOut: string | undefined;
  readonly session: string | undefined;
}

/** Makes the summary. */
export function summarize(input: SummaryInput): Summary {
  const { report, badRows, unwritable } = input;
  const failed = report.failed + badRows + unwritable;
  const failures = [
    ...report.failures.map((group) => ({ ...group, indexes: group.indexes.map(input.indexOf) })),
    ...input.extraFailures,
  ].sort((a, b) => b.count - a.count);
  return {
    v: 1,
    heddle: input.version,
    status: report.status === 'completed' && failed > 0 ? 'failed' : report.status,
    exit: input.exit,
    total: report.total,
    succeeded: report.succeeded - unwritable,
    failed,
    resumed: report.resumed,
    removed: report.removed,
    reused: report.reused,
    aborted: report.aborted,
    skipped: report.skipped,
    notRead: report.total === undefined ? undefined : Math.max(0, report.total - report.read),
    retries: report.retries,
    wallMs: report.wallMs,
    startMs: report.startMs,
    busyMs: report.busyMs,
    threads: report.threads,
    concurrency: report.concurrency,
    speedup: report.speedup,
    efficiency: report.efficiency,
    tasksPerSecond: report.tasksPerSecond,
    latency: report.latency,
    queueWait: report.queueWait,
    failures: failures.map((group) => ({
      ...group,
      inputs: group.indexes.flatMap((index) => input.examples.get(index) ?? []),
    })),
    lanes: report.lanes,
    clamps: report.clamps,
    notes: report.notes,
    output: input.output,
    failedOut: input.failedOut,
    session: input.session,
  };
}

const SHOWN_GROUPS = 8;
const SHOWN_INPUTS = 3;

/** The summary as text for people. */
export function summaryText(summary: Summary, colors: Colors, hints: readonly string[]): string {
  const { succeeded, failed, resumed, reused, aborted, skipped, notRead = 0, retries } = summary;
  const notRun = skipped + notRead;
  const isNothing = succeeded + failed + aborted + notRun === 0;
  if (isNothing && summary.status === 'completed') {
    return ['Nothing to do: there are no inputs.', ...hints].join('\n');
  }
  const counts = [
    colors.green(`${formatCount(succeeded)} succeeded`),
    failed > 0 ? colors.red(`${formatCount(failed)} failed`) : '0 failed',
    ...(resumed > 0 ? [`${formatCount(resumed)} resumed`] : []),
    ...(reused > 0 ? [`${formatCount(reused)} reused`] : []),
    ...(aborted > 0 ? [colors.yellow(`${formatCount(aborted)} aborted`)] : []),
    ...(notRun > 0 ? [colors.yellow(`${formatCount(notRun)} not run`)] : []),
    ...(retries > 0 ? [plural(retries, 'retry').replace('retrys', 'retries')] : []),
    formatDuration(summary.wallMs),
    formatRate(summary.tasksPerSecond),
  ];
  return [
    counts.join('   '),
    ...speedLines(summary),
    ...failureLines(summary, colors),
    ...(summary.exit.reason === '' ? [] : [summary.exit.reason]),
    ...summary.clamps.map((clamp) => `note: concurrency: ${clampText(clamp)}`),
    ...summary.notes.map((note) => `note: ${note}`),
    ...hints,
  ].join('\n');
}

function speedLines({ latency, speedup, efficiency, threads, concurrency, busyMs }: Summary): string[] {
  if (busyMs === 0) return [];
  const where =
    concurrency === threads
      ? plural(threads, 'thread')
      : `${plural(threads, 'thread')} at concurrency ${concurrency}`;
  const { p50, p95, p99, max } = latency;
  return [
    `speed-up ${speedup.toFixed(2)} on ${where} (${Math.round(efficiency * 100)} %)   ` +
      `p50 ${formatDuration(p50)}  p95 ${formatDuration(p95)}  p99 ${formatDuration(p99)}  max ${formatDuration(max)}`,
  ];
}

function failureLines({ failures }: Summary, colors: Colors): string[] {
  const lines = failures.slice(0, SHOWN_GROUPS).map(({ count, name, message, code, indexes, inputs }) => {
    const shownCode = code === undefined || message.includes(String(code)) ? '' : ` [${code}]`;
    const examples = inputs.slice(0, SHOWN_INPUTS).map((input) => brief(input, 40));
    const which =
      examples.length === 0 ? `index ${indexes.slice(0, SHOWN_INPUTS).join(', ')}` : examples.join(', ');
    const example = `${count > SHOWN_INPUTS ? 'e.g.' : count > 1 ? 'inputs' : 'input'} ${which}`;
    return `  ${colors.red(`${formatCount(count)}×`)} ${clean(name)}${clean(shownCode)}: ${brief(message, 200)}   ${colors.dim(`(${example})`)}`;
  });
  const rest = failures.length - SHOWN_GROUPS;
  return rest > 0 ? [...lines, `  and ${plural(rest, 'other kind')} of failure`] : lines;
}
