/**
 * The candidates: the inputs of the batch that a sample is chosen from.
 *
 * Batches are rarely uniform from end to end (files are sorted by name, tables by date), so a sample is spread evenly over the whole
 * batch. The batch is read once and never held: every `step`-th input is kept, and when too many are kept, every other one goes and
 * the step doubles. Streams (standard input, pipes) may have no end: of them the head is taken, and for no longer than STREAM_MS.
 */

import { serialize } from 'node:v8';
import type { Candidates } from '../../../compare/sample.js';
import type { InputSource, Row } from '../../inputs/input-source.js';
import { Interrupted } from '../../shell/exit-codes.js';

/** What bounds the candidates. */
export interface CandidateLimits {
  /** So many are wanted, where the batch has them. */
  readonly most: number;
  readonly mostBytes: number;
  /** For streams; Infinity when a number was asked for. */
  readonly streamMs: number;
  readonly signal: AbortSignal;
}

/** Reads the batch. */
export async function collectCandidates(
  sources: readonly InputSource[],
  limits: CandidateLimits,
): Promise<Candidates> {
  const isStream = sources.some((source) => !source.isRepeatable);
  const kept = new Kept(limits, !isStream);
  const endAt = performance.now() + limits.streamMs;
  let isComplete = true;
  for (const source of sources) {
    const rows = await readRows(source, (row) => kept.take(row), isStream ? endAt : undefined, limits.signal);
    isComplete &&= rows === 'end';
    if (!isComplete) break;
  }
  return {
    inputs: kept.inputs,
    step: kept.step,
    total: isComplete ? kept.seen : undefined,
    badRows: kept.badRows,
  };
}

class Kept {
  inputs: unknown[] = [];
  step = 1;
  seen = 0;
  badRows = 0;
  readonly #limits: CandidateLimits;
  readonly #isSpread: boolean;
  #sizes: number[] = [];
  #bytes = 0;

  constructor(limits: CandidateLimits, isSpread: boolean) {
    this.#limits = limits;
    this.#isSpread = isSpread;
  }

  /** @returns false when no more is wanted */
  take({ input, problem }: Row): boolean {
    if (problem !== undefined) {
      this.badRows++;
      return true;
    }
    if (this.seen++ % this.step !== 0) return true;
    const size = sizeOf(input);
    this.inputs.push(input);
    this.#sizes.push(size);
    this.#bytes += size;
    const { most, mostBytes } = this.#limits;
    const isHeavy = this.#bytes > mostBytes && this.inputs.length > 2;
    if (!this.#isSpread) return !isHeavy && this.inputs.length < most;
    if (isHeavy || this.inputs.length >= most * 2) this.#thin();
    return true;
  }

  /** Also when a few inputs are too large: `while`, for those that stay may be the large ones. */
  #thin(): void {
    do {
      this.inputs = this.inputs.filter((_, i) => i % 2 === 0);
      this.#sizes = this.#sizes.filter((_, i) => i % 2 === 0);
      this.#bytes = this.#sizes.reduce((sum, size) => sum + size, 0);
      this.step *= 2;
    } while (this.#bytes > this.#limits.mostBytes && this.inputs.length > 2);
  }
}

function sizeOf(input: unknown): number {
  return typeof input === 'string' ? input.length : serialize(input).length;
}

/** Rows in one turn of the event loop, so that Ctrl-C works on a file of any length. */
const ROWS_A_TURN = 20_000;

async function readRows(
  source: InputSource,
  take: (row: Row) => boolean,
  endAt: number | undefined,
  signal: AbortSignal,
): Promise<'end' | 'enough'> {
  const rows = source.open();
  if (Symbol.asyncIterator in rows) return readStream(rows[Symbol.asyncIterator](), take, endAt, signal);
  let count = 0;
  for (const row of rows) {
    if (!take(row)) return 'enough';
    if (++count % ROWS_A_TURN !== 0) continue;
    await new Promise((resolve) => setImmediate(resolve));
    refuseInterrupted(signal);
  }
  return 'end';
}

/** Nothing may come on a pipe for as long as it likes. */
async function readStream(
  rows: AsyncIterator<Row>,
  take: (row: Row) => boolean,
  endAt: number | undefined,
  signal: AbortSignal,
): Promise<'end' | 'enough'> {
  let stop: (word: 'stop') => void = () => {};
  const stopped = new Promise<'stop'>((resolve) => {
    stop = resolve;
  });
  const timer =
    endAt === undefined || endAt === Number.POSITIVE_INFINITY
      ? undefined
      : setTimeout(() => stop('stop'), endAt - performance.now());
  const onAbort = () => stop('stop');
  signal.addEventListener('abort', onAbort);
  try {
    for (;;) {
      const row = await Promise.race([rows.next(), stopped]);
      refuseInterrupted(signal);
      if (row === 'stop') return 'enough';
      if (row.done === true) return 'end';
      if (!take(row.value)) return 'enough';
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    void rows.return?.();
  }
}

function refuseInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw new Interrupted('interrupted while inputs were read');
}
