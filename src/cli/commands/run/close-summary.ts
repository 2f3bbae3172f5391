/**
 * Prints the closing summary: as text, as a JSON object, or as the last event, and with it what to do next.
 */

import type { Report } from '../../../main/index.js';
import { plural } from '../../../text/durations.js';
import { clean } from '../../../text/shown-text.js';
import type { Results } from '../../results/results.js';
import type { Ending } from '../../shell/exit-codes.js';
import { print } from '../../shell/shell.js';
import { version } from '../../shell/version.js';
import type { BatchParts } from './prepared-run.js';
import type { SessionOfRun } from './session-of-run.js';
import { type Summary, summarize, summaryText } from './summary.js';

/** An ended run. */
export interface EndedRun extends BatchParts {
  readonly report: Report;
  readonly results: Results;
  /** The first input. */
  readonly first: unknown;
  readonly ending: Ending;
  readonly session: SessionOfRun | undefined;
}

/** @throws OutputError when standard output cannot be written */
export async function closeSummary(ended: EndedRun): Promise<void> {
  const { settings, messages, report, results, ending, session, writeStdout } = ended;
  const { output, failedOut, json } = settings.flags;
  const summary = summarize({
    heddle: version(),
    report,
    exit: { ...ending, reason: report.reason?.message ?? '' },
    unwritable: results.unwritable,
    examples: results.examples,
    output,
    failedOut,
    session: session?.place.path,
  });
  if (messages.isJson) messages.event('run-ended', { summary });
  else messages.info(summaryText(summary, messages.colors, hints(ended, summary)));
  if (json !== true) return;
  if (output === undefined) messages.line(JSON.stringify(summary));
  else await print(`${JSON.stringify(summary)}\n`, writeStdout);
}

/** What to do next, or what to look at. */
function hints(ended: EndedRun, summary: Summary): string[] {
  const { settings, sources, messages, first } = ended;
  const { glob, format } = settings.flags;
  const lines: string[] = [];
  if (glob !== undefined && sources.some((source) => source.name === '--glob' && source.isEmpty === true))
    lines.push(`no file matches --glob ${clean(glob.join(' '))}`);
  if (summary.failed > 0) lines.push(...failureLines(ended));
  lines.push(...sessionLines(ended, summary));
  if (format === undefined && sources.some((source) => source.isLines) && isJson(first)) {
    const note = 'note: the inputs look like JSON, but tasks received them as text; add --format jsonl';
    lines.push(messages.colors.yellow(note));
  }
  return lines;
}

/** Where failures and their inputs are. */
function failureLines({ settings, results, session }: EndedRun): string[] {
  const { failedOut, output, values } = settings.flags;
  if (failedOut !== undefined) {
    const { unreadable } = results;
    const missing = plural(unreadable, 'input could not be read and is', 'inputs could not be read and are');
    return [
      `failed inputs are in ${failedOut}; run them again with -i ${failedOut}`,
      ...(unreadable > 0 ? [`${missing} not in ${failedOut}`] : []),
    ];
  }
  if (output !== undefined && values !== true)
    return [`every failure is in ${output}, where "status" is "failed"; --failed-out keeps their inputs`];
  return session === undefined
    ? ['--failed-out failed.jsonl keeps the inputs of failed tasks for another run']
    : [];
}

/** The session's name, or what to type to continue it. */
function sessionLines({ session, report, results, ending }: EndedRun, summary: Summary): string[] {
  if (session === undefined || report.read === 0) return [];
  const lines: string[] = [];
  const { succeeded, failed, total } = summary;
  const isStopped = report.reason !== undefined || 'signal' in ending;
  if (isStopped && succeeded + failed !== total) lines.push(`resume with: ${session.resumeLine()}`);
  // A row that could not be read would fail again.
  if (report.failed > results.unreadable)
    lines.push(`retry the failed ones with: ${session.resumeLine('--retry-failed')}`);
  return lines.length > 0 ? lines : [`session ${session.place.text}`];
}

function isJson(input: unknown): boolean {
  if (typeof input !== 'string' || !/^\s*[{[]/.test(input)) return false;
  try {
    JSON.parse(input);
    return true;
  } catch {
    return false;
  }
}
