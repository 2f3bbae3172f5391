/**
 * Settling: from the end of an attempt to the task's outcome, or to its next attempt.
 *
 * `#publish` is the one place that every new outcome passes: it is recorded first, and shown (counters, callbacks, output) only
 * when the recorder says that it is kept. Outcomes of earlier runs of the session join at `show`. Consecutive tasks that succeeded go through together, as one block.
 */

import { now, ORIGIN } from '../../protocol/control-cell.js';
import type { EncodedValue } from '../../protocol/encoded-value.js';
import type { SettledMessage, Submission } from '../../protocol/messages.js';
import { type AttemptTimes, type Failed, unsuccessful } from '../../protocol/outcome.js';
import { reviveError } from '../../protocol/serialized-error.js';
import { taskKey } from '../../protocol/task-key.js';
import { isTransfer } from '../../protocol/transfer.js';
import type { RecordableBlock, Recorder } from '../../session/recorder.js';
import { type Chunk, indexOf } from '../executor/executor.js';
import type { Counters } from '../figures/counters.js';
import type { EventHub } from '../figures/events.js';
import type { Gate } from '../lanes/gate.js';
import { decideRetry, type FailedAttempt, type RetryDecision } from '../lanes/retry-decision.js';
import type { ResolvedRunOptions } from '../options/resolve-options.js';
import { identityOf, type OutcomeBlock, SucceededBlock, UnsuccessfulBlock } from './outcome-block.js';
import type { Output } from './output.js';

/** What settling needs of the rest of the run. */
export interface SettleHost {
  readonly options: ResolvedRunOptions;
  /** Keeps outcomes; noSession until the session is open. */
  recorder(): Recorder;
  readonly output: Output;
  readonly counters: Counters;
  readonly events: EventHub;
  readonly random: () => number;
  /** Offers values to the cache. */
  keep(chunk: Chunk, from: number, values: readonly EncodedValue[]): void;
  /** Values arrive as a session keeps them. */
  readonly isEncoded: boolean;
  /** The task is declared at-most-once. */
  isOnce(): boolean;
  /** A task was left for a later run, though this one was not stopped. */
  onLeft(error: Error): void;
  /** True when no further attempt may start. */
  isStopping(): boolean;
  /** Where tasks wait for their lanes, if the run has any. */
  gate(): Gate | undefined;
  /** Takes a task up again after a delay. */
  retry(chunk: Chunk, delayMs: number): void;
  /** A task failed for good. */
  onFailure(index: number, error: Error): void;
  /** The run cannot go on. */
  onFatal(error: unknown): void;
  /** Everything that was on its way to the recorder has arrived. */
  onRecorded(): void;
}

/** Decides what the end of an attempt means. */
export class Settler {
  readonly #host: SettleHost;
  #recording = 0;

  constructor(host: SettleHost) {
    this.#host = host;
  }

  /** True while outcomes are on their way to the recorder. */
  get isRecording(): boolean {
    return this.#recording > 0;
  }

  /** Consecutive attempts ended by themselves. */
  settle(chunk: Chunk, message: SettledMessage, workerId: number): void {
    const { values, times, origin, others, from } = message;
    const gate = this.#host.gate();
    if (gate !== undefined && others === undefined) gate.succeeded(chunk);
    this.#host.counters.recordAttempts(times, chunk.readyAt - origin, workerId);
    this.#host.counters.running -= values.length;
    const { isEncoded } = this.#host;
    const succeed = (start: number, end: number) => {
      while (start < end) {
        const length = gaplessLength(chunk, from + start, end - start);
        const columns = {
          from: from + start,
          length,
          values,
          times,
          offset: start,
          origin,
          workerId,
          isEncoded,
        };
        this.#publish(new SucceededBlock(chunk, columns));
        if (isEncoded)
          this.#host.keep(chunk, from + start, values.slice(start, start + length) as EncodedValue[]);
        start += length;
      }
    };
    let start = 0;
    for (const other of others ?? []) {
      const { position } = other;
      const i = position - from;
      succeed(start, i);
      start = i + 1;
      if ('job' in other) {
        gate?.succeeded(chunk);
        this.#submit(chunk, other);
        continue;
      }
      const { error, aborted } = other;
      const beganAt = times[i] as number;
      const durationMs = (times[i + 1] as number) - beganAt;
      const attempt = { attempts: chunk.attempt, startedAt: origin + beganAt, durationMs, workerId };
      if (aborted) this.finish(chunk, position, 'aborted', reviveError(error), attempt);
      else this.fail(chunk, position, reviveError(error), attempt);
    }
    succeed(start, values.length);
  }

  /**
   * One attempt failed: its next one is planned, or the task has failed.
   *
   * @param isCutOff - it did not end by itself: nobody knows how far it came
   */
  fail(chunk: Chunk, position: number, error: Error, attempt: AttemptTimes, isCutOff = false): void {
    const { counters, events } = this.#host;
    const decision = this.#decide(chunk, position, error);
    if (decision.kind !== 'again') {
      const isLeft = decision.kind === 'left';
      this.finish(chunk, position, isLeft ? 'aborted' : 'failed', error, attempt);
      if (isLeft) this.#host.onLeft(error);
      return;
    }
    const { afterMs, isCharged } = decision;
    const again = single(chunk, position, {
      attempt: isCharged ? chunk.attempt + 1 : chunk.attempt,
      refunds: isCharged ? chunk.refunds : chunk.refunds + 1,
      isolated: false,
      troubles: 0,
      interrupted: isCutOff && chunk.job === undefined,
    });
    // A job goes on, whatever the look at it came to.
    if (chunk.job !== undefined) this.#host.gate()?.keepLocks(chunk);
    if (isCharged) counters.retries++;
    if (events.isRead) {
      const { attempt: failed } = chunk;
      events.emit({
        type: 'task-retry',
        ...named(chunk, position),
        attempt: failed,
        error,
        delayMs: afterMs,
      });
    }
    this.#host.retry(again, afterMs);
  }

