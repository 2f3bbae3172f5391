/**
 * The report as text, as Markdown and as JSON.
 *
 * One table of strings serves text and Markdown. In text, numbers are aligned to the right; the recommended variant is set off by a colour
 * where there are colours. What stands around the table are facts (machine, sample, start-up), warnings, and the recommendation last.
 */

import {
  efficiencyOf,
  type Figures,
  type Measured,
  percent,
  speedupOf,
  startOf,
  time,
  times,
} from '../../../compare/figures.js';
import type { Recommendation } from '../../../compare/recommendation.js';
import { formatCount, formatRate, plural } from '../../../text/durations.js';
import type { Colors } from '../../shell/terminal.js';

/** The machine and the day. */
export interface Machine {
  readonly heddle: string;
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  /** ISO. */
  readonly date: string;
}

/** What a report is made of. */
export interface BenchReport {
  readonly task: string;
  readonly machine: Machine;
  readonly figures: Figures;
  readonly recommendation: Recommendation | undefined;
  /** The command to copy, with the recommended flags. */
  readonly command: string;
}

const HEADER = ['variant', 'time', '±', 'speed-up', 'eff.', 'tasks/s', 'task p95', 'memory'];

/** For people, at a terminal. */
export function textReport(report: BenchReport, colors: Colors): string {
  const { figures, recommendation, command } = report;
  const rows = [HEADER, ...rowsOf(figures)];
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  const lines = rows.map((row, at) => {
    const line = row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ');
    if (at === 0) return colors.dim(line);
    return row[0] === recommendation?.name ? colors.green(line) : line;
  });
  const [first = '', ...facts] = factLines(report);
  return [
    first,
    '',
    ...lines,
    '',
    ...facts,
    ...figures.warnings.map((warning) => `${colors.yellow('warning:')} ${warning}`),
    ...(recommendation?.notes ?? []).map((note) => `note: ${note}`),
    ...(recommendation === undefined ? [] : [`${sentence(recommendation)}:`, `  ${colors.bold(command)}`]),
    '',
  ].join('\n');
}

/** For a page. */
export function markdownReport(report: BenchReport): string {
  const { figures, recommendation, command } = report;
  const row = (cells: readonly string[]) => `| ${cells.map(escaped).join(' | ')} |`;
  const [first = '', ...facts] = factLines(report);
  const notes = [
    ...facts,
    ...figures.warnings.map((warning) => `Warning: ${warning}`),
    ...(recommendation?.notes ?? []).map((note) => `Note: ${note}`),
  ];
  return [
    escaped(first),
    '',
    row(HEADER),
    row(HEADER.map((_, column) => (column === 0 ? '---' : '---:'))),
    ...rowsOf(figures).map(row),
    '',
    ...notes.map((note) => `- ${escaped(note)}`),
    '',
    ...(recommendation === undefined ? [] : [`${sentence(recommendation)}: \`${command}\``, '']),
  ].join('\n');
}

/** For programs. `v` changes when a field changes its meaning. */
export function jsonReport({ task, machine, figures, recommendation, command }: BenchReport): string {
  const { measured, ...rest } = figures;
  const loop = measured[0] as Measured;
  const variants = measured.map((each) => {
    const { variant, timing, ...figuresOf } = each;
    return {
      ...variant,
      ...timing,
      ...figuresOf,
      speedup: speedupOf(loop, each),
      efficiency: efficiencyOf(loop, each),
      tasksPerSecond: rate(figures, each),
    };
  });
  const recommended = recommendation && { ...recommendation, command };
  return `${JSON.stringify({ v: 1, task, machine, ...rest, variants, recommendation: recommended })}\n`;
}

function rowsOf(figures: Figures): string[][] {
  const loop = figures.measured[0] as Measured;
  return figures.measured.map((each) => {
    const { variant, timing, taskP95Ms, peakBytes } = each;
    const efficiency = efficiencyOf(loop, each);
    return [
      variant.name,
      time(timing.medianMs),
      percent(timing.spread),
      times(speedupOf(loop, each)),
      efficiency === undefined ? '–' : percent(efficiency),
      formatRate(rate(figures, each)).replace('/s', ''),
      time(taskP95Ms),
      `${formatCount(Math.round(peakBytes / 1e6))} MB`,
    ];
  });
}

function rate({ sample }: Figures, { timing }: Measured): number {
  return (sample.count / timing.medianMs) * 1000;
}

/** The first line names the task and the sample. */
function factLines({ task, machine, figures }: BenchReport): string[] {
  const { rounds, measured, failed, leftOut, sample } = figures;
  const starts = measured
    .filter(({ variant }) => variant.concurrency <= variant.threads)
    .filter(({ variant }) => variant.kind !== 'threads' || variant.chunk === 'auto')
    .map((each) => `${each.variant.name} ${time(startOf(figures, each))}`);
  return [
    `${task}: ${sampleText(figures)}, ${plural(rounds, 'round')}`,
    'time: median of the rounds, ± spread; task p95: of single tasks; memory: peak',
    `starting (not in the time): ${starts.join(', ')}`,
    `${machine.cpu}, ${plural(machine.cores, 'processor')}, ${machine.platform}, Node.js ${machine.node}, heddle ${machine.heddle}, ${machine.date}`,
    ...(failed > 0
      ? [
          `${formatCount(failed)} of ${plural(sample.count, 'task')} ${failed === 1 ? 'fails' : 'fail'}, in every variant`,
        ]
      : []),
    ...leftOutLines(leftOut),
  ];
}

function sampleText({ sample: { count, total, how } }: Figures): string {
  if (how === 'all') return `all ${plural(count, 'input')}`;
  const where = how === 'head' ? 'from the head of the stream' : how;
  return total === undefined
    ? `${plural(count, 'input')}, ${where}`
    : `${formatCount(count)} of ${plural(total, 'input')}, ${where}`;
}

function leftOutLines(leftOut: Figures['leftOut']): string[] {
  return [...new Set(leftOut.map(({ reason }) => reason))].map((reason) => {
    const names = leftOut.filter((each) => each.reason === reason).map(({ name }) => name);
    return `left out (${reason}): ${names.join('; ')}`;
  });
}

function sentence({ text }: Recommendation): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|');
}
