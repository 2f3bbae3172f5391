/**
 * A run: one batch, from the first input to a clean end. A table of contents: it builds the parts, connects them,
 * and sees them out.
 *
 *   source → selection → schedule → executor → settle → (session) → output → the consumer
 *
 * The end, in this order: nothing is in flight (`onIdle`) → the source is let go → the executor lets go of its
 * ports → the session closes → the report is made → the output ends, with an error if the run was stopped → events end.
 */

import { HeddleError } from '../protocol/errors.js';
import type { TaskTraits } from '../protocol/task.js';
import type { Recorded } from '../session/recorded.js';
import { noSession } from '../session/recorder.js';
import type { Clamp } from './advice.js';
import { ChunkSize, roughBytes } from './chunk-size.js';
import { concurrencyOf } from './concurrency.js';
import { EventHub } from './events.js';
import type { Chunk, ChunkListener, Executor } from './executor/executor.js';
import { MarkedExecutor } from './executor/marked.js';
import type { ThreadLoad } from './executor/thread-pool.js';
import { FailureWatch } from './failure-watch.js';
import { Output } from './output.js';
import { Counters, type Progress } from './progress.js';
import { buildReport, type Report, type RunStatus } from './report.js';
import { isKept } from './resolve-options.js';
import type { RunLanes } from './run-lanes.js';
import type { RunParts } from './run-parts.js';
import type { RunSession } from './run-session.js';
import { Schedule } from './schedule.js';
import { interruptedError, Selection } from './selection.js';
import { named, Settler } from './settle.js';
import { Source } from './source.js';

const PROGRESS_EVERY_MS = 100;

/** One run in progress. */
export class RunCore {
  readonly events: EventHub = new EventHub();
  readonly output: Output;
  readonly counters: Counters;
  /** Fulfils when the run is over and everything is let go. Never rejects. */
  readonly ended: Promise<Report>;
  readonly #parts: RunParts;
  readonly #source: Source;
  readonly #executor: Executor;
  readonly #selection: Selection;
  readonly #settler: Settler;
  readonly #schedule: Schedule;
  readonly #chunkSize: ChunkSize;
  #traits: TaskTraits = { execution: 'at-least-once', adopts: false, polls: false };
  #session: RunSession | undefined;
  #sessionOpening: Promise<RunSession | undefined> | undefined;
  #lanes: RunLanes | undefined;
  readonly #failures: FailureWatch;
  readonly #concurrency: number;
  readonly #clamps: readonly Clamp[];
  readonly #timers: NodeJS.Timeout[] = [];
  #loadsBefore: readonly ThreadLoad[] = [];
  #startMs = 0;
  #fatal: unknown;
  #marked: MarkedExecutor | undefined;
  #stopReason: Error | undefined;
  #rejection: unknown;
  #isEnded = false;
  #finish: (report: Report) => void = () => {};

