/**
 * One chunk on a worker thread: its channel, its control cell, its timers.
 *
 *   waiting ──► sent (thread and channel known) ──► running ──► over (answered)
 *                                                      └──────► over (its thread died; blame.ts says who did it)
 *
 * An attempt that must end, because of its timeout or because the run is aborted, first hears it: the control cell for
 * code that polls, a message for code that awaits. One that never asked for its signal cannot hear and is ended with
 * its thread at once; one that did is given the grace time first. Tasks of other chunks on that thread run again.
 */

import { ControlCell, now, PHASES } from '../../../protocol/control-cell.js';
import { HeddleError } from '../../../protocol/errors.js';
import { serializeError } from '../../../protocol/serialized-error.js';
import { isTransfer } from '../../../protocol/transfer.js';
import { AttemptWatch } from '../attempt-watch.js';
import { type Chunk, type Leftover, leftoversFrom } from '../executor.js';
import type { ChunkState } from './blame.js';
import { type Answer, type Caller, type Channel, isLast, nextRequestId } from './channel.js';
import type { ThreadPool } from './thread-pool.js';

/** Why heddle ended the thread of a chunk, and which attempt it meant. */
interface Kill {
  readonly begun: number;
  readonly kind: 'failed' | 'aborted';
  readonly error: Error;
}

/** What a chunk may take. */
export interface ChunkLimits {
  readonly timeoutMs: number | undefined;
  readonly graceMs: number;
}

/** A chunk that did not begin when its run was aborted is waited for this long, then given up. */
const ABANDON_MS = 100;

/** What a chunk tells its executor. */
export interface ChunkHost extends ChunkLimits {
  onAnswer(from: ThreadChunk, answer: Answer): void;
  onLost(from: ThreadChunk, error: unknown): void;
  onUnsent(from: ThreadChunk, cause: unknown): void;
  /** The chunks that share the thread of this one, itself among them. */
  neighboursOf(chunk: ThreadChunk): Iterable<ThreadChunk>;
}

/** A chunk that was sent to a pool. */
export class ThreadChunk implements Caller {
  readonly id: number = nextRequestId();
  readonly chunk: Chunk;
  readonly cell: ControlCell = new ControlCell();
  readonly pool: ThreadPool;
  /** Set for all chunks of a thread once its death was judged: what it means for the task that was at hand. */
  verdict: Leftover | 'nobody' | undefined;
  /** Its inputs can be sent once only. */
  readonly isMoving: boolean;
  readonly #host: ChunkHost;
  readonly #watch: AttemptWatch;
  /** Tasks from this position on were taken back. */
  #limit: number;
  #channel: Channel | undefined;
  #kill: Kill | undefined;

