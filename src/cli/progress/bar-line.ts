/**
 * The line of the bar, as a function of what it shows and how wide it may be.
 *
 * Parts have a rank: where space is short, the least important are left out first.
 */

import type { Progress } from '../../main/index.js';
import { formatCount, formatDuration, formatRate } from '../../text/durations.js';
import type { Colors } from '../shell/terminal.js';

/** How the line is drawn. */
export interface BarStyle {
  readonly label: string;
  /** Cells that the label takes. */
  readonly labelWidth: number;
  readonly colors: Colors;
  readonly isUnicode: boolean;
}

interface BarPart {
  readonly text: string;
  /** The highest is left out first. */
  readonly rank: number;
  readonly paint?: (text: string) => string;
}

const LEAST_BAR = 8;
const MOST_BAR = 36;
const GAP = 2;

/** The line; its width on the terminal is at most `width`. */
export function barLine(progress: Progress, width: number, style: BarStyle): string {
  const { colors } = style;
  const { total } = progress;
  const share =
    total === undefined ? undefined : total === 0 ? 1 : (progress.succeeded + progress.failed) / total;
  const parts = partsOf(progress, share, colors);
  const widthOf = (list: readonly BarPart[]) => list.reduce((sum, { text }) => sum + text.length + GAP, 0);
  const hasLabel = (list: readonly BarPart[], bar: number) =>
    style.labelWidth + GAP + bar + widthOf(list) <= width;
  let shown = parts;
  const bar = share === undefined ? 0 : LEAST_BAR;
  while (shown.length > 1 && bar + widthOf(shown) > width) {
    const last = Math.max(...shown.map(({ rank }) => rank));
    shown = shown.filter(({ rank }) => rank !== last);
  }
  const isLabelled = hasLabel(shown, bar);
  const left = width - widthOf(shown) - (isLabelled ? style.labelWidth + GAP : 0);
  const texts = shown.map(({ text, paint }) => (paint === undefined ? text : paint(text)));
  if (share !== undefined && left >= LEAST_BAR)
    texts.unshift(drawBar(share, Math.min(left, MOST_BAR), style));
  if (isLabelled) texts.unshift(colors.bold(style.label));
  return texts.join(' '.repeat(GAP));
}

function partsOf(progress: Progress, share: number | undefined, colors: Colors): BarPart[] {
  const { total, succeeded, failed, waiting, submitted, tasksPerSecond, remainingMs, elapsedMs } = progress;
  const done = formatCount(succeeded + failed);
  const parts: BarPart[] = [];
  if (share !== undefined) parts.push({ text: `${Math.floor(share * 100)} %`, rank: 0 });
  parts.push({ text: total === undefined ? `${done} done` : `${done}/${formatCount(total)}`, rank: 1 });
  if (tasksPerSecond > 0) parts.push({ text: formatRate(tasksPerSecond), rank: 4 });
  if (failed > 0) parts.push({ text: `${formatCount(failed)} failed`, rank: 2, paint: colors.red });
  if (waiting > 0) parts.push({ text: `${formatCount(waiting)} retrying`, rank: 5, paint: colors.yellow });
  if (submitted > 0) parts.push({ text: `${formatCount(submitted)} submitted`, rank: 5 });
  if (remainingMs !== undefined) parts.push({ text: `ETA ${elapsed(remainingMs)}`, rank: 3 });
  parts.push({ text: elapsed(elapsedMs), rank: 6, paint: colors.dim });
  return parts;
}

/** Whole seconds, because a figure that changes with every redraw is noise. */
function elapsed(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return seconds < 60 ? `${seconds} s` : formatDuration(seconds * 1000);
}

function drawBar(share: number, width: number, { isUnicode, colors }: BarStyle): string {
  const full = Math.min(width, Math.floor(share * width));
  const [done, head, todo] = isUnicode ? ['━', '╸', '─'] : ['#', '', '-'];
  const hasHead = head !== '' && full < width && share > 0;
  const left = colors.cyan(done.repeat(full) + (hasHead ? head : ''));
  return `${left}${colors.dim(todo.repeat(width - full - (hasHead ? 1 : 0)))}`;
}
