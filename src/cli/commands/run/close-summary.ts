/**
 * Prints the closing summary: as text, as a JSON object, or as the last event, and with it what to do next.
 */

import type { Report } from '../../../main/index.js';
import { plural } from '../../../text/durations.js';
import { clean } from '../../../text/shown-text.js';
import type { Feed } from '../../inputs/feed.js';
import type { Results } from '../../results/results.js';
import { print, type StdoutWrite } from '../../shell/shell.js';
import type { EndSignal } from '../../shell/signals.js';
import { version } from '../../shell/version.js';
import type { RunParts } from './run-command.js';
import type { SessionOfRun } from './session-of-run.js';
import { type Summary, summarize, summaryText } from './summary.js';

/** What there is to sum up. */
export interface SummaryParts extends RunParts {
  readonly report: Report;
  readonly results: Results;
  readonly feed: Feed;
  readonly code: number;
  readonly signal: EndSignal | undefined;
  readonly session: SessionOfRun | undefined;
  readonly writeStdout: StdoutWrite;
}

/** @throws OutputError when standard output cannot be written */
export async function closeSummary(parts: SummaryParts): Promise<void> {
  const { settings, messages, report, results, feed, code, signal, session } = parts;
  const { flags } = settings;
  const summary = summarize({
    version: version(),
    report,
    exit: {
      code: signal === undefined ? code : undefined,
      ...(signal !== undefined && { signal }),
      reason: report.reason?.message ?? '',
    },
    badRows: results.badRows,
    unwritable: results.unwritable,
    extraFailures: results.extraFailures,
    indexOf: (ordinal) => feed.indexOf(ordinal),
    examples: results.examples,
    output: flags.output,
    failedOut: flags.failedOut,
    session: session?.place.path,
  });
  if (messages.isJson) messages.event('run-ended', { summary });
  else messages.info(summaryText(summary, messages.colors, hints(parts, summary)));
  if (flags.json !== true) return;
  if (flags.output === undefined) messages.line(JSON.stringify(summary));
  else await print(`${JSON.stringify(summary)}\n`, parts.writeStdout);
}

/** What to do next, or what to look at. */
function hints(parts: SummaryParts, summary: Summary): string[] {
  const { settings, results, feed, sources, messages, session } = parts;
  const { failed } = summary;
  const { failedOut, output, values, format } = settings.flags;
  const lines: string[] = [];
  const { glob } = settings.flags;
  if (glob !== undefined && sources.some((source) => source.name === '--glob' && source.isEmpty === true)) {
    lines.push(`no file matches --glob ${clean(glob.join(' '))}`);
  }
  if (failed > 0 && failedOut !== undefined) {
    lines.push(`failed inputs are in ${failedOut}; run them again with -i ${failedOut}`);
    if (results.unreadable > 0) {
      lines.push(
        `${plural(results.unreadable, 'input')} could not be read and ${results.unreadable === 1 ? 'is' : 'are'} not in ${failedOut}`,
      );
    }
  } else if (failed > 0 && output !== undefined && values !== true) {
    lines.push(`every failure is in ${output}, where "status" is "failed"; --failed-out keeps their inputs`);
  } else if (failed > 0 && session === undefined) {
    lines.push('--failed-out failed.jsonl keeps the inputs of failed tasks for another run');
  }
  lines.push(...sessionLines(parts, summary));
  if (format === undefined && sources.some((source) => source.isLines) && isJson(feed.first)) {
    lines.push(
      messages.colors.yellow(
        'note: the inputs look like JSON, but tasks got them as text; add --format jsonl',
      ),
    );
  }
  return lines;
}

/** The session's name, or what to type to go on with it. */
function sessionLines({ session, report, signal }: SummaryParts, summary: Summary): string[] {
  if (session === undefined || report.read === 0) return [];
  const lines: string[] = [];
  const { succeeded, failed, total } = summary;
  const isStopped = report.reason !== undefined || signal !== undefined;
  if (isStopped && succeeded + failed !== total) lines.push(`resume with: ${session.resumeLine()}`);
  // A row that could not be read would be as bad the next time.
  if (report.failed > 0) lines.push(`retry the failed ones with: ${session.resumeLine('--retry-failed')}`);
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