  constructor(chunk: Chunk, pool: ThreadPool, host: ChunkHost) {
    this.chunk = chunk;
    this.pool = pool;
    this.isMoving = chunk.inputs.some(isTransfer);
    this.#limit = chunk.inputs.length;
    this.#host = host;
    this.#watch = new AttemptWatch(this.cell, host.timeoutMs, {
      isHeldUp: () => this.#isHeldUp(),
      onTimeout: (begun) => this.#timeOut(begun),
      onQuiet: () => this.#endStuckThread(),
    });
  }

  get isOver(): boolean {
    return this.#watch.isOver;
  }

  get isRunning(): boolean {
    return this.#watch.isRunning;
  }

  get reported(): number {
    return this.#watch.reported;
  }

  /** All its tasks were reported, or taken back. */
  get isReported(): boolean {
    return this.reported >= this.#limit;
  }

  /** What has neither been reported nor taken back. */
  get leftovers(): Leftover[] {
    return leftoversFrom(this.chunk, this.reported, this.cell.begun).slice(0, this.#limit - this.reported);
  }

  /** Some of its tasks have not begun and can run elsewhere. */
  get isRecallable(): boolean {
    return !this.isOver && !this.isMoving && !this.chunk.isolated && this.cell.begun < this.#limit;
  }

  /** It waits behind another request of its thread. */
  get isQueued(): boolean {
    return this.cell.begun === 0 && (this.#channel?.inFlight ?? 0) > 1;
  }

  /** How long the running task has been at it, in ms. */
  get ranFor(): number {
    return this.isRunning ? now() - this.cell.since : 0;
  }

  /** Takes back what has not begun. @returns the position from which on nothing will begin */
  recall(): number {
    this.cell.stop();
    this.#limit = this.cell.begun;
    return this.#limit;
  }

  /** What blame.ts needs to know. */
  get state(): ChunkState {
    const { begun, phase } = this.cell;
    return { begun, phase, reported: this.reported, isolated: this.chunk.isolated };
  }

  /** The leftover of the running task if heddle itself ended the thread because of it. */
  get killed(): Leftover | undefined {
    const kill = this.#kill;
    if (kill === undefined || kill.begun !== this.cell.begun || kill.begun <= this.reported) return undefined;
    const position = kill.begun - 1;
    if (kill.kind === 'aborted') return { position, kind: 'aborted' };
    return {
      position,
      kind: 'failed',
      error: kill.error,
      startedAt: this.cell.since,
      workerId: this.cell.threadId,
    };
  }

  onSent(channel: Channel): void {
    this.#channel = channel;
  }

  onAnswer(answer: Answer): void {
    if (this.isOver && !isLast(answer)) return;
    if (answer.type === 'settled' && !this.isOver) this.#watch.reported = answer.from + answer.values.length;
    this.#host.onAnswer(this, answer);
  }

  onLost(error: unknown): void {
    this.#host.onLost(this, error);
  }

  onUnsent(cause: unknown): void {
    this.#host.onUnsent(this, cause);
  }

  /** The channel that it was sent over. */
  get channel(): Channel | undefined {
    return this.#channel;
  }

  /** The thread that the chunk was sent to; 0 while there is none. */
  get threadId(): number {
    return this.#channel?.threadId ?? 0;
  }

  /** Watches it no longer. */
  close(): void {
    this.#watch.close();
  }

  /** @param onStuck - called when the chunk has not begun some time after that: it may be stuck behind another run */
  abort(reason: Error, onStuck: () => void): void {
    this.cell.abort();
    this.#watch.after(ABANDON_MS, () => {
      if (this.cell.begun === 0) onStuck();
      else if (this.isRunning) this.#abortRunning(reason);
    });
    this.#abortRunning(reason);
  }

  #abortRunning(reason: Error): void {
    if (!this.isRunning) return;
    this.#tell(reason);
    this.#endRunning({ begun: this.cell.begun, kind: 'aborted', error: reason });
  }

  #timeOut(begun: number): void {
    const { timeoutMs } = this.#host;
    const message = `The attempt took longer than its timeout of ${timeoutMs} ms and its thread was ended; raise the timeout, or let the task watch ctx.signal`;
    const error = new HeddleError('HEDDLE_TIMEOUT', message);
    this.cell.timeOut(begun);
    this.#tell(error);
    this.#endRunning({ begun, kind: 'failed', error });
  }

  /** True while another task blocks the thread: what this one waits for may have come, and it cannot know. */
  #isHeldUp(): boolean {
    if (this.cell.phase !== PHASES.awaiting) return false;
    for (const { isRunning, cell } of this.#host.neighboursOf(this)) {
      if (isRunning && cell.phase === PHASES.synchronous) return true;
    }
    return false;
  }

  /** Nothing runs on the thread and yet it does not begin: something that a task left behind blocks it. */
  #endStuckThread(): void {
    if (this.#channel?.isUp !== true || this.cell.phase === PHASES.loading) return;
    for (const each of this.#host.neighboursOf(this))
      if (each.isRunning || each.cell.phase === PHASES.loading) return;
    this.pool.terminate(this.threadId);
  }

  #tell(reason: Error): void {
    this.#channel?.send({ type: 'abort', id: this.id, reason: serializeError(reason) });
  }

  #endRunning(kill: Kill): void {
    // An abort means all tasks of a thread: while one of them can hear it, the thread gets its grace time.
    const canHear = this.cell.listens || (kill.kind === 'aborted' && this.#hasListeningNeighbour());
    this.#watch.whenStillRunning(kill.begun, canHear ? this.#host.graceMs : 0, () => {
      this.#kill = kill;
      this.pool.terminate(this.cell.threadId);
    });
  }

  #hasListeningNeighbour(): boolean {
    for (const other of this.#host.neighboursOf(this)) {
      if (other.isRunning && other.cell.listens && other.#host === this.#host) return true;
    }
    return false;
  }
}
