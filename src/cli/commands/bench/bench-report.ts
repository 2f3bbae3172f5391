/**
 * The report as text, as Markdown and as JSON.
 *
 * Text and Markdown show the same table and the same lines: facts (sample, start, machine), warnings, notes,
 * and the recommendation last.
 */

import type { Figures, Measured } from '../../../compare/figures.js';
import { efficiencyOf, percent, speedupOf, startOf, time, times } from '../../../compare/figures.js';
import type { Recommendation } from '../../../compare/recommendation.js';
import { formatCount, formatRate, plural } from '../../../text/durations.js';
import type { Colors } from '../../shell/terminal.js';

export interface BenchReport {
  readonly task: string;
  readonly machine: {
    readonly heddle: string;
    readonly node: string;
    readonly platform: string;
    readonly cpu: string;
    readonly cores: number;
    /** ISO 8601. */
    readonly date: string;
  };
  readonly figures: Figures;
  readonly recommendation: Recommendation | undefined;
  /** The command to copy, with the recommended flags. */
  readonly command: string;
}

const HEADER = ['variant', 'time', '±', 'speed-up', 'eff.', 'tasks/s', 'task p95', 'memory'];

/** For a terminal: columns are aligned, and the recommended variant is green. */
export function textReport(report: BenchReport, colors: Colors): string {
  const { figures, recommendation, command } = report;
  const rows = [HEADER, ...rowsOf(figures)];
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const aligned = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0);
  const lines = rows.map((row, at) => {
    const line = row.map(aligned).join('  ');
    if (at === 0) return colors.dim(line);
    return row[0] === recommendation?.name ? colors.green(line) : line;
  });
  return [
    titleOf(report),
    '',
    ...lines,
    '',
    ...factsOf(report),
    ...figures.warnings.map((warning) => `${colors.yellow('warning:')} ${warning}`),
    ...(recommendation?.notes ?? []).map((note) => `note: ${note}`),
    ...(recommendation === undefined ? [] : [`${sentence(recommendation)}:`, `  ${colors.bold(command)}`]),
    '',
  ].join('\n');
}

/** For a web page. */
export function markdownReport(report: BenchReport): string {
  const { figures, recommendation, command } = report;
  const escaped = (text: string) => text.replaceAll('|', '\\|');
  const row = (cells: readonly string[]) => `| ${cells.map(escaped).join(' | ')} |`;
  const notes = [
    ...factsOf(report),
    ...figures.warnings.map((warning) => `Warning: ${warning}`),
    ...(recommendation?.notes ?? []).map((note) => `Note: ${note}`),
  ];
  return [
    escaped(titleOf(report)),
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
    const { variant, timing, ...others } = each;
    const compared = { speedup: speedupOf(loop, each), efficiency: efficiencyOf(loop, each) };
    return { ...variant, ...timing, ...others, ...compared, tasksPerSecond: rateOf(figures, each) };
  });
  const advice = recommendation && { ...recommendation, command };
  return `${JSON.stringify({ v: 1, task, machine, ...rest, variants, recommendation: advice })}\n`;
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
      formatRate(rateOf(figures, each)).replace('/s', ''),
      time(taskP95Ms),
      `${formatCount(Math.round(peakBytes / 1e6))} MB`,
    ];
  });
}

function rateOf({ sample }: Figures, { timing }: Measured): number {
  return (sample.count / timing.medianMs) * 1000;
}

function titleOf({ task, figures }: BenchReport): string {
  const { count, total, how } = figures.sample;
  const rounds = plural(figures.rounds, 'round');
  if (how === 'all') return `${task}: all ${plural(count, 'input')}, ${rounds}`;
  const of =
    total === undefined ? plural(count, 'input') : `${formatCount(count)} of ${plural(total, 'input')}`;
  return `${task}: ${of}, ${how === 'head' ? 'from the head of the stream' : how}, ${rounds}`;
}

function factsOf({ machine, figures }: BenchReport): string[] {
  const { measured, failed, leftOut, sample } = figures;
  const { cpu, cores, platform, node, heddle, date } = machine;
  const starts = measured
    .filter(({ variant: { concurrency, threads } }) => concurrency <= threads)
    .filter(({ variant: { kind, chunk } }) => kind !== 'threads' || chunk === 'auto')
    .map((each) => `${each.variant.name} ${time(startOf(figures, each))}`);
  const facts = [
    'time: median of the rounds, ± spread; task p95: of single tasks; memory: peak',
    `starting (not in the time): ${starts.join(', ')}`,
    `${cpu}, ${plural(cores, 'processor')}, ${platform}, Node.js ${node}, heddle ${heddle}, ${date}`,
  ];
  const tasks = `${formatCount(failed)} of ${plural(sample.count, 'task')}`;
  if (failed > 0) facts.push(`${tasks} ${failed === 1 ? 'fails' : 'fail'}, in every variant`);
  for (const reason of new Set(leftOut.map((each) => each.reason))) {
    const names = leftOut.filter((each) => each.reason === reason).map(({ name }) => name);
    facts.push(`left out (${reason}): ${names.join('; ')}`);
  }
  return facts;
}

function sentence({ text }: Recommendation): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
