/**
 * A run: one batch, from the first input to a clean end. A table of contents: it builds the parts in order,
 * runs the schedule, and closes the parts in reverse.
 *
 *   memory (session, cache) → lanes → task traits → settle → selection → schedule … → close
 *
 * The end, in this order: nothing is in flight → the source is released → the executor and the lanes are
 * closed → the session is closed → the report is made → the output ends, with an error if the run was stopped
 * → events end.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import { HeddleError } from '../../protocol/errors.js';
import type { Services, TaskTraits } from '../../protocol/task.js';
import type { TaskFingerprint } from '../../session/manifest.js';
import type { ReportedState } from '../../session/run-reporter.js';
import type { Executor, InContext, OnWorkerExit } from '../executor/executor.js';
import { MarkedExecutor } from '../executor/marked.js';
import { ServiceOffer } from '../executor/service-offer.js';
import type { ThreadLoad } from '../executor/threads/thread-pool.js';
import { buildReport } from '../figures/build-report.js';
import { Counters, type Progress } from '../figures/counters.js';
import { EventHub } from '../figures/events.js';
import { FailureWatch } from '../figures/failure-watch.js';
import type { Report, RunStatus } from '../figures/report.js';
import { unheard } from '../lanes/caller-code.js';
import { concurrencyOf } from '../options/concurrency.js';
import { isKept, type ResolvedRunOptions } from '../options/resolve-options.js';
import { onAbortOf } from './abort-signals.js';
import type { Admission, LanesInUse } from './admission.js';
import { ChunkSize } from './chunk-size.js';
import { Output } from './output.js';
import { type Memory, noMemory, notesOf, openMemory } from './recording.js';
import { Repeats } from './repeats.js';
import { Schedule } from './schedule.js';
import { Selection } from './selection.js';
import { Settler } from './settle.js';
import { type Inputs, Source } from './source.js';
import { asked, Stop } from './stop.js';
import { Wake } from './wake.js';

/** What an executor needs of its run. */
export interface ExecutorSetup {
  readonly services: Services;
  /** The services, for tasks on other threads. */
  readonly offer: ServiceOffer;
  readonly onWorkerExit: OnWorkerExit;
  readonly onImbalance: () => void;
}

/** What a run is started with. */
export interface RunSetup {
  readonly inputs: Inputs<unknown>;
  readonly options: ResolvedRunOptions;
  readonly isInline: boolean;
  readonly makeExecutor: (setup: ExecutorSetup) => Executor;
  /** Why the run must not start at all. */
  readonly refusal: HeddleError | undefined;
  /** Names the task function; called only with a session or a cache. */
  readonly identify: () => TaskFingerprint;
  /** Lanes that runs of the runtime share. */
  readonly lanes: LanesInUse;
  /** Reads the load of the event loops of the threads and of this one. */
  readonly loads: () => readonly ThreadLoad[];
}

const PROGRESS_EVERY_MS = 100;

/** One run in progress. */
export class RunCore {
  readonly events: EventHub = new EventHub();
  readonly output: Output;
  readonly counters: Counters = new Counters();
  readonly stop: Stop = new Stop();
  /** Resolves when the run has ended and its resources are released. Never rejects. */
  readonly ended: Promise<Report>;
  readonly #setup: RunSetup;
  readonly #options: ResolvedRunOptions;
  readonly #wake = new Wake();
  readonly #inContext: InContext = AsyncLocalStorage.snapshot() as InContext;
  readonly #source: Source;
  readonly #executor: Executor;
  readonly #failures: FailureWatch;
  readonly #requested: ReturnType<typeof concurrencyOf>;
  #memory: Memory = noMemory;
  #admission: Admission | undefined;
  #selection: Selection | undefined;
  #loadsBefore: readonly ThreadLoad[] = [];
  #startMs = 0;