  /** Gives a task without a value its outcome. */
  finish(
    chunk: Parameters<typeof identityOf>[0],
    position: number,
    status: 'failed' | 'aborted' | 'skipped',
    error: Error,
    attempt: AttemptTimes,
  ): void {
    const outcome = unsuccessful(status, error, attempt, identityOf(chunk, position));
    this.#publish(new UnsuccessfulBlock(outcome));
    if (status === 'failed') this.#host.onFailure(outcome.index, error);
  }

  /** What the failure means. Asked in any case: it concerns the other tasks of the lane as well. */
  #decide(chunk: Chunk, position: number, error: Error): RetryDecision {
    const { options, random } = this.#host;
    const { attempt, refunds, job, inputs } = chunk;
    const failed: FailedAttempt = {
      error,
      attempt,
      refunds,
      policy: options.retry,
      isRetryAsked: options.hasRetry,
      isTransferred: isTransfer(inputs[position]),
      isStopping: this.#host.isStopping(),
      isOnce: this.#host.isOnce(),
      isJob: job !== undefined,
    };
    try {
      return this.#host.gate()?.failed(chunk, failed) ?? decideRetry(failed, random);
    } catch (cause) {
      this.#host.onFatal(cause);
      return { kind: 'left' };
    }
  }

  /** The work of a task goes on elsewhere: it is asked about again, once its handle is kept. */
  #submit(chunk: Chunk, { position, job, pollMs }: Submission): void {
    this.#host.gate()?.keepLocks(chunk);
    // What failed on the way to this answer is over.
    const attempt = chunk.job === undefined ? chunk.attempt : 1;
    const fresh = { isolated: false, troubles: 0, interrupted: false };
    const again = single(chunk, position, { job, attempt, refunds: 0, ...fresh });
    const key = again.keys?.[0];
    // The same handle again needs no record.
    const isKnown = key === undefined || job.handle === chunk.job?.handle;
    this.#then(isKnown ? undefined : this.#host.recorder().submit(key, job), () =>
      this.#host.retry(again, pollMs),
    );
  }

  /** Gives a task the value that an identical task had. */
  reuse(index: number, key: string, content: EncodedValue): void {
    const chunk = { first: index, indexes: undefined, keys: [key], inputs: [undefined], attempt: 0 };
    const at = now() - ORIGIN;
    const columns = { from: 0, length: 1, values: [content], times: new Float64Array([at, at]), offset: 0 };
    this.#host.counters.reused++;
    this.#publish(new SucceededBlock(chunk, { ...columns, origin: ORIGIN, workerId: 0, isEncoded: true }));
  }

  #publish(block: OutcomeBlock & RecordableBlock): void {
    const isFinal = block.status === 'succeeded' || block.status === 'failed';
    const recorded = isFinal ? this.#host.recorder().record(block) : undefined;
    this.#then(recorded, () => this.show(block));
  }

  /** Goes on when the recorder has kept what it was given. */
  #then(recorded: Promise<void> | undefined, next: () => void): void {
    if (recorded === undefined) return next();
    this.#recording++;
    recorded
      .then(next, (error: unknown) => this.#host.onFatal(error))
      .finally(() => {
        this.#recording--;
        this.#host.onRecorded();
      });
  }

  /** Gives out outcomes that are final and kept. */
  show(block: OutcomeBlock): void {
    const { counters, events, options, output } = this.#host;
    counters[block.status] += block.length;
    if (block.isResumed) counters.resumed += block.length;
    else if (block.status === 'failed' && events.isRead) {
      const { index, key, attempts, error } = block.at(0) as Failed;
      events.emit({ type: 'task-failed', index, key, attempts, error });
    }
    if (options.onOutcome !== undefined) {
      try {
        for (let i = 0; i < block.length; i++) {
          const answer: unknown = options.onOutcome(block.at(i));
          // An async callback type-checks; its rejection must not end the process.
          if (answer instanceof Promise) answer.catch((error: unknown) => this.#host.onFatal(error));
        }
      } catch (error) {
        this.#host.onFatal(error);
      }
    }
    output.push(block);
  }
}

/** One task of a chunk, to be run by itself. */
export function single(
  chunk: Chunk,
  position: number,
  changes: Partial<Pick<Chunk, 'attempt' | 'refunds' | 'job' | 'isolated' | 'troubles' | 'interrupted'>>,
): Chunk {
  const key = chunk.keys?.[position];
  return {
    ...chunk,
    first: indexOf(chunk, position),
    indexes: undefined,
    inputs: [chunk.inputs[position]],
    keys: key === undefined ? undefined : [key],
    hashes: chunk.hashes === undefined ? undefined : [chunk.hashes[position] as string],
    ...changes,
  };
}

/** How many tasks from a position on follow each other in the batch. */
function gaplessLength({ indexes }: Pick<Chunk, 'indexes'>, from: number, most: number): number {
  if (indexes === undefined) return most;
  const first = indexes[from] as number;
  let length = 1;
  while (length < most && indexes[from + length] === first + length) length++;
  return length;
}

/** Index and key of a task of a chunk, for an event. */
export function named(chunk: Chunk, position: number): { index: number; key: string } {
  const { index, key, input } = identityOf(chunk, position);
  return { index, key: key ?? taskKey(input) };
}
