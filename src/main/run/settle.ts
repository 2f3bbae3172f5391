/**
 * Settling: from the end of an attempt to the task's outcome, or to its next attempt.
 *
 * `#publish` is the one place that every new outcome passes: it is recorded first, and shown (counters,
 * callbacks, output) only when it is kept. Outcomes of earlier runs of the session join at `show`.
 * Consecutive tasks that succeeded go through together, as one block.
 *
 * Everything that an executor reports is taken up here, under one guard: what throws makes the run fail,
 * once.
 */

import { now, ORIGIN } from '../../protocol/control-cell.js';
import type { EncodedValue } from '../../protocol/encoded-value.js';
import type { ObservedMessage, SettledMessage, Submission } from '../../protocol/messages.js';
import { type AttemptTimes, type Failed, NEVER_BEGAN, unsuccessful } from '../../protocol/outcome.js';
import { reviveError } from '../../protocol/serialized-error.js';
import type { LogLevel, TaskTraits } from '../../protocol/task.js';
import { reportedKey } from '../../protocol/task-key.js';
import { isTransfer } from '../../protocol/transfer.js';
import type { RecordableBlock } from '../../session/recorder.js';
import { type Chunk, type ChunkTasks, gaplessLength, NOT_CACHED, single } from '../executor/chunk.js';
import type { ChunkListener } from '../executor/executor.js';
import type { Counters } from '../figures/counters.js';
import type { EventHub } from '../figures/events.js';
import type { FailureWatch } from '../figures/failure-watch.js';
import type { Gate } from '../lanes/gate.js';
import { decideRetry, type FailedAttempt, type RetryDecision } from '../lanes/retry-decision.js';
import type { ResolvedRunOptions } from '../options/resolve-options.js';
import { type ChunkSize, roughBytes } from './chunk-size.js';
import { type OutcomeBlock, SucceededBlock, taskOf, UnsuccessfulBlock } from './outcome-block.js';
import type { Output } from './output.js';
import type { Memory } from './recording.js';
import type { Repeats } from './repeats.js';
import type { Stop } from './stop.js';
import type { Wake } from './wake.js';

/** What settling works with. */
export interface SettleParts {
  readonly options: ResolvedRunOptions;
  readonly memory: Memory;
  readonly traits: TaskTraits;
  readonly output: Output;
  readonly counters: Counters;
  readonly events: EventHub;
  readonly failures: FailureWatch;
  readonly chunkSize: ChunkSize;
  /** Where tasks wait for their lanes, if the run has any. */
  readonly gate: Gate | undefined;
  readonly repeats: Repeats;
  readonly stop: Stop;
  readonly wake: Wake;
  /** Values arrive as a session keeps them. */
  readonly isEncoded: boolean;
  /** Attempts are recorded when they begin. */
  readonly isMarked: boolean;
}

/** Decides what the end of an attempt means. */
export class Settler implements ChunkListener {
  readonly #parts: SettleParts;
  #recording = 0;

  constructor(parts: SettleParts) {
    this.#parts = parts;
  }

  /** Outcomes are on their way to the session. */
  get isRecording(): boolean {
    return this.#recording > 0;
  }

