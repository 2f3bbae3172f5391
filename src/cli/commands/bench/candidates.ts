/**
 * The candidates: the inputs of the batch from which a sample is chosen.
 *
 * Batches are rarely uniform from end to end (files are sorted by name, tables by date), so a sample is
 * spread evenly over the whole batch. The batch is read once and never held: every `step`-th input is kept,
 * and when too many are kept, every other one is dropped and the step doubles. Streams (standard input,
 * pipes) may have no end: only their first inputs are taken, within a time limit.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { serialize } from 'node:v8';
import type { Candidates } from '../../../compare/sample.js';
import { checkInputs } from '../../inputs/check.js';
import type { InputSource, Row } from '../../inputs/input-source.js';
import { Interrupted } from '../../shell/exit-codes.js';

export interface CandidateLimits {
  /** The number wanted; of a batch, up to twice as many are kept. */
  readonly most: number;
  readonly mostBytes: number;
  /** Time limit for streams; may be Infinity. */
  readonly streamMs: number;
  readonly signal: AbortSignal;
}

const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * Reads the batch.
 *
 * @throws UsageError if rows of a file cannot be used
 */
export async function collectCandidates(
  sources: readonly InputSource[],
  limits: CandidateLimits,
): Promise<Candidates> {
  const streams = sources.filter((source) => !source.isRepeatable);
  const kept = new KeptInputs(limits, streams.length === 0);
  const { signal } = limits;
  const look = (input: unknown) => void kept.take(input);
  await checkInputs(sources, { keyOf: undefined, includesStreams: false, look, signal, onCount: () => {} });
  const isComplete = await readStreams(streams, kept, limits);
  const { inputs, step, seen, badRows } = kept;
  return { inputs, step, total: isComplete ? seen : undefined, badRows };
}

class KeptInputs {
  inputs: unknown[] = [];
  step = 1;
  seen = 0;
  badRows = 0;
  readonly #limits: CandidateLimits;
  readonly #isSpread: boolean;
  #sizes: number[] = [];
  #bytes = 0;

  /** @param isSpread - keep inputs of the whole batch, not only the first */
  constructor(limits: CandidateLimits, isSpread: boolean) {
    this.#limits = limits;
    this.#isSpread = isSpread;
  }

  get isFull(): boolean {
    return !this.#isSpread && (this.#isHeavy || this.inputs.length >= this.#limits.most);
  }

  take(input: unknown): void {
    if (this.isFull || this.seen++ % this.step !== 0) return;
    const size = typeof input === 'string' ? input.length : serialize(input).length;
    this.inputs.push(input);
    this.#sizes.push(size);
    this.#bytes += size;
    if (!this.#isSpread) return;
    if (this.inputs.length >= this.#limits.most * 2) this.#thin();
    while (this.#isHeavy) this.#thin();
  }

  get #isHeavy(): boolean {
    return this.#bytes > this.#limits.mostBytes && this.inputs.length > 2;
  }

  #thin(): void {
    this.inputs = this.inputs.filter((_, i) => i % 2 === 0);
    this.#sizes = this.#sizes.filter((_, i) => i % 2 === 0);
    this.#bytes = this.#sizes.reduce((sum, size) => sum + size, 0);
    this.step *= 2;
  }
}

/** @returns false if the streams were not read to their end */
async function readStreams(
  streams: readonly InputSource[],
  kept: KeptInputs,
  { streamMs, signal }: CandidateLimits,
): Promise<boolean> {
  const done = new AbortController();
  const options = { signal: AbortSignal.any([done.signal, signal]) };
  const timeUp = delay(Math.min(streamMs, MAX_DELAY_MS), undefined, options).catch(() => undefined);
  const rows = rowsOf(streams);
  try {
    while (!kept.isFull) {
      const next = await Promise.race([rows.next(), timeUp]);
      if (signal.aborted) throw new Interrupted('interrupted while inputs were read');
      if (next === undefined) return false;
      if (next.done === true) return true;
      if (next.value.problem === undefined) kept.take(next.value.input);
      else kept.badRows++;
    }
    return false;
  } finally {
    done.abort();
    void rows.return(undefined);
  }
}

async function* rowsOf(streams: readonly InputSource[]): AsyncGenerator<Row, undefined> {
  for (const stream of streams) yield* stream.open();
}
