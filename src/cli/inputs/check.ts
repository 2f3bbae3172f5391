/**
 * The check: every source that can be read twice is read to its end before any task runs.
 *
 * It finds rows that cannot be parsed and keys that are missing or repeated, and counts the inputs. Streams
 * are not read. The event loop turns in between, so that progress is shown and Ctrl-C works on a file of any
 * length.
 */

import { setImmediate as turn } from 'node:timers/promises';
import { brief, clean } from '../../text/shown-text.js';
import { Interrupted, UsageError } from '../shell/exit-codes.js';
import type { KeyFunction } from '../shell/keys.js';
import type { InputSource, Row } from './input-source.js';

/** Result of the check. */
export interface Checked {
  /** Number of inputs; undefined when one source is a stream. */
  readonly total: number | undefined;
  /** The first few inputs. */
  readonly first: readonly unknown[];
  /** Rows of streams that would fail; only when streams are checked as well. */
  readonly badRows: number;
}

/** Options of the check. */
export interface CheckOptions {
  readonly keyOf: KeyFunction | undefined;
  /** Read streams as well, when nothing will run afterwards. */
  readonly includesStreams: boolean;
  /** Called with each readable input; throws when the input cannot be used. */
  readonly look?: (input: unknown) => void;
  /** Ends the check. */
  readonly signal: AbortSignal;
  readonly onCount: (count: number) => void;
}

/** Problems in one message. */
const SHOWN_PROBLEMS = 5;
const FIRST_INPUTS = 5;
const TURN_EVERY_MS = 40;

/** @throws UsageError naming the first rows that cannot be used */
export async function checkInputs(sources: readonly InputSource[], options: CheckOptions): Promise<Checked> {
  const check = new InputCheck(options);
  for (const source of sources) {
    if (source.isRepeatable || options.includesStreams) await check.read(source);
  }
  check.refuse();
  const isComplete = options.includesStreams || sources.every((source) => source.isRepeatable);
  return { total: isComplete ? check.count : undefined, first: check.first, badRows: check.badRows };
}

class InputCheck {
  count = 0;
  badRows = 0;
  readonly first: unknown[] = [];
  readonly #options: CheckOptions;
  readonly #sources: InputSource[] = [];
  /** Where each key was first seen, as source × 2^40 + line: less than half the size of a text. */
  readonly #keys = new Map<string, number>();
  readonly #problems: string[] = [];
  #problemCount = 0;
  #turnedAt = performance.now();

  constructor(options: CheckOptions) {
    this.#options = options;
  }

  async read(source: InputSource): Promise<void> {
    this.#sources.push(source);
    const rows = source.open();
    if (Symbol.asyncIterator in rows) {
      for await (const row of rows) {
        this.#row(source, row);
        if (this.#isTimeToTurn()) await this.#turn();
      }
    } else {
      for (const row of rows) {
        this.#row(source, row);
        if (this.#isTimeToTurn()) await this.#turn();
      }
    }
    this.#options.onCount(this.count);
  }

  /** @throws UsageError when a row cannot be used */
  refuse(): void {
    if (this.#problemCount === 0) return;
    const more = this.#problemCount - this.#problems.length;
    const heading =
      this.#problemCount === 1 ? '' : `${this.#problemCount} inputs cannot be used; nothing was started\n  `;
    throw new UsageError(`${heading}${this.#problems.join('\n  ')}${more > 0 ? `\n  and ${more} more` : ''}`);
  }

  #row(source: InputSource, row: Row): void {
    const { keyOf, look } = this.#options;
    this.count++;
    if (row.problem !== undefined) {
      const { reason, text, column } = row.problem;
      const place = `${source.place(row.line)}${column === undefined ? '' : `:${column}`}`;
      return this.#problem(source, `${place}: ${clean(reason)}${text === '' ? '' : `: ${brief(text)}`}`);
    }
    if (this.first.length < FIRST_INPUTS) this.first.push(row.input);
    try {
      look?.(row.input);
      if (keyOf !== undefined) this.#key(source, row, keyOf(row.input));
    } catch (error) {
      this.#problem(source, `${source.place(row.line)}: ${clean((error as Error).message)}`);
    }
  }

  #key(source: InputSource, row: Row, key: string): void {
    const first = this.#keys.get(key);
    if (first === undefined) {
      this.#keys.set(key, (this.#sources.length - 1) * 2 ** 40 + row.line);
      return;
    }
    const firstSource = this.#sources[Math.floor(first / 2 ** 40)] as InputSource;
    const places = `${firstSource.place(first % 2 ** 40)} and ${source.place(row.line)}`;
    this.#problem(source, `${places} have the same key "${brief(key)}"; a key names one task`);
  }

  #problem(source: InputSource, message: string): void {
    if (!source.isRepeatable) {
      this.badRows++;
      return;
    }
    this.#problemCount++;
    if (this.#problems.length < SHOWN_PROBLEMS) this.#problems.push(message);
  }

  #isTimeToTurn(): boolean {
    return this.count % 256 === 0 && performance.now() - this.#turnedAt > TURN_EVERY_MS;
  }

  async #turn(): Promise<void> {
    this.#options.onCount(this.count);
    await turn();
    if (this.#options.signal.aborted) throw new Interrupted('interrupted while inputs were checked');
    this.#turnedAt = performance.now();
  }
}
