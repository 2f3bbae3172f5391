/**
 * The closing summary: what the run did, as data (`--json`, `--progress json`) and as text.
 */

import { clampText, type FailureGroup, type Report } from '../../../main/index.js';
import { formatCount, formatDuration, formatRate, plural } from '../../../text/durations.js';
import { brief, clean } from '../../../text/shown-text.js';
import type { Ending } from '../../shell/exit-codes.js';
import type { Colors } from '../../shell/terminal.js';

/** Fields of the report that the summary does not show. */
type Hidden = 'reason' | 'read' | 'workers' | 'callerUtilization';

/** The summary as data. Times in ms. `v` changes when a field changes its meaning. */
export interface Summary extends Omit<Report, Hidden | 'failures'> {
  readonly v: 1;
  readonly heddle: string;
  readonly exit: Ending & { readonly reason: string };
  /** Inputs that were not read; undefined when their number is unknown. */
  readonly notRead: number | undefined;
  readonly failures: readonly (FailureGroup & { readonly inputs: readonly string[] })[];
  readonly output: string | undefined;
  readonly failedOut: string | undefined;
  /** Path of the session. */
  readonly session: string | undefined;
}

/** What a summary is made of, besides the fields that it shows as they are. */
export interface SummaryInput extends Pick<Summary, 'heddle' | 'exit' | 'output' | 'failedOut' | 'session'> {
  readonly report: Report;
  /** Values that could not be written: failures that the run does not count. */
  readonly unwritable: FailureGroup | undefined;
  /** Failed inputs by index. */
  readonly examples: ReadonlyMap<number, string>;
}

/** Makes the summary. */
export function summarize({ report, unwritable, examples, ...shown }: SummaryInput): Summary {
  const { reason, read, workers, callerUtilization, ...figures } = report;
  const extra = unwritable?.count ?? 0;
  const failures = [...report.failures, ...(unwritable === undefined ? [] : [unwritable])];
  return {
    v: 1,
    ...figures,
    ...shown,
    status: report.status === 'completed' && extra > 0 ? 'failed' : report.status,
    succeeded: report.succeeded - extra,
    failed: report.failed + extra,
    notRead: report.total === undefined ? undefined : Math.max(0, report.total - read),
    failures: failures
      .sort((a, b) => b.count - a.count)
      .map((group) => ({ ...group, inputs: group.indexes.flatMap((index) => examples.get(index) ?? []) })),
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
    ...(retries > 0 ? [plural(retries, 'retry', 'retries')] : []),
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
  const times = Object.entries({ p50, p95, p99, max }).map(([name, ms]) => `${name} ${formatDuration(ms)}`);
  const share = Math.round(efficiency * 100);
  return [`speed-up ${speedup.toFixed(2)} on ${where} (${share} %)   ${times.join('  ')}`];
}

function failureLines({ failures }: Summary, colors: Colors): string[] {
  const lines = failures.slice(0, SHOWN_GROUPS).map(({ count, name, message, code, indexes, inputs }) => {
    const shownCode = code === undefined || message.includes(String(code)) ? '' : ` [${code}]`;
    const examples = inputs.slice(0, SHOWN_INPUTS).map((input) => brief(input, 40));
    const which =
      examples.length === 0 ? `index ${indexes.slice(0, SHOWN_INPUTS).join(', ')}` : examples.join(', ');
    const example = `${count > SHOWN_INPUTS ? 'e.g.' : count > 1 ? 'inputs' : 'input'} ${which}`;
    const what = `${clean(name)}${clean(shownCode)}: ${brief(message, 200)}`;
    return `  ${colors.red(`${formatCount(count)}×`)} ${what}   ${colors.dim(`(${example})`)}`;
  });
  const rest = failures.length - SHOWN_GROUPS;
  return rest > 0 ? [...lines, `  and ${plural(rest, 'other kind')} of failure`] : lines;
}