  /** @throws {@link HeddleError} HEDDLE_INVALID_OPTION when the inputs are not iterable */
  constructor(setup: RunSetup) {
    const { options, inputs } = setup;
    this.#setup = setup;
    this.#options = this.#bound(options);
    this.#source = new Source(inputs, this.#options.key, options.total, () => this.#wake.fire());
    this.counters.total = this.#source.total;
    this.#failures = new FailureWatch(options.failureLimit);
    this.output = new Output(
      options.order,
      () => this.#wake.fire(),
      (error) => this.stop.fail(error),
    );
    this.#executor = setup.makeExecutor({
      services: options.services,
      offer: new ServiceOffer(options.services, this.#inContext),
      onWorkerExit: (workerId, error) => this.events.emit({ type: 'worker-exit', workerId, error }),
      onImbalance: () => this.#wake.fire(),
    });
    this.#requested = concurrencyOf(options, this.#executor.threads, this.#source.total);
    this.ended = this.#run();
  }

  /** The run has only a part of the batch. */
  get isSharded(): boolean {
    return this.#options.shard !== undefined;
  }

  progress(): Progress {
    return this.counters.snapshot();
  }

  /**
   * Starts nothing more and lets running tasks finish within the grace time.
   *
   * @param graceMs - the run's own by default
   */
  drain(reason: unknown, graceMs: number = this.#options.graceMs): void {
    this.stop.drain(asked(reason), graceMs);
  }

  /** Starts nothing more and tells what runs to end now. */
  abort(reason: unknown): void {
    this.stop.abort(asked(reason));
  }

  /** Resolves when the run is over and what it gave out needs it no longer. */
  async released(): Promise<void> {
    await this.ended;
    if (this.#memory !== noMemory) await this.output.taken;
    this.release();
  }

  /** From now on outcomes of earlier runs cannot be read. */
  release(): void {
    this.#memory.recording.release();
  }

  async #run(): Promise<Report> {
    const unlisten = this.#listen();
    try {
      await this.#work();
    } catch (error) {
      this.stop.fail(error);
    }
    this.stop.end();
    unlisten();
    return this.#close();
  }

  /** From the options to the moment when nothing is in flight. */
  async #work(): Promise<void> {
    const { stop } = this;
    const options = this.#options;
    const { refusal } = this.#setup;
    if (refusal !== undefined) throw refusal;
    if (stop.isStopping) return;
    const starting = this.#executor.start();
    starting.catch(() => {});
    if (isKept(options) || options.shard !== undefined) {
      const { inputs, identify } = this.#setup;
      this.#memory = await openMemory(options, identify, inputs, this.#source.total);
    }
    if (options.lane !== undefined || options.locks !== undefined) await this.#openLanes();
    const traits = await Promise.race([starting, stop.requested]);
    if (traits === undefined || stop.isStopping) return;
    const schedule = this.#build(traits);
    this.#startMs = this.counters.elapsedMs;
    this.#loadsBefore = this.#setup.loads();
    const timer = setInterval(() => this.#reportProgress(true), PROGRESS_EVERY_MS);
    this.events.emit({
      type: 'run-started',
      threads: this.#executor.threads,
      concurrency: this.#requested.requested,
      total: this.counters.total,
    });
    await schedule.run();
    clearInterval(timer);
  }

  /** Its module is loaded here; runs without lanes do not pay for it. */
  async #openLanes(): Promise<void> {
    const { Admission } = await import('./admission.js');
    this.#admission = new Admission(this.#options, this.#setup.lanes, this.#memory.recording, {
      wake: this.#wake,
      events: this.events,
      stop: this.stop,
      inContext: this.#inContext,
    });
  }

  #build(traits: TaskTraits): Schedule {
    const { output, counters, events, stop } = this;
    const options = this.#options;
    const [memory, failures, wake] = [this.#memory, this.#failures, this.#wake];
    const gate = this.#admission?.gate;
    const isMarked = traits.execution === 'at-most-once' || traits.adopts;
    const executor = isMarked ? new MarkedExecutor(this.#executor, traits, memory.recording) : this.#executor;
    const chunkSize = new ChunkSize(options.chunk, isKept(options));
    const repeats = new Repeats(wake, counters);
    const shared = { options, memory, traits, output, counters, failures, wake, stop, gate, repeats };
    const settler = new Settler({ ...shared, events, chunkSize, isEncoded: isKept(options), isMarked });
    const selection = new Selection({ ...shared, source: this.#source, settler });
    this.#selection = selection;
    const concurrency = this.#requested.requested;
    return new Schedule({ ...shared, executor, selection, settler, chunkSize, concurrency, isMarked });
  }

  /** Listens to what may stop the run. @returns stops listening */
  #listen(): () => void {
    const { signal, deadlineMs } = this.#options;
    const unsubscribe = this.stop.onChange((state, isFirst) => {
      if (isFirst && state.kind !== 'running' && state.cause !== undefined)
        this.events.emit({ type: 'run-stopping', reason: state.cause.error });
    });
    const unlisten = signal && onAbortOf(signal, () => this.abort(signal.reason));
    if (signal?.aborted === true) this.abort(signal.reason);
    const timer =
      deadlineMs === undefined
        ? undefined
        : setTimeout(() => this.abort(deadlineError(deadlineMs)), deadlineMs);
    return () => {
      unsubscribe();
      unlisten?.();
      clearTimeout(timer);
    };
  }

  /** Runs functions of the caller in the async context of its call of `run`, whatever event calls them. */
  #bound(options: ResolvedRunOptions): ResolvedRunOptions {
    const { onOutcome, onProgress, retry, key, locks } = options;
    const inContext = this.#inContext;
    // An async callback type-checks; its rejection must not end the process.
    const watched = (answer: unknown) => {
      if (answer instanceof Promise) answer.catch((error: unknown) => this.stop.fail(error));
    };
    return {
      ...options,
      key: key && ((input, index) => unheard(key(input, index))),
      locks: locks && ((input, index) => unheard(locks(input, index))),
      onOutcome: onOutcome && ((outcome) => watched(inContext(() => onOutcome(outcome)))),
      onProgress: onProgress && ((progress) => watched(inContext(() => onProgress(progress)))),
      retry: { ...retry, retryIf: (error, attempt) => inContext(() => retry.retryIf(error, attempt)) },
    };
  }

  #reportProgress(isRunning: boolean): void {
    const { onProgress } = this.#options;
    const { recording } = this.#memory;
    if (onProgress === undefined && !this.events.isRead && this.#memory === noMemory) return;
    const progress = this.progress();
    const { running, tasksPerSecond, remainingMs } = progress;
    const { total } = this.#source;
    if (isRunning) recording.report({ status: 'running', total, running, tasksPerSecond, remainingMs });
    this.events.emit({ type: 'progress', progress });
    try {
      onProgress?.(progress);
    } catch (error) {
      this.stop.fail(error);
    }
  }

  /** Closes the parts in reverse, and reports. */
  async #close(): Promise<Report> {
    const { stop, output, events } = this;
    const isAllRead = this.#selection?.isDone === true && this.#source.error === undefined;
    if (this.#source.error !== undefined) stop.reject(this.#source.error);
    await this.#source.close();
    await this.#executor.close();
    this.#admission?.close();
    await this.#closeSession({ status: this.#status(isAllRead), total: this.#source.total }, isAllRead);
    this.#reportProgress(false);
    const report = this.#report(this.#status(isAllRead));
    output.end(stop.fatal === undefined ? this.#rejection(report) : stop.fatal.error);
    events.emit({ type: 'run-ended', report });
    events.end();
    return report;
  }

  async #closeSession(state: ReportedState, isAllRead: boolean): Promise<void> {
    try {
      await this.#memory.recording.close({ ...state, reason: this.stop.reason?.message }, isAllRead);
    } catch (error) {
      this.stop.reject(error);
    }
  }

  #rejection({ status }: Report): unknown {
    return status === 'aborted' ? this.stop.cause?.thrown : undefined;
  }

  #status(isAllRead: boolean): RunStatus {
    const { failed, aborted, skipped } = this.counters;
    const { fatal, cause, reason } = this.stop;
    const isAllDone = isAllRead && aborted + skipped === 0;
    const isStopped = reason !== undefined && cause?.kind !== 'failures' && !isAllDone;
    if (isStopped || fatal !== undefined) return 'aborted';
    return failed > 0 ? 'failed' : 'completed';
  }

  #report(status: RunStatus): Report {
    const { requested, clamps } = this.#requested;
    const { recording } = this.#memory;
    return buildReport({
      status,
      reason: this.stop.reason,
      counters: this.counters,
      startMs: this.#startMs,
      threads: this.#executor.threads,
      concurrency: Math.min(requested, ...clamps.map((clamp) => clamp.ran)),
      isInline: this.#setup.isInline,
      clamps: [...clamps, ...(this.#admission?.clamps(requested) ?? [])],
      lanes: (runMs) => this.#admission?.reports(runMs) ?? [],
      failures: this.#failures.list(),
      removed: recording.gone,
      sessionNotes: notesOf(recording),
      loads: { before: this.#loadsBefore, after: this.#setup.loads() },
    });
  }
}

function deadlineError(deadlineMs: number): HeddleError {
  const message = `The run reached its deadline of ${deadlineMs} ms; what was not done can run again`;
  return new HeddleError('HEDDLE_DEADLINE', message);
}
