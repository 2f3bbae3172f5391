/**
 * The schedule: which tasks start, and when.
 *
 * `#fill` is the one place where tasks start. It fills free slots first with tasks to run again, then with fresh
 * ones, as long as the window allows to read further. It is asked for whenever a slot, an input or space in the output
 * appears, and runs in a microtask: never within the call of somebody else.
 *
 * Slots: one per concurrent task. When there are as many as threads and tasks are short, each thread also gets the next
 * chunk ahead of time (marked exclusive, so that the two never overlap): it then never waits for this thread. What was sent ahead and
 * would wait is taken back as soon as another thread is idle (executor/rebalance.ts).
 * Suspects take one slot each, in a thread of their own; while there are any, nothing is sent ahead of time.
 *
 * Stopping, in this order:
 *   1. The first cause wins; later ones change nothing but the force (drain → abort).
 *   2. Nothing starts any more: `#fill` returns, waits between attempts are cancelled, chunks in flight begin no further task.
 *   3. An abort also reaches the running tasks; the executor gives them the grace time and then ends them by force.
 *   4. What waited becomes `aborted`, what never began `skipped`. When the last chunk is over, `onIdle` is called.
 */

import { now } from '../../protocol/control-cell.js';
import { HeddleError } from '../../protocol/errors.js';
import type { AttemptTimes } from '../../protocol/outcome.js';
import { isTransfer } from '../../protocol/transfer.js';
import type { Chunk, ChunkEnd, Execution, Leftover } from '../executor/executor.js';
import type { Gate } from '../lanes/gate.js';
import { roughBytes } from './chunk-size.js';
import { Repeats } from './repeats.js';
import type { ScheduleHost } from './schedule-host.js';
import { single } from './settle.js';
import { windowOf } from './window.js';

/** Chunks that each thread holds when the next one is sent ahead of time. */
const DEPTH = 2;
/** Only for tasks shorter than this: behind a long one, a task would wait while another thread is free. */
const AHEAD_MS = 10;
/** A chunk whose tasks turn out to take longer than expected ends after this time, and its rest goes elsewhere. */
const BUDGET_MS = 50;
/** Tasks that are refused before the event loop turns. */
const REFUSALS_PER_TURN = 500;

const NEVER_BEGAN: AttemptTimes = { attempts: 0, startedAt: undefined, durationMs: 0, workerId: undefined };

/** Starts the tasks of one run. */
export class Schedule {
  readonly #host: ScheduleHost;
  readonly #isExclusive: boolean;
  readonly #inFlight = new Map<Chunk, Execution>();
  readonly #repeats: Repeats;
  #isolated = 0;
  #force: 'none' | 'drain' | 'abort' = 'none';
  #reason: Error | undefined;
  #drainTimer: NodeJS.Timeout | undefined;
  #isIdle = false;
  #isFilling = false;
  #isAskedFor = false;
  /** Tasks that were chosen for execution. */
  #chosen = 0;
  #isMarked = false;

