/**
 * The schedule: which tasks start, and when. One loop, from the first task to the moment when nothing is in
 * flight.
 *
 * `#fill` is the one place where tasks start. It fills free slots first with tasks to run again, then with
 * fresh ones, as long as the window allows to read further. It runs when it is woken (wake.ts): a slot, an
 * input or room in the output has appeared.
 *
 * Slots: one per concurrent task. When there are as many as threads and tasks are short, each thread also
 * gets the next chunk ahead of time (exclusive, so that the two never overlap): it then never waits for this
 * thread. A chunk that was sent ahead and would wait is taken back as soon as another thread is idle
 * (rebalance.ts). Suspects take one slot each, in a thread of their own; while there are any, nothing is sent
 * ahead.
 *
 * Stopping (stop.ts): what waits is given up, as `aborted` or, if it never began, `skipped`.
 */

import { now } from '../../protocol/control-cell.js';
import { HeddleError } from '../../protocol/errors.js';
import { NEVER_BEGAN } from '../../protocol/outcome.js';
import { isTransfer } from '../../protocol/transfer.js';
import { onNextTurn } from '../../protocol/turn.js';
import { type Chunk, single } from '../executor/chunk.js';
import type { ChunkEnd, ChunkExecution, Executor, Leftover } from '../executor/executor.js';
import type { Counters } from '../figures/counters.js';
import type { Gate, GateAnswer } from '../lanes/gate.js';
import type { ResolvedRunOptions } from '../options/resolve-options.js';
import { type ChunkSize, roughBytes, windowOf } from './chunk-size.js';
import type { Output } from './output.js';
import type { Repeats } from './repeats.js';
import type { Selection } from './selection.js';
import type { Settler } from './settle.js';
import { asked, type Stop, type StopState } from './stop.js';
import type { Wake } from './wake.js';

/** What the schedule works with. */
export interface ScheduleParts {
  readonly executor: Executor;
  readonly selection: Selection;
  readonly settler: Settler;
  readonly repeats: Repeats;
  /** Where tasks wait for their lanes and locks, if the run has any; each task then travels alone. */
  readonly gate: Gate | undefined;
  readonly output: Output;
  readonly counters: Counters;
  readonly chunkSize: ChunkSize;
  readonly stop: Stop;
  readonly wake: Wake;
  readonly concurrency: number;
  readonly options: Pick<ResolvedRunOptions, 'window' | 'chunk'>;
  /**
   * Each task travels alone and only when it will begin: its begin is recorded, or it must not begin twice.
   */
  readonly isMarked: boolean;
}

/** Chunks that each thread holds when the next one is sent ahead of time. */
const DEPTH = 2;
/** Only for tasks shorter than this: after a long one, a task would wait while another thread is free. */
const AHEAD_MS = 10;
/** A chunk whose tasks take longer than expected ends after this time; its rest goes elsewhere. */
const BUDGET_MS = 50;
/** Tasks that are refused before the event loop turns. */
const REFUSALS_PER_TURN = 500;

/** Starts the tasks of one run. */
export class Schedule {
  readonly #parts: ScheduleParts;
  readonly #isExclusive: boolean;
  readonly #isSingle: boolean;
  readonly #budgetMs: number | undefined;
  readonly #inFlight = new Map<Chunk, ChunkExecution>();
  #isolated = 0;
  /** Tasks that were chosen for execution. */
  #chosen = 0;

  constructor(parts: ScheduleParts) {
    this.#parts = parts;
    this.#isExclusive = parts.concurrency === parts.executor.parallelism;
    this.#isSingle = parts.isMarked || parts.gate !== undefined;
    this.#budgetMs = parts.options.chunk === 'auto' ? BUDGET_MS : undefined;
  }

  /** Runs all tasks. Resolves when nothing is in flight and nothing will start any more. */
  async run(): Promise<void> {
    const { stop, wake } = this.#parts;
    const unsubscribe = stop.onChange((state) => this.#halt(state));
    for (;;) {
      try {
        this.#fill();
      } catch (error) {
        stop.fail(error);
      }
      if (this.#isIdle) break;
      await wake.wait();
    }
    unsubscribe();
  }

  get #isIdle(): boolean {
    const { gate, repeats, settler, selection, stop } = this.#parts;
    const isWaiting = this.#inFlight.size > 0 || !repeats.isEmpty || (gate?.waiting ?? 0) > 0;
    return !isWaiting && !settler.isRecording && (selection.isDone || stop.isStopping);
  }

  #fill(): void {
    const { stop, gate, executor, concurrency } = this.#parts;
    while (!stop.isStopping && this.#inFlight.size < this.#slots) {
      const chunk = gate === undefined ? this.#nextChunk() : this.#nextGranted(gate);
      if (chunk === undefined) break;
      // Reading an input runs code of the caller, which may have stopped the run.
      if (stop.isStopping) this.#leaveAll(chunk);
      else this.#start(chunk);
    }
    // Tasks that came back while the run was stopping.
    if (stop.isStopping) return this.#leaveWaiting();
    const recalled = executor.rebalance(concurrency);
    if (recalled !== undefined) this.#recall(recalled.chunk, recalled.from);
  }

