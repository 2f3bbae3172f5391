/**
 * The schedule: which tasks start, and when.
 *
 * `#pump` is the one place where tasks start. It fills free slots first with tasks to run again, then with fresh
 * ones, as long as the window allows to read further. It runs whenever a slot, an input or space in the output appears.
 *
 * Slots: one per concurrent task. When there are as many as threads, each thread also gets the next chunk ahead of
 * time (marked exclusive, so that the two never overlap): it then never waits for this thread between chunks.
 *
 * Stopping, in this order:
 *   1. The first cause wins; later ones change nothing but the force (drain → abort).
 *   2. Nothing starts any more: `#pump` returns, waits between attempts are cancelled, chunks in flight begin no further task.
 *   3. An abort also reaches the running tasks; the executor gives them the grace time and then ends them by force.
 *   4. What waited becomes `aborted`, what never began `skipped`. When the last chunk is over, `onIdle` is called.
 */

import { now } from '../protocol/control-cell.js';
import { HeddleError } from '../protocol/errors.js';
import type { AttemptTimes } from '../protocol/outcome.js';
import { isTransfer } from '../protocol/transfer.js';
import type { ChunkSize } from './chunk-size.js';
import type { Chunk, Execution, Executor, Leftover } from './executor/executor.js';
import type { Output } from './output.js';
import type { Counters } from './progress.js';
import { type Settler, single } from './settle.js';
import type { Source } from './source.js';

/** What the schedule needs of the rest of the run. */
export interface ScheduleHost {
  readonly executor: Executor;
  readonly source: Source;
  readonly output: Output;
  readonly settler: Settler;
  readonly counters: Counters;
  readonly chunkSize: ChunkSize;
  readonly concurrency: number;
  readonly window: number | 'auto';
  readonly graceMs: number;
  /** The run cannot go on. */
  onFatal(error: unknown): void;
  /** Nothing is in flight and nothing will start any more. */
  onIdle(): void;
}

/** Chunks that each thread holds when the next one is sent ahead of time. */
const DEPTH = 2;
/** The automatic window: at least this many tasks, unless they are large. */
const WINDOW_TASKS = 256;
/** The automatic window: inputs and values beyond this size are not piled up. */
const WINDOW_BYTES = 64 * 1024 * 1024;

const NEVER_BEGAN: AttemptTimes = { attempts: 0, startedAt: undefined, durationMs: 0, workerId: undefined };

/** Starts the tasks of one run. */
export class Schedule {
  readonly #host: ScheduleHost;
  readonly #slots: number;
  readonly #isExclusive: boolean;
  readonly #inFlight = new Map<Chunk, Execution>();
  readonly #backoffs = new Map<NodeJS.Timeout, Chunk>();
  #again: Chunk[] = [];
  #suspects: Chunk[] = [];
  #isolated = 0;
  #force: 'none' | 'drain' | 'abort' = 'none';
  #reason: Error | undefined;
  #drainTimer: NodeJS.Timeout | undefined;
  #isIdle = false;
  #isPumping = false;

  constructor(host: ScheduleHost) {
    this.#host = host;
    const { concurrency, executor } = host;
    this.#isExclusive = concurrency === executor.parallelism;
    this.#slots = this.#isExclusive ? concurrency * DEPTH : concurrency;
  }

  get isStopping(): boolean {
    return this.#force !== 'none';
  }

  /** Takes a task up again after a delay. */
  retry(chunk: Chunk, delayMs: number): void {
    this.#host.counters.waiting++;
    const timer = setTimeout(() => {
      this.#backoffs.delete(timer);
      this.#host.counters.waiting--;
      this.#again.push({ ...chunk, readyAt: now() });
      this.pump();
    }, delayMs);
    this.#backoffs.set(timer, chunk);
  }

