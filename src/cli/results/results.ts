/**
 * Results: writes the line of each outcome, and keeps the inputs of failed tasks.
 *
 * The run counts outcomes. The one thing that it does not see is a value that the output cannot hold; those
 * are counted here.
 */

import type { FailureGroup, HeddleError, Outcome } from '../../main/index.js';
import { showInput } from '../../text/shown-text.js';
import type { Feed } from '../inputs/feed.js';
import { contentOf, type Row } from '../inputs/input-source.js';
import { wrapFailedInput } from './failed-input.js';
import type { LineWriter } from './line-writer.js';
import { type LineMode, outcomeLine } from './outcome-line.js';

/** Where results go. */
export interface ResultsOptions {
  readonly feed: Feed;
  readonly lines: LineWriter;
  readonly mode: LineMode;
  readonly failed: { readonly lines: LineWriter; readonly format: 'jsonl' | 'lines' } | undefined;
  /** Called when a value could not be written. */
  readonly onUnwritable: (all: FailureGroup) => void;
}

/** Failed inputs that are kept for the summary, as short texts. */
const MAX_EXAMPLES = 2000;
const GROUP_INDEXES = 5;

/** Takes the outcomes of one run. */
export class Results {
  /** Tasks that succeeded with a value that could not be written. */
  unwritable: (FailureGroup & { count: number; indexes: number[] }) | undefined;
  /** Failed inputs that could not be read; they are not in the file of failed inputs. */
  unreadable = 0;
  /** Failed inputs by index, as short texts. */
  readonly examples = new Map<number, string>();
  readonly #options: ResultsOptions;

  constructor(options: ResultsOptions) {
    this.#options = options;
  }

  /** Takes the next outcome of the run. Wait for the promise, if there is one, before the next. */
  take(outcome: Outcome): Promise<void> | undefined {
    const { feed, lines, mode } = this.#options;
    const row = feed.take(outcome.index);
    const { text, unwritable } = outcomeLine(outcome, mode);
    const written = text === undefined ? undefined : lines.add(text);
    if (unwritable !== undefined) this.#countUnwritable(outcome.index, unwritable);
    const error = outcome.status === 'failed' ? outcome.error : unwritable;
    return error === undefined ? written : both(written, this.#keepFailed(outcome, row, error));
  }

  #countUnwritable(index: number, error: HeddleError): void {
    const { name, message, code } = error;
    this.unwritable ??= { name, message, code, count: 0, indexes: [] };
    this.unwritable.count++;
    if (this.unwritable.indexes.length < GROUP_INDEXES) this.unwritable.indexes.push(index);
    this.#options.onUnwritable(this.unwritable);
  }

  #keepFailed({ index, attempts }: Outcome, row: Row | undefined, error: Error): Promise<void> | undefined {
    if (row === undefined) return undefined;
    if (this.examples.size < MAX_EXAMPLES) this.examples.set(index, showInput(contentOf(row)));
    if (row.problem !== undefined) this.unreadable++;
    const { failed } = this.#options;
    if (row.problem !== undefined || failed === undefined) return undefined;
    const { input } = row;
    return failed.lines.add(
      failed.format === 'lines' ? String(input) : wrapFailedInput(input, error, attempts),
    );
  }
}

function both(a: Promise<void> | undefined, b: Promise<void> | undefined): Promise<void> | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Promise.all([a, b]).then(() => {});
}