  /** Starts nothing more. Called within `stop`, so that tasks that poll see it at once. */
  #halt(state: StopState): void {
    this.#leaveWaiting();
    // All must be stopped before the first is aborted: its end would let the next one begin.
    for (const execution of this.#inFlight.values()) execution.stop();
    if (state.kind === 'aborting')
      for (const execution of this.#inFlight.values()) execution.abort(state.cause.error);
    this.#parts.wake.fire();
  }

  /** A task that its lane and its locks let start now. Reads on as long as that may find one. */
  #nextGranted(gate: Gate): Chunk | undefined {
    const { stop, wake } = this.#parts;
    let refused = 0;
    while (!stop.isStopping) {
      const taken = gate.take();
      if (taken?.kind === 'granted') return taken.chunk;
      if (taken?.kind === 'refused') {
        this.#finishRefused(taken);
        if (++refused < REFUSALS_PER_TURN) continue;
        onNextTurn(() => wake.fire());
        return undefined;
      }
      const next = gate.wantsMore ? this.#nextChunk() : this.#nextAgain();
      if (next === undefined) {
        this.#stopIfStuck(gate);
        return undefined;
      }
      this.#offer(gate, next);
    }
    return undefined;
  }

  #finishRefused({ chunk, status, error }: Extract<GateAnswer, { kind: 'refused' }>): void {
    const { settler, stop } = this.#parts;
    settler.finish(chunk, 0, status, error, { ...NEVER_BEGAN, attempts: chunk.attempt - 1 });
    if (status === 'aborted') stop.leave(error);
  }

  #stopIfStuck(gate: Gate): void {
    const { stop, repeats } = this.#parts;
    const stuck = repeats.isEmpty ? gate.stuck : undefined;
    if (stuck !== undefined) stop.abort(asked(stuck));
  }

  #offer(gate: Gate, chunk: Chunk): void {
    try {
      gate.offer(chunk);
    } catch (error) {
      // Lanes and locks are named by code of the caller.
      this.#parts.stop.fail(error);
      this.#leaveAll(chunk);
    }
  }

  get #slots(): number {
    const { concurrency, chunkSize, repeats } = this.#parts;
    const isAhead =
      this.#isExclusive &&
      !this.#isSingle &&
      this.#isolated + repeats.suspects === 0 &&
      chunkSize.taskMs < AHEAD_MS;
    return isAhead ? concurrency * DEPTH : concurrency;
  }

  #start(chunk: Chunk): void {
    const { executor, counters, settler, stop } = this.#parts;
    counters.running += chunk.inputs.length;
    if (chunk.isolated) this.#isolated++;
    const options = { isExclusive: this.#isExclusive, budgetMs: this.#budgetMs };
    const execution = executor.execute(chunk, options, settler);
    this.#inFlight.set(chunk, execution);
    void execution.over.then((end) => {
      try {
        this.#over(chunk, end);
      } catch (error) {
        stop.fail(error);
      }
    });
  }

  #over(chunk: Chunk, { leftovers, fatal }: ChunkEnd): void {
    const { stop, counters, gate, wake } = this.#parts;
    if (fatal !== undefined) stop.fail(fatal);
    counters.running -= leftovers.length;
    // In flight until its leftovers are taken up: the run must not be found idle in between.
    try {
      for (const leftover of leftovers) this.#takeUp(chunk, leftover);
    } finally {
      this.#inFlight.delete(chunk);
      gate?.over(chunk);
      if (chunk.isolated) this.#isolated--;
      wake.fire();
    }
  }

  #takeUp(chunk: Chunk, leftover: Leftover): void {
    const { position } = leftover;
    switch (leftover.kind) {
      case 'failed':
        return this.#takeUpFailed(chunk, leftover);
      case 'aborted': {
        const { settler, stop } = this.#parts;
        const times = { ...NEVER_BEGAN, attempts: chunk.attempt };
        return settler.finish(chunk, position, 'aborted', stop.error, times);
      }
      case 'again':
      case 'suspect':
      case 'unexplained':
        return this.#takeUpUnsettled(chunk, leftover);
      default:
        return leftover satisfies never;
    }
  }

  #takeUpFailed(
    chunk: Chunk,
    { position, error, startedAt, workerId }: Extract<Leftover, { kind: 'failed' }>,
  ): void {
    const { settler, counters } = this.#parts;
    const durationMs = Math.max(0, now() - startedAt);
    counters.recordCutOff(durationMs, workerId);
    settler.fail(chunk, position, error, { attempts: chunk.attempt, startedAt, durationMs, workerId }, true);
  }

  /** A task whose attempt came to nothing. */
  #takeUpUnsettled(
    chunk: Chunk,
    leftover: Extract<Leftover, { kind: 'again' | 'suspect' | 'unexplained' }>,
  ): void {
    const { position } = leftover;
    // A look at a job that was cut off: the job goes on, and is looked at again.
    if (chunk.job !== undefined) this.#parts.gate?.keepLocks(chunk);
    const isHere = leftover.kind === 'again' && leftover.isHere;
    if (!isHere && this.#hasMoved(chunk, position)) return;
    const { isMarked } = this.#parts;
    if (leftover.kind === 'again') {
      const interrupted = chunk.interrupted || (isMarked && leftover.begun);
      const troubles = chunk.troubles + (isHere ? 1 : 0);
      this.#runAgain(single(chunk, position, { troubles, interrupted }));
    } else if (leftover.kind === 'suspect') {
      this.#runAgain(single(chunk, position, { isolated: true, interrupted: isMarked }));
    } else if (!chunk.isolated) {
      const { troubles } = chunk;
      this.#runAgain(single(chunk, position, { troubles: troubles + 1, isolated: troubles > 0 }));
    } else {
      const times = { ...NEVER_BEGAN, attempts: chunk.attempt, workerId: leftover.workerId };
      this.#parts.settler.fail(chunk, position, leftover.error, times);
    }
  }

  /** Tasks of a chunk in flight, from this position on, did not begin and will not. */
  #recall(chunk: Chunk, from: number): void {
    this.#parts.counters.running -= chunk.inputs.length - from;
    for (let position = from; position < chunk.inputs.length; position++)
      this.#runAgain(single(chunk, position));
  }

  #runAgain(task: Chunk): void {
    const { stop, settler, repeats } = this.#parts;
    if (stop.isStopping) settler.leave(task);
    else repeats.now(task);
  }

  /** A moved input went with its thread: the task fails, it cannot run again. */
  #hasMoved(chunk: Chunk, position: number): boolean {
    const { stop, settler } = this.#parts;
    if (!isTransfer(chunk.inputs[position]) || stop.isStopping) return false;
    const message =
      'The thread that had this input ended, and the input went with it; ' +
      'do not transfer inputs of tasks that may have to run again';
    const error = new HeddleError('HEDDLE_INPUT_TRANSFERRED', message);
    settler.finish(chunk, position, 'failed', error, { ...NEVER_BEGAN, attempts: chunk.attempt });
    return true;
  }

  #nextChunk(): Chunk | undefined {
    const { repeats, executor } = this.#parts;
    if (repeats.suspects > 0 && this.#isolated < executor.threads) return repeats.nextSuspect();
    return this.#nextAgain() ?? this.#fresh();
  }

  /** Tasks that come back side by side travel together again, unless there was trouble with one. */
  #nextAgain(): Chunk | undefined {
    const { repeats, chunkSize, selection } = this.#parts;
    return repeats.next((ready) => chunkSize.next(ready + selection.unread, this.#slots), this.#isSingle);
  }

  #fresh(): Chunk | undefined {
    const { selection, output, chunkSize, options, stop } = this.#parts;
    while (!stop.isStopping) {
      const window = windowOf(options.window, chunkSize, this.#slots);
      const space = window - (this.#chosen + selection.settled - output.delivered);
      // A window that is nearly full would be filled in crumbs, each a message of its own.
      if (space <= 0 || space < Math.min(chunkSize.current, window) / 2) return undefined;
      const most = this.#isSingle ? 1 : Math.min(space, chunkSize.next(selection.unread, this.#slots));
      const chunk = selection.take(most);
      if (chunk === undefined) return undefined;
      if (chunk === 'again') continue;
      this.#chosen += chunk.inputs.length;
      chunkSize.notice(roughBytes(chunk.inputs.at(-1)));
      return chunk;
    }
    return undefined;
  }

  /** What waits for its next attempt, or to run again, will not run in this run. */
  #leaveWaiting(): void {
    const { repeats, gate, selection, settler } = this.#parts;
    const waiting = [...repeats.cancel(), ...(gate?.cancel() ?? []), ...selection.cancel()];
    for (const chunk of waiting) settler.leave(chunk);
  }

  #leaveAll(chunk: Chunk): void {
    this.#parts.gate?.over(chunk);
    for (const position of chunk.inputs.keys()) this.#parts.settler.leave(single(chunk, position));
  }
}
