/**
 * Progress as plain lines, for logs: one for every tenth of the batch or every 30 seconds, whichever comes
 * first, but at most one per second. No control characters.
 */

import type { Progress } from '../../main/index.js';
import { formatCount, formatDuration, formatRate, plural } from '../../text/durations.js';
import type { Display, RunFacts } from './display.js';

const EVERY_MS = 30_000;
const LEAST_MS = 1000;
/** A check of inputs that takes less prints nothing. */
const CHECK_SILENT_MS = 60;

/** Writes lines. */
export class PlainDisplay implements Display {
  readonly #label: string;
  readonly #write: (text: string) => void;
  readonly #now: () => number;
  #printedAt = 0;
  #printedTenths = 0;
  #startedAt = 0;
  #isCheckShown = false;

  constructor(label: string, write: (text: string) => void, now: () => number = () => performance.now()) {
    this.#label = label;
    this.#write = write;
    this.#now = now;
  }

  starting(): void {
    this.#startedAt = this.#now();
  }

  checking(count: number): void {
    const now = this.#now();
    if (now - this.#startedAt < CHECK_SILENT_MS) return;
    if (this.#isCheckShown && now - this.#printedAt < EVERY_MS) return;
    this.#isCheckShown = true;
    this.#print(`${this.#label}: checking inputs, ${formatCount(count)} so far`);
  }

  running({ total, threads, concurrency, isInline, from }: RunFacts): void {
    // The summary reports that there is nothing to do.
    if (total === 0) return;
    const what = total === undefined ? `inputs from ${from}` : plural(total, 'task');
    const where = isInline ? 'inline' : plural(threads, 'thread');
    const most = concurrency === undefined ? '' : `, concurrency ${formatCount(concurrency)}`;
    this.#print(`${this.#label}: ${what}, ${where}${most}`);
  }

  update(progress: Progress): void {
    const { total, succeeded, failed } = progress;
    const since = this.#now() - this.#printedAt;
    const done = succeeded + failed;
    const tenths = total === undefined || total === 0 ? 0 : Math.floor((done * 10) / total);
    // The summary reports the end.
    if (since < LEAST_MS || tenths === 10) return;
    if (tenths <= this.#printedTenths && since < EVERY_MS) return;
    this.#printedTenths = tenths;
    this.#print(`${this.#label}: ${plainLine(progress)}`);
  }

  erase(): void {}

  stop(): void {}

  #print(text: string): void {
    this.#printedAt = this.#now();
    this.#write(text);
  }
}

/** "40 %, 4 000 of 10 000, 412/s, 3 failed, about 12 s left" */
export function plainLine(progress: Progress): string {
  const { total, succeeded, failed, waiting, submitted, tasksPerSecond, remainingMs } = progress;
  const done = succeeded + failed;
  const parts =
    total === undefined
      ? [`${formatCount(done)} done`]
      : [
          `${Math.floor((done / Math.max(total, 1)) * 100)} %`,
          `${formatCount(done)} of ${formatCount(total)}`,
        ];
  parts.push(formatRate(tasksPerSecond));
  if (failed > 0) parts.push(`${formatCount(failed)} failed`);
  if (waiting > 0) parts.push(`${formatCount(waiting)} retrying`);
  if (submitted > 0) parts.push(`${formatCount(submitted)} submitted`);
  if (remainingMs !== undefined) parts.push(`about ${formatDuration(remainingMs)} left`);
  return parts.join(', ');
}