  /** Fills the free slots. A call from within (an input or an outcome can run code of the caller) leaves it to the loop. */
  pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (!this.isStopping && this.#inFlight.size < this.#slots) {
        const chunk = this.#nextChunk();
        if (chunk === undefined) break;
        if (this.isStopping) this.#giveUpAll(chunk);
        else this.#start(chunk);
      }
    } catch (error) {
      this.#host.onFatal(error);
    }
    this.#isPumping = false;
    this.checkIdle();
  }

  /**
   * Starts nothing any more.
   *
   * @param force - 'drain' lets running tasks finish within `graceMs`, 'abort' tells them to end now
   */
  stop(force: 'drain' | 'abort', reason: Error, graceMs: number = this.#host.graceMs): void {
    if (this.#isIdle || this.#force === 'abort') return;
    const isFirst = this.#force === 'none';
    this.#force = force;
    this.#reason ??= reason;
    if (isFirst) this.#cancelWaiting(this.#reason);
    clearTimeout(this.#drainTimer);
    if (force === 'drain') this.#drainTimer = setTimeout(() => this.stop('abort', reason), graceMs);
    for (const execution of this.#inFlight.values()) {
      if (force === 'drain') execution.stop();
      else execution.abort(this.#reason);
    }
    this.checkIdle();
  }

  /** Looks whether the run is over; called again when outcomes were recorded. */
  checkIdle(): void {
    const { source, settler } = this.#host;
    const isWaiting =
      this.#inFlight.size > 0 ||
      this.#backoffs.size > 0 ||
      this.#again.length > 0 ||
      this.#suspects.length > 0;
    if (
      this.#isIdle ||
      this.#isPumping ||
      isWaiting ||
      settler.isRecording ||
      !(source.isDone || this.isStopping)
    )
      return;
    this.#isIdle = true;
    clearTimeout(this.#drainTimer);
    this.#host.onIdle();
  }

  #start(chunk: Chunk): void {
    const { executor, counters } = this.#host;
    counters.running += chunk.inputs.length;
    if (chunk.isolated) this.#isolated++;
    const execution = executor.execute(chunk, this.#isExclusive);
    this.#inFlight.set(chunk, execution);
    execution.over.then(
      (leftovers) => this.#over(chunk, leftovers),
      (error: unknown) => {
        this.#host.onFatal(error);
        this.#over(chunk, []);
      },
    );
  }

  #over(chunk: Chunk, leftovers: readonly Leftover[]): void {
    this.#host.counters.running -= leftovers.length;
    // In flight until its leftovers are taken up: giving out an outcome pumps, and must not find the run idle here.
    for (const leftover of leftovers) this.#takeUp(chunk, leftover);
    this.#inFlight.delete(chunk);
    if (chunk.isolated) this.#isolated--;
    this.pump();
  }

  #takeUp(chunk: Chunk, leftover: Leftover): void {
    const { settler, counters } = this.#host;
    const { position, kind } = leftover;
    switch (kind) {
      case 'failed': {
        const durationMs = Math.max(0, now() - leftover.startedAt);
        counters.recordCutOff(durationMs, leftover.workerId);
        const times = {
          attempts: chunk.attempt,
          startedAt: leftover.startedAt,
          durationMs,
          workerId: leftover.workerId,
        };
        return settler.fail(chunk, position, leftover.error, times);
      }
      case 'aborted':
        return settler.finish(chunk, position, 'aborted', this.#stopReason(), {
          ...NEVER_BEGAN,
          attempts: chunk.attempt,
        });
      case 'again':
      case 'suspect': {
        if (isTransfer(chunk.inputs[position]) && !this.isStopping) {
          const error = new HeddleError(
            'HEDDLE_INPUT_TRANSFERRED',
            'The thread that had this input ended, and the input went with it; do not transfer inputs of tasks that may have to run again',
          );
          return settler.finish(chunk, position, 'failed', error, {
            ...NEVER_BEGAN,
            attempts: chunk.attempt,
          });
        }
        const again = single(chunk, position, {
          attempt: chunk.attempt,
          isolated: kind === 'suspect' || chunk.isolated,
        });
        if (this.isStopping) return this.#giveUp(again);
        (again.isolated ? this.#suspects : this.#again).push(again);
        return undefined;
      }
      default:
        return kind satisfies never;
    }
  }

  #nextChunk(): Chunk | undefined {
    if (this.#suspects.length > 0 && this.#isolated < this.#host.executor.threads)
      return this.#suspects.shift();
    return this.#again.shift() ?? this.#fresh();
  }

  #fresh(): Chunk | undefined {
    const { source, output, chunkSize, counters } = this.#host;
    const ordinal = source.read;
    const space = this.#window() - (ordinal - output.delivered);
    if (space <= 0) return undefined;
    const remaining =
      source.total === undefined ? Number.POSITIVE_INFINITY : Math.max(1, source.total - ordinal);
    const taken = source.take(Math.min(space, chunkSize.next(remaining, this.#slots)));
    if (taken === undefined) return undefined;
    counters.read = source.read;
    return {
      ordinal,
      indexes: undefined,
      inputs: taken.inputs,
      keys: taken.keys,
      attempt: 1,
      isolated: false,
      readyAt: now(),
    };
  }

  #window(): number {
    const { window, chunkSize } = this.#host;
    if (window !== 'auto') return window;
    const bySize = chunkSize.taskBytes === 0 ? WINDOW_TASKS : WINDOW_BYTES / chunkSize.taskBytes;
    const wanted = Math.max(WINDOW_TASKS, chunkSize.current * this.#slots * 2);
    return Math.max(this.#slots * 2, Math.min(wanted, Math.floor(bySize)));
  }

  /** What waits for its next attempt, or to run again, will not run in this run. */
  #cancelWaiting(reason: Error): void {
    for (const [timer, chunk] of this.#backoffs) {
      clearTimeout(timer);
      this.#host.counters.waiting--;
      this.#giveUp(chunk, reason);
    }
    this.#backoffs.clear();
    for (const chunk of [...this.#again, ...this.#suspects]) this.#giveUp(chunk, reason);
    this.#again = [];
    this.#suspects = [];
  }

  #giveUp(chunk: Chunk, reason: Error = this.#stopReason()): void {
    const attempts = chunk.attempt - 1;
    const status = attempts > 0 || chunk.isolated ? 'aborted' : 'skipped';
    this.#host.settler.finish(chunk, 0, status, reason, { ...NEVER_BEGAN, attempts });
  }

  #giveUpAll(chunk: Chunk): void {
    for (const position of chunk.inputs.keys()) this.#giveUp(single(chunk, position, chunk));
  }

  #stopReason(): Error {
    return this.#reason ?? new HeddleError('HEDDLE_ABORTED', 'The run was aborted');
  }
}