  constructor(parts: RunParts) {
    const { options } = parts;
    this.#parts = parts;
    this.#failures = new FailureWatch(options.failureLimit);
    this.ended = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#source = new Source(parts.inputs, {
      key: options.key,
      total: options.total,
      onReady: () => this.#schedule.pump(),
    });
    this.counters = new Counters(() => this.#total);
    this.output = new Output(
      options.order,
      () => this.#schedule.pump(),
      (error) => this.#onFatal(error),
    );
    this.#chunkSize = new ChunkSize(options.chunk, isKept(options));
    this.#executor = parts.makeExecutor(this.#listener(), options.services);
    this.#settler = new Settler({
      options,
      recorder: () => this.#session ?? noSession,
      isEncoded: isKept(options),
      keep: (...values) => this.#session?.keep(...values),
      output: this.output,
      counters: this.counters,
      events: this.events,
      random: Math.random,
      gate: () => this.#lanes?.gate,
      isOnce: () => this.#traits.execution === 'at-most-once',
      onLeft: (error) => this.#onLeft(error),
      isStopping: () => this.#schedule.isStopping,
      retry: (chunk, delayMs) => this.#retry(chunk, delayMs),
      onFailure: (index, error) => this.#onFailure(index, error),
      onFatal: (error) => this.#onFatal(error),
      onRecorded: () => this.#schedule.checkIdle(),
    });
    this.#selection = new Selection({
      source: this.#source,
      output: this.output,
      settler: this.#settler,
      retryFailed: options.retryFailed,
      window: options.window,
      hasKeys: options.key !== undefined,
      traits: () => this.#traits,
      recorded: () => this.#session?.writer?.recorded as Recorded,
      onRecordedFailure: (index, error) => this.#failures.addEarlier(index, error),
      onReady: () => this.#schedule.pump(),
    });
    const { requested, clamps } = concurrencyOf(options, this.#executor.threads, this.#total);
    this.#concurrency = requested;
    this.#clamps = clamps;
    this.#schedule = new Schedule({
      executor: () => this.#marked ?? this.#executor,
      selection: this.#selection,
      total: () => this.#total,
      output: this.output,
      settler: this.#settler,
      counters: this.counters,
      chunkSize: this.#chunkSize,
      concurrency: this.#concurrency,
      window: options.window,
      graceMs: options.graceMs,
      gate: () => this.#lanes?.gate,
      isAdaptive: options.chunk === 'auto',
      onGiveUp: (error) => this.abort(error),
      onLeft: (error) => this.#onLeft(error),
      onSourceError: (error) => this.#onSourceError(error),
      onFatal: (error) => this.#onFatal(error),
      onIdle: () => void this.#end(),
    });
  }

  /** Loads the task and starts the first tasks. */
  async start(): Promise<void> {
    const { signal, deadlineMs } = this.#parts.options;
    if (signal?.aborted === true) return this.abort(signal.reason);
    const onAbort = () => this.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    void this.ended.then(() => signal?.removeEventListener('abort', onAbort));
    if (deadlineMs !== undefined)
      this.#timers.push(setTimeout(() => this.#reachDeadline(deadlineMs), deadlineMs));
    try {
      const starting = this.#executor.start();
      starting.catch(() => {});
      await this.#openSession();
      await this.#openLanes();
      this.#traits = await starting;
    } catch (error) {
      this.#onFatal(error);
      return;
    }
    if (this.#isEnded) return;
    this.#markBegins();
    this.#startMs = this.counters.elapsedMs;
    this.#loadsBefore = this.#parts.loads();
    this.#timers.push(setInterval(() => this.#tellProgress(), PROGRESS_EVERY_MS));
    this.events.emit({
      type: 'run-started',
      threads: this.#executor.threads,
      concurrency: this.#concurrency,
      total: this.#total,
    });
    this.#schedule.pump();
  }

  async #openSession(): Promise<void> {
    const { options, identify, inputs } = this.#parts;
    if (!isKept(options) && options.shard === undefined) return;
    // Loaded while the threads start; runs without a session do not pay for it.
    this.#sessionOpening = import('./run-session.js').then(({ RunSession }) =>
      RunSession.open(options, identify, inputs, this.#source.total),
    );
    const session = await this.#sessionOpening;
    if (session === undefined || this.#isEnded) return;
    this.#session = session;
    this.#selection.use(session);
  }

  async #openLanes(): Promise<void> {
    const { options, lanes } = this.#parts;
    if (options.lane === undefined && options.locks === undefined) return;
    const { RunLanes } = await import('./run-lanes.js');
    if (this.#isEnded) return;
    this.#lanes = new RunLanes(options, lanes, this.#session?.writer, {
      onReady: () => this.#schedule.pump(),
      onEvent: (event) => this.events.emit(event),
      onFatal: (error) => this.#onFatal(error),
    });
  }

  /** Tasks that must not be repeated blindly go one by one, and what begins is recorded. */
  #markBegins(): void {
    const { execution, adopts } = this.#traits;
    if (execution === 'at-least-once' && !adopts) return;
    this.#marked = new MarkedExecutor(this.#executor, this.#traits, this.#session?.writer, interruptedError);
    this.#schedule.markBegins();
  }

  /** Fulfils when the run is over and what it gives out needs nothing of it any more. */
  async released(): Promise<void> {
    await this.ended;
    if (this.#session !== undefined) await this.output.taken;
    this.release();
  }

  /** Outcomes of earlier runs that were not taken yet can be taken no more. */
  release(): void {
    this.#session?.release();
  }

  #retry(chunk: Chunk, delayMs: number): void {
    // An attempt that ended by itself was not cut off; should this one not come about, nobody must think so.
    const isMarked = this.#marked !== undefined && !chunk.interrupted && chunk.job === undefined;
    if (isMarked) this.#session?.writer?.takeBack(chunk.keys?.[0] as string).catch(() => {});
    this.#schedule.retry(chunk, delayMs);
  }

  /** What made the run impossible, once it is over. */
  get fatal(): { readonly error: unknown } | undefined {
    return this.#fatal === undefined ? undefined : { error: this.#fatal };
  }

  /** Tasks of this run, if it is known; a shard's share is estimated until the batch is read. */
  get #total(): number | undefined {
    const { total } = this.#source;
    const { shard } = this.#parts.options;
    if (shard === undefined || total === undefined) return total;
    const { read, isDone } = this.#selection;
    return isDone ? read : Math.max(read, Math.round(total / shard.count));
  }

  /** The run has only a part of the batch. */
  get isSharded(): boolean {
    return this.#parts.options.shard !== undefined;
  }

  progress(): Progress {
    return this.counters.snapshot();
  }

  /** Starts nothing any more; what runs may finish within the grace time. */
  drain(reason: unknown, graceMs: number | undefined): void {
    this.#stop('drain', reason, graceMs);
  }

  /** Starts nothing any more and tells what runs to end now. */
  abort(reason: unknown): void {
    this.#stop('abort', reason, undefined);
  }

  #stop(force: 'drain' | 'abort', reason: unknown, graceMs: number | undefined): void {
    if (this.#isEnded) return;
    const error =
      reason instanceof Error
        ? reason
        : new HeddleError('HEDDLE_ABORTED', 'The run was aborted', { cause: reason });
    if (!this.#schedule.isStopping) {
      this.#stopReason = error;
      this.#rejection = reason ?? error;
      this.events.emit({ type: 'run-stopping', reason: error });
    }
    this.#schedule.stop(force, error, graceMs);
  }

  #listener(): ChunkListener {
    return {
      onSettled: (chunk, message, workerId) => {
        const { times, values } = message;
        const count = values.length;
        const bytes = roughBytes(chunk.inputs[message.from]) + roughBytes(values[0]);
        this.#chunkSize.learn(count, (times[count] as number) - (times[0] as number), bytes);
        this.#settler.settle(chunk, message, workerId);
      },
      onRecalled: (chunk, from) => this.#schedule.recalled(chunk, from),
      onProgress: (chunk, position, fraction, note) => {
        if (this.events.isRead)
          this.events.emit({ type: 'task-progress', ...named(chunk, position), fraction, note });
      },
      onLog: (chunk, position, level, message, fields) => {
        if (this.events.isRead)
          this.events.emit({ type: 'task-log', ...named(chunk, position), level, message, fields });
      },
      onObserved: (chunk, _, observation) => this.#lanes?.observe(chunk, observation),
      onWorkerExit: (workerId, error) => this.events.emit({ type: 'worker-exit', workerId, error }),
    };
  }

  #onFailure(index: number, error: Error): void {
    const reason = this.#failures.add(index, error, this.#total, this.counters.settled);
    if (reason === undefined || this.#schedule.isStopping) return;
    this.#failures.hasStopped = true;
    this.abort(reason);
  }

  #reachDeadline(deadlineMs: number): void {
    const message = `The run reached its deadline of ${deadlineMs} ms; what was not done can run again`;
    this.abort(new HeddleError('HEDDLE_DEADLINE', message));
  }

  /** Nothing more can be read. What was read is finished, retries included; then the run rejects. */
  #onSourceError(error: unknown): void {
    if (!this.#source.hasFailed) return this.#onFatal(error);
    this.#fatal ??= error;
    if (error instanceof Error) this.#stopReason ??= error;
  }

  /** Nothing was stopped, and not everything is done: the report says why. */
  #onLeft(error: Error): void {
    this.#stopReason ??= error;
  }

  #onFatal(error: unknown): void {
    if (this.#isEnded) return;
    this.#fatal ??= error;
    this.abort(error);
  }

  #tellProgress(): void {
    const { onProgress } = this.#parts.options;
    const writer = this.#session?.writer;
    if (onProgress === undefined && !this.events.isRead && writer === undefined) return;
    const progress = this.progress();
    const { running, tasksPerSecond, remainingMs } = progress;
    const { total } = this.#source;
    if (!this.#isEnded) writer?.report({ status: 'running', total, running, tasksPerSecond, remainingMs });
    this.events.emit({ type: 'progress', progress });
    try {
      onProgress?.(progress);
    } catch (error) {
      this.#onFatal(error);
    }
  }

  async #end(): Promise<void> {
    this.#isEnded = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const isAllRead = this.#selection.isDone && !this.#source.hasFailed;
    await this.#source.close();
    await this.#executor.close();
    this.#lanes?.close();
    await this.#closeSession(isAllRead);
    this.#tellProgress();
    const report = this.#report(isAllRead);
    this.output.end(this.#fatal ?? (report.status === 'aborted' ? this.#rejection : undefined));
    this.events.emit({ type: 'run-ended', report });
    this.events.end();
    this.#finish(report);
  }

  async #closeSession(isAllRead: boolean): Promise<void> {
    // One that was still being opened is let go as well.
    const session = this.#session ?? (await this.#sessionOpening?.catch(() => undefined));
    if (session?.writer === undefined) return;
    try {
      const isSeen = isAllRead && this.#session !== undefined;
      await session.close(
        { status: this.#status(isAllRead), reason: this.#stopReason?.message, total: this.#source.total },
        isSeen,
      );
    } catch (error) {
      this.#fatal ??= error;
    }
    if (this.#session === undefined) session.release();
  }

  #status(isAllRead: boolean): RunStatus {
    const { failed, aborted, skipped } = this.counters;
    const isAllDone = isAllRead && aborted + skipped === 0;
    const isStopped = this.#stopReason !== undefined && !this.#failures.hasStopped && !isAllDone;
    return isStopped || this.#fatal !== undefined ? 'aborted' : failed > 0 ? 'failed' : 'completed';
  }

  #report(isAllRead: boolean): Report {
    return buildReport({
      status: this.#status(isAllRead),
      reason: this.#stopReason,
      total: this.#total,
      counters: this.counters,
      startMs: this.#startMs,
      threads: this.#executor.threads,
      concurrency: Math.min(this.#concurrency, ...this.#clamps.map((clamp) => clamp.ran)),
      isInline: this.#parts.isInline,
      clamps: [...this.#clamps, ...(this.#lanes?.clamps(this.#concurrency) ?? [])],
      lanes: (runMs) => this.#lanes?.reports(runMs) ?? [],
      failures: this.#failures.list(),
      removed: this.#session?.removed ?? 0,
      sessionNotes: this.#session?.notes ?? [],
      loads: { before: this.#loadsBefore, after: this.#parts.loads() },
    });
  }
}