  onSettled(chunk: Chunk, message: SettledMessage, workerId: number): void {
    const { values, times, origin, from } = message;
    const { counters, chunkSize } = this.#parts;
    counters.running -= values.length;
    this.#guard(() => {
      const bytes = roughBytes(chunk.inputs[from]) + roughBytes(values[0]);
      chunkSize.learn(values.length, (times[values.length] as number) - (times[0] as number), bytes);
      counters.recordAttempts(times, chunk.readyAt - origin, workerId);
      this.#settle(chunk, message, workerId);
    });
  }

  onProgress(chunk: Chunk, position: number, fraction: number, note: string | undefined): void {
    const { events } = this.#parts;
    if (!events.isRead) return;
    this.#guard(() => events.emit({ type: 'task-progress', ...named(chunk, position), fraction, note }));
  }

  onLog(chunk: Chunk, position: number, level: LogLevel, message: string, fields: unknown): void {
    const { events } = this.#parts;
    if (!events.isRead) return;
    this.#guard(() => events.emit({ type: 'task-log', ...named(chunk, position), level, message, fields }));
  }

  onObserved(chunk: Chunk, _: number, observation: Pick<ObservedMessage, 'headers' | 'used'>): void {
    this.#guard(() => this.#parts.gate?.observe(chunk, observation));
  }

  /**
   * One attempt failed: its next one is planned, or the task has its outcome.
   *
   * @param isCutOff - it did not end by itself, so it is unknown how far it came
   */
  fail(chunk: Chunk, position: number, error: Error, attempt: AttemptTimes, isCutOff = false): void {
    const decision = this.#decide(chunk, position, error);
    switch (decision.kind) {
      case 'again':
        return this.#repeat(chunk, position, error, decision, isCutOff);
      case 'left':
        this.finish(chunk, position, 'aborted', error, attempt);
        return this.#parts.stop.leave(error);
      case 'failed':
        return this.finish(chunk, position, 'failed', error, attempt);
      default:
        return decision satisfies never;
    }
  }

  /** Gives a task without a value its outcome. */
  finish(
    tasks: ChunkTasks,
    position: number,
    status: 'failed' | 'aborted' | 'skipped',
    error: Error,
    attempt: AttemptTimes,
  ): void {
    const outcome = unsuccessful(status, error, attempt, taskOf(tasks, position));
    this.#publish(new UnsuccessfulBlock(outcome), status === 'failed');
    if (status === 'failed') this.#countFailure(outcome.index, error);
  }

  /** Gives a task that has no usable input its outcome, which is not recorded. */
  refuse(index: number, key: string, error: Error): void {
    const task = { index, key, input: undefined };
    this.#publish(new UnsuccessfulBlock(unsuccessful('failed', error, NEVER_BEGAN, task)), false);
    this.#countFailure(index, error);
  }

  /** Leaves a task for a later run, because this one is stopping. */
  leave(chunk: Chunk): void {
    // A job that goes on elsewhere was begun by the attempt.
    const attempts = chunk.attempt - (chunk.job === undefined ? 1 : 0);
    const status = attempts + chunk.refunds > 0 || chunk.isolated ? 'aborted' : 'skipped';
    this.finish(chunk, 0, status, this.#parts.stop.error, { ...NEVER_BEGAN, attempts });
  }

  /** Gives a task the value that an identical task had. */
  reuse(tasks: ChunkTasks, content: EncodedValue): void {
    const at = now() - ORIGIN;
    const columns = { from: 0, length: 1, values: [content], times: new Float64Array([at, at]), offset: 0 };
    this.#parts.counters.reused++;
    const block = new SucceededBlock(
      { ...tasks, attempt: 0 },
      { ...columns, origin: ORIGIN, workerId: 0, isEncoded: true },
    );
    this.#publish(block, true);
  }

  /** Gives out outcomes that are final and kept. */
  show(block: OutcomeBlock): void {
    const { counters, events, options, output, stop } = this.#parts;
    counters[block.status] += block.length;
    if (block.isResumed) counters.resumed += block.length;
    else if (block.status === 'failed' && events.isRead) {
      const { index, key, attempts, error } = block.at(0) as Failed;
      events.emit({ type: 'task-failed', index, key, attempts, error });
    }
    if (options.onOutcome !== undefined) {
      try {
        for (let i = 0; i < block.length; i++) options.onOutcome(block.at(i));
      } catch (error) {
        stop.fail(error);
      }
    }
    output.push(block);
  }

  #guard(takeUp: () => void): void {
    try {
      takeUp();
    } catch (error) {
      this.#parts.stop.fail(error);
    }
  }

  /** Consecutive attempts ended by themselves. */
  #settle(chunk: Chunk, message: SettledMessage, workerId: number): void {
    const { values, times, origin, others = [], from } = message;
    const { gate } = this.#parts;
    if (others.length === 0) gate?.succeeded(chunk);
    let start = 0;
    for (const other of others) {
      const i = other.position - from;
      this.#succeed(chunk, message, workerId, start, i);
      start = i + 1;
      if ('job' in other) {
        gate?.succeeded(chunk);
        this.#submit(chunk, other);
        continue;
      }
      const beganAt = times[i] as number;
      const durationMs = (times[i + 1] as number) - beganAt;
      const attempt = { attempts: chunk.attempt, startedAt: origin + beganAt, durationMs, workerId };
      const error = reviveError(other.error);
      if (other.aborted) this.finish(chunk, other.position, 'aborted', error, attempt);
      else this.fail(chunk, other.position, error, attempt);
    }
    this.#succeed(chunk, message, workerId, start, values.length);
  }

  /** The tasks of a message from `start` to `end` succeeded. */
  #succeed(
    chunk: Chunk,
    { values, times, origin, from }: SettledMessage,
    workerId: number,
    start: number,
    end: number,
  ): void {
    const { isEncoded, memory } = this.#parts;
    for (let offset = start, length = 0; offset < end; offset += length) {
      length = gaplessLength(chunk, from + offset, end - offset);
      const columns = { from: from + offset, length, values, times, offset, origin, workerId, isEncoded };
      this.#publish(new SucceededBlock(chunk, columns), true);
      if (memory.cache === undefined || chunk.hashes === undefined) continue;
      for (let i = offset; i < offset + length; i++) {
        const hash = chunk.hashes[from + i] as string;
        if (hash !== NOT_CACHED) memory.cache.put(hash, values[i] as EncodedValue);
      }
    }
  }

  #decide(chunk: Chunk, position: number, error: Error): RetryDecision {
    const { gate, options, stop, traits } = this.#parts;
    const failed: FailedAttempt = {
      error,
      attempt: chunk.attempt,
      refunds: chunk.refunds,
      policy: options.retry,
      isRetryAsked: options.hasRetry,
      isTransferred: isTransfer(chunk.inputs[position]),
      isStopping: stop.isStopping,
      isOnce: traits.execution === 'at-most-once',
      isJob: chunk.job !== undefined,
    };
    try {
      return gate?.failed(chunk, failed) ?? decideRetry(failed);
    } catch (cause) {
      stop.fail(cause);
      return { kind: 'left' };
    }
  }

  #repeat(
    chunk: Chunk,
    position: number,
    error: Error,
    { afterMs, isCharged }: Extract<RetryDecision, { kind: 'again' }>,
    isCutOff: boolean,
  ): void {
    const { gate, counters, events, memory, repeats, isMarked } = this.#parts;
    const isJob = chunk.job !== undefined;
    const again = single(chunk, position, {
      attempt: isCharged ? chunk.attempt + 1 : chunk.attempt,
      refunds: isCharged ? chunk.refunds : chunk.refunds + 1,
      isolated: false,
      troubles: 0,
      interrupted: isCutOff && !isJob,
    });
    // A job goes on, whatever the look at it came to.
    if (isJob) gate?.keepLocks(chunk);
    if (isCharged) counters.retries++;
    if (events.isRead) {
      const { attempt } = chunk;
      events.emit({ type: 'task-retry', ...named(chunk, position), attempt, error, delayMs: afterMs });
    }
    // An attempt that ended by itself was not cut off; a later run must not take it for one that was.
    if (isMarked && !again.interrupted && !isJob)
      memory.recording.takeBack(again.keys?.[0] as string).catch(() => {});
    // The gate knows when its lane is free, so the task need not wait here.
    if (afterMs === 0 && gate !== undefined) repeats.now({ ...again, readyAt: now() });
    else repeats.later(again, afterMs);
  }

  /** The work of a task goes on elsewhere: it is asked about again, once its handle is kept. */
  #submit(chunk: Chunk, { position, job, pollMs }: Submission): void {
    const { gate, memory, repeats, stop } = this.#parts;
    gate?.keepLocks(chunk);
    // Failures on the way to this answer are over.
    const attempt = chunk.job === undefined ? chunk.attempt : 1;
    const fresh = { isolated: false, troubles: 0, interrupted: false };
    const again = single(chunk, position, { job, attempt, refunds: 0, ...fresh });
    const key = again.keys?.[0];
    // The same handle again needs no record.
    const isKnown = key === undefined || job.handle === chunk.job?.handle;
    this.#then(isKnown ? undefined : memory.recording.submit(key, job), () => {
      if (stop.isStopping) this.leave(again);
      else repeats.later(again, pollMs);
    });
  }

  #publish(block: OutcomeBlock & RecordableBlock, isKept: boolean): void {
    const recorded = isKept ? this.#parts.memory.recording.record(block) : undefined;
    this.#then(recorded, () => this.show(block));
  }

  /** Goes on when the session has kept what it was given. */
  #then(recorded: Promise<void> | undefined, next: () => void): void {
    if (recorded === undefined) return next();
    const { stop, wake } = this.#parts;
    this.#recording++;
    recorded
      .then(next)
      .catch((error: unknown) => stop.fail(error))
      .finally(() => {
        this.#recording--;
        wake.fire();
      });
  }

  /** Counted before it is shown: with a session, showing waits for the disk. */
  #countFailure(index: number, error: Error): void {
    const { failures, counters, stop } = this.#parts;
    const reason = failures.add(index, error, counters.total, counters.settled);
    if (reason !== undefined) stop.abort({ kind: 'failures', error: reason, thrown: reason });
  }
}

/** Index and key of a task of a chunk, for an event. */
function named(chunk: Chunk, position: number): { index: number; key: string } {
  const { index, key, input } = taskOf(chunk, position);
  return { index, key: key ?? reportedKey(input, index) };
}