  constructor(host: ScheduleHost) {
    this.#host = host;
    this.#repeats = new Repeats(
      () => this.pump(),
      (count) => {
        host.counters.waiting = count;
      },
    );
    const { concurrency } = host;
    this.#isExclusive = concurrency === host.executor().parallelism;
  }

  /** From now on each task travels alone, and only when it will begin: its begin is recorded, or it must not begin twice. */
  markBegins(): void {
    this.#isMarked = true;
  }

  get isStopping(): boolean {
    return this.#force !== 'none';
  }

  /** Takes a task up again after a delay. */
  retry(chunk: Chunk, delayMs: number): void {
    if (this.isStopping) return this.#giveUp(chunk);
    if (delayMs === 0 && this.#host.gate() !== undefined) {
      this.#repeats.now({ ...chunk, readyAt: now() });
      this.pump();
    } else {
      this.#repeats.later(chunk, delayMs);
    }
  }

  /** Tasks of a chunk in flight, from this position on, did not begin and will not. */
  recalled(chunk: Chunk, from: number): void {
    this.#host.counters.running -= chunk.inputs.length - from;
    for (let position = from; position < chunk.inputs.length; position++)
      this.#runAgain(single(chunk, position, {}));
    this.pump();
  }

  /** Asks for the free slots to be filled. */
  pump(): void {
    if (this.#isAskedFor) return;
    this.#isAskedFor = true;
    queueMicrotask(() => {
      this.#isAskedFor = false;
      this.#fill();
    });
  }

  /**
   * Starts nothing any more.
   *
   * @param force - 'drain' lets running tasks finish, 'abort' tells them to end now
   * @param drainMs - how long a drain may take before it becomes an abort; Infinity for as long as it takes
   */
  stop(force: 'drain' | 'abort', reason: Error, drainMs: number = this.#host.graceMs): void {
    if (this.#isIdle || this.#force === 'abort') return;
    const isFirst = this.#force === 'none';
    this.#force = force;
    this.#reason ??= reason;
    if (isFirst) this.#cancelWaiting(this.#reason);
    clearTimeout(this.#drainTimer);
    if (force === 'drain' && drainMs !== Number.POSITIVE_INFINITY) {
      this.#drainTimer = setTimeout(() => this.stop('abort', reason), drainMs);
    }
    // All must be stopped before the first is aborted: its end would let the next one begin.
    for (const execution of this.#inFlight.values()) execution.stop();
    if (force === 'abort') for (const execution of this.#inFlight.values()) execution.abort(this.#reason);
    this.pump();
  }

  /** Looks whether the run is over; called again when outcomes were recorded. */
  checkIdle(): void {
    const { selection, settler } = this.#host;
    const isWaiting =
      this.#inFlight.size > 0 || !this.#repeats.isEmpty || (this.#host.gate()?.waiting ?? 0) > 0;
    if (
      this.#isIdle ||
      this.#isFilling ||
      isWaiting ||
      settler.isRecording ||
      !(selection.isDone || this.isStopping)
    )
      return;
    this.#isIdle = true;
    clearTimeout(this.#drainTimer);
    this.#host.onIdle();
  }

  #fill(): void {
    this.#isFilling = true;
    try {
      while (!this.isStopping && this.#inFlight.size < this.#slots) {
        const chunk = this.#host.gate() === undefined ? this.#nextChunk() : this.#nextGranted();
        if (chunk === undefined) break;
        // Reading an input runs code of the caller, which may have stopped the run.
        if (this.isStopping) this.#giveUpAll(chunk);
        else this.#start(chunk);
      }
    } catch (error) {
      this.#host.onSourceError(error);
    }
    // What was offered while the run was stopped from within.
    if (this.isStopping) this.#cancelWaiting();
    this.#isFilling = false;
    if (!this.isStopping) this.#host.executor().rebalance(this.#host.concurrency);
    this.checkIdle();
  }

  /** A task that its lane and its locks let start now. Reads on as long as that may find one. */
  #nextGranted(): Chunk | undefined {
    const gate = this.#host.gate() as Gate;
    let refused = 0;
    while (!this.isStopping) {
      const taken = gate.take();
      if (taken?.kind === 'granted') return taken.chunk;
      if (taken?.kind === 'refused') {
        this.#refuse(taken.chunk, taken.status, taken.error);
        if (++refused < REFUSALS_PER_TURN) continue;
        setImmediate(() => this.pump());
        return undefined;
      }
      const next = gate.wantsMore ? this.#nextChunk() : this.#nextAgain();
      if (next !== undefined) {
        this.#offer(gate, next);
        continue;
      }
      const stuck = this.#repeats.isEmpty ? gate.stuck : undefined;
      if (stuck !== undefined) this.#host.onGiveUp(stuck);
      return undefined;
    }
    return undefined;
  }

  #refuse(chunk: Chunk, status: 'failed' | 'aborted', error: Error): void {
    this.#host.settler.finish(chunk, 0, status, error, { ...NEVER_BEGAN, attempts: chunk.attempt - 1 });
    if (status === 'aborted') this.#host.onLeft(error);
  }

  #offer(gate: Gate, chunk: Chunk): void {
    try {
      gate.offer(chunk);
    } catch (error) {
      // Lanes and locks are named by code of the caller.
      this.#host.onFatal(error);
      this.#giveUpAll(chunk);
    }
  }

  /** Whether each task travels alone. */
  get #isSingle(): boolean {
    return this.#isMarked || this.#host.gate() !== undefined;
  }

  get #slots(): number {
    const { concurrency, chunkSize } = this.#host;
    const isAhead =
      this.#isExclusive &&
      !this.#isSingle &&
      this.#isolated + this.#repeats.suspects === 0 &&
      chunkSize.taskMs < AHEAD_MS;
    return isAhead ? concurrency * DEPTH : concurrency;
  }

  #start(chunk: Chunk): void {
    const { executor, counters, isAdaptive } = this.#host;
    counters.running += chunk.inputs.length;
    if (chunk.isolated) this.#isolated++;
    const execution = executor().execute(chunk, this.#isExclusive, isAdaptive ? BUDGET_MS : undefined);
    this.#inFlight.set(chunk, execution);
    execution.over.then((end) => this.#over(chunk, end), this.#host.onFatal);
  }

  #over(chunk: Chunk, { leftovers, fatal }: ChunkEnd): void {
    if (fatal !== undefined) this.#host.onFatal(fatal);
    this.#host.counters.running -= leftovers.length;
    // In flight until its leftovers are taken up: the run must not be found idle in between.
    for (const leftover of leftovers) this.#takeUp(chunk, leftover);
    this.#inFlight.delete(chunk);
    this.#host.gate()?.over(chunk);
    if (chunk.isolated) this.#isolated--;
    this.pump();
  }

  #takeUp(chunk: Chunk, leftover: Leftover): void {
    const { settler, counters } = this.#host;
    const { position, kind } = leftover;
    // A look at a job that was cut off: the job goes on, and is looked at again.
    const isAgain = kind === 'again' || kind === 'suspect' || kind === 'unexplained';
    if (chunk.job !== undefined && isAgain) this.#host.gate()?.keepLocks(chunk);
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
        return settler.fail(chunk, position, leftover.error, times, true);
      }
      case 'aborted':
        return settler.finish(chunk, position, 'aborted', this.#stopReason(), {
          ...NEVER_BEGAN,
          attempts: chunk.attempt,
        });
      case 'again':
        if (!leftover.isHere && this.#hasMoved(chunk, position)) return undefined;
        return this.#runAgain(
          single(chunk, position, {
            ...(leftover.isHere && { troubles: chunk.troubles + 1 }),
            interrupted: chunk.interrupted || (this.#isMarked && leftover.begun),
          }),
        );
      case 'suspect':
        if (this.#hasMoved(chunk, position)) return undefined;
        return this.#runAgain(single(chunk, position, { isolated: true, interrupted: this.#isMarked }));
      case 'unexplained': {
        if (this.#hasMoved(chunk, position)) return undefined;
        const { troubles } = chunk;
        if (!chunk.isolated)
          return this.#runAgain(single(chunk, position, { troubles: troubles + 1, isolated: troubles > 0 }));
        const times = {
          attempts: chunk.attempt,
          startedAt: undefined,
          durationMs: 0,
          workerId: leftover.workerId,
        };
        return settler.fail(chunk, position, leftover.error, times);
      }
      default:
        return leftover satisfies never;
    }
  }

  #runAgain(task: Chunk): void {
    if (this.isStopping) this.#giveUp(task);
    else this.#repeats.now(task);
  }

  /** A moved input went with its thread: the task fails, it cannot run again. */
  #hasMoved(chunk: Chunk, position: number): boolean {
    if (!isTransfer(chunk.inputs[position]) || this.isStopping) return false;
    const message =
      'The thread that had this input ended, and the input went with it; do not transfer inputs of tasks that may have to run again';
    const error = new HeddleError('HEDDLE_INPUT_TRANSFERRED', message);
    this.#host.settler.finish(chunk, position, 'failed', error, { ...NEVER_BEGAN, attempts: chunk.attempt });
    return true;
  }

  #nextChunk(): Chunk | undefined {
    if (this.#repeats.suspects > 0 && this.#isolated < this.#host.executor().threads)
      return this.#repeats.nextSuspect();
    return this.#nextAgain() ?? this.#fresh();
  }

  /** Tasks that come back side by side travel together again, unless there was trouble with one. */
  #nextAgain(): Chunk | undefined {
    return this.#repeats.next(
      (ready) => this.#host.chunkSize.next(ready + this.#unread, this.#slots),
      this.#isSingle,
    );
  }

  #fresh(): Chunk | undefined {
    const { selection, output, chunkSize, counters } = this.#host;
    const window = windowOf(this.#host.window, chunkSize, this.#slots);
    const space = window - (this.#chosen + selection.settled - output.delivered);
    // A window that is nearly full would be filled in crumbs, each a message of its own.
    if (space <= 0 || space < Math.min(chunkSize.current, window) / 2) return undefined;
    const most = this.#isSingle ? 1 : Math.min(space, chunkSize.next(this.#unread, this.#slots));
    const selected = selection.take(most);
    counters.read = selection.read;
    if (selected === undefined) return undefined;
    this.#chosen += selected.inputs.length;
    chunkSize.notice(roughBytes(selected.inputs.at(-1)));
    const { first, indexes, inputs, keys, hashes, interrupted, job } = selected;
    // Written out: a spread in front of further properties makes a new hidden class each time.
    return {
      first,
      indexes,
      inputs,
      keys,
      hashes,
      interrupted,
      job,
      account: undefined,
      attempt: 1,
      refunds: 0,
      isolated: false,
      troubles: 0,
      readyAt: now(),
    };
  }

  /** Tasks of the batch that were not read yet; Infinity when nobody knows. */
  get #unread(): number {
    const total = this.#host.total();
    return total === undefined ? Number.POSITIVE_INFINITY : Math.max(0, total - this.#host.selection.read);
  }

  /** What waits for its next attempt, or to run again, will not run in this run. */
  #cancelWaiting(reason?: Error): void {
    const atGate = this.#host.gate()?.cancel() ?? [];
    for (const chunk of [...this.#repeats.cancel(), ...atGate]) this.#giveUp(chunk, reason);
  }

  #giveUp(chunk: Chunk, reason: Error = this.#stopReason()): void {
    // A job that goes on elsewhere was begun by the attempt.
    const attempts = chunk.attempt - (chunk.job === undefined ? 1 : 0);
    const status = attempts + chunk.refunds > 0 || chunk.isolated ? 'aborted' : 'skipped';
    this.#host.settler.finish(chunk, 0, status, reason, { ...NEVER_BEGAN, attempts });
  }

  #giveUpAll(chunk: Chunk): void {
    this.#host.gate()?.over(chunk);
    for (const position of chunk.inputs.keys()) this.#giveUp(single(chunk, position, {}));
  }

  #stopReason(): Error {
    return this.#reason ?? new HeddleError('HEDDLE_ABORTED', 'The run was aborted');
  }
}
