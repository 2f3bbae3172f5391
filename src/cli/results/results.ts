/**
 * Results: what becomes of each outcome and of each bad row.
 *
 * One place counts them, writes their lines, keeps failed inputs, and merges bad rows with the outcomes of the good ones. In
 * input order a bad row waits until everything before it was written; so few rows wait (MAX_WAITING) that a stream of nothing but bad
 * rows behind one slow task is held back, not piled up.
 */

import type { FailureGroup, Outcome } from '../../main/index.js';
import { showInput } from '../../text/shown-text.js';
import type { BadRow, Feed } from '../inputs/feed.js';
import { wrapFailedInput } from './failed-input.js';
import type { LineWriter } from './line-writer.js';
import { badRowError, badRowLine, type LineMode, outcomeLine } from './outcome-line.js';

/** Where results go. */
export interface ResultsOptions {
  readonly lines: LineWriter;
  readonly mode: LineMode;
  readonly order: 'input' | 'completion';
  readonly failed: { readonly lines: LineWriter; readonly format: 'jsonl' | 'lines' } | undefined;
  /** Called when the number of failures beyond the runtime's own grows. */
  readonly onExtraFailure: (error: Error) => void;
}

const MAX_WAITING = 1000;
/** Failed inputs that are kept for the summary, as short texts. */
const MAX_EXAMPLES = 2000;
const GROUP_INDEXES = 5;

/** Takes the outcomes of one run. */
export class Results {
  /** Tasks that succeeded and whose value could not be written. */
  unwritable = 0;
  /** Rows that never became a task. */
  badRows = 0;
  /** Failed inputs that are not in the file of failed inputs, because they could not be read. */
  unreadable = 0;
  /** Failed inputs by their index, as short texts. */
  readonly examples = new Map<number, string>();
  readonly #options: ResultsOptions;
  readonly #groups = new Map<string, FailureGroup & { count: number; indexes: number[] }>();
  #feed: Feed | undefined;
  #taken = 0;
  #waiting: BadRow[] = [];
  #wake: (() => void) | undefined;

  constructor(options: ResultsOptions) {
    this.#options = options;
  }

  /** Tells where the inputs come from. */
  connect(feed: Feed): void {
    this.#feed = feed;
  }

  /** Failures that the runtime knows nothing of, by kind. */
  get extraFailures(): readonly FailureGroup[] {
    return [...this.#groups.values()];
  }

  /** Takes the next outcome of the run. Wait for the promise, if there is one, before the next. */
  take(outcome: Outcome): Promise<void> | undefined {
    const index = this.#feed?.indexOf(outcome.index) ?? outcome.index;
    const input = this.#feed?.take(outcome.index);
    const { text, unwritable } = outcomeLine(outcome, index, this.#options.mode);
    let wait = text === undefined ? undefined : this.#options.lines.add(text);
    if (unwritable !== undefined) {
      this.unwritable++;
      this.#extraFailure(index, unwritable);
    }
    const error = outcome.status === 'failed' ? outcome.error : unwritable;
    if (error !== undefined) wait = both(wait, this.#keepFailed(index, input, error, outcome.attempts));
    this.#taken = outcome.index + 1;
    return this.#waiting.length === 0 ? wait : both(wait, this.#releaseWaiting(this.#taken));
  }

  /** Takes a bad row. Wait for the promise, if there is one, before reading on. */
  takeBadRow(bad: BadRow): Promise<void> | undefined {
    this.badRows++;
    const isNext = this.#options.order === 'completion' || bad.ordinal <= this.#taken;
    if (isNext && this.#waiting.length === 0) return this.#writeBadRow(bad);
    this.#waiting.push(bad);
    if (this.#waiting.length < MAX_WAITING) return undefined;
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** No more outcomes will come: writes the bad rows that still wait. */
  async finish(): Promise<void> {
    await this.#releaseWaiting(Number.POSITIVE_INFINITY);
  }

  #releaseWaiting(ordinal: number): Promise<void> | undefined {
    let wait: Promise<void> | undefined;
    let count = 0;
    for (const bad of this.#waiting) {
      if (bad.ordinal > ordinal) break;
      wait = both(wait, this.#writeBadRow(bad));
      count++;
    }
    if (count === 0) return undefined;
    this.#waiting = this.#waiting.slice(count);
    this.#wake?.();
    this.#wake = undefined;
    return wait;
  }

  #writeBadRow(bad: BadRow): Promise<void> | undefined {
    const error = badRowError(bad);
    this.#extraFailure(bad.index, error);
    const wait =
      this.#options.mode === 'outcomes' ? this.#options.lines.add(badRowLine(bad, error)) : undefined;
    if (bad.code === 'HEDDLE_BAD_INPUT') {
      this.#addExample(bad.index, bad.problem.text);
      this.unreadable++;
      return wait;
    }
    return both(wait, this.#keepFailed(bad.index, bad.input, error, 0));
  }

  #keepFailed(index: number, input: unknown, error: Error, attempts: number): Promise<void> | undefined {
    this.#addExample(index, input);
    const { failed } = this.#options;
    if (failed === undefined) return undefined;
    return failed.lines.add(
      failed.format === 'lines' ? String(input) : wrapFailedInput(input, error, attempts),
    );
  }

  #addExample(index: number, input: unknown): void {
    if (this.examples.size < MAX_EXAMPLES) this.examples.set(index, showInput(input));
  }

  #extraFailure(index: number, error: Error): void {
    const { code } = error as Error & { code?: string };
    let group = this.#groups.get(code ?? '');
    if (group === undefined) {
      group = { name: error.name, message: error.message, code, count: 0, indexes: [] };
      this.#groups.set(code ?? '', group);
    }
    group.count++;
    if (group.indexes.length < GROUP_INDEXES) group.indexes.push(index);
    this.#options.onExtraFailure(error);
  }
}

function both(a: Promise<void> | undefined, b: Promise<void> | undefined): Promise<void> | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Promise.all([a, b]).then(() => {});
}
