/**
 * One chunk on a worker thread: its channel, its control cell, its timers.
 *
 *   waiting ──► sent (thread and channel known) ──► running ──► over (answered)
 *                                                      └──────► over (its thread died; blame.ts judges)
 *
 * An attempt that must end, because of its timeout or because the run is aborted, is notified first: the
 * control cell for code that polls, a message for code that awaits. An attempt that never asked for its
 * signal is ended with its thread at once; one that did gets the grace time first. Tasks of other chunks on
 * that thread run again.
 */

import type { MessagePort } from 'node:worker_threads';
import { ControlCell, now, PHASES } from '../../../protocol/control-cell.js';
import { HeddleError } from '../../../protocol/errors.js';
import { reviveError, serializeError } from '../../../protocol/serialized-error.js';
import { isTransfer } from '../../../protocol/transfer.js';
import { AttemptWatch } from '../attempt-watch.js';
import type { Chunk } from '../chunk.js';
import {
  type ChunkEnd,
  type ChunkLimits,
  type ChunkListener,
  type Leftover,
  leftoversFrom,
} from '../executor.js';
import type { ChunkState } from './blame.js';
import { type Channel, isLast, nextRequestId, type Requester, type ThreadAnswer } from './channel.js';
import type { ThreadPool } from './thread-pool.js';

/** Why heddle ended the thread of a chunk, and which attempt it meant. */
interface Kill {
  readonly begun: number;
  readonly kind: 'failed' | 'aborted';
  readonly error: Error;
}

/** A chunk that did not begin when its run was aborted is waited for this long, then given up. */
const ABANDON_MS = 100;

/** What a chunk needs of its executor. */
export interface ThreadChunkHost extends ChunkLimits {
  onOver(chunk: ThreadChunk, end: ChunkEnd): void;
  onLost(chunk: ThreadChunk, error: unknown): void;
  onUnsent(chunk: ThreadChunk, cause: unknown): void;
  /** A task asked for the services of the run. */
  onServices(port: MessagePort): void;
  /** The chunks that share the thread of this one, itself among them. */
  neighboursOf(chunk: ThreadChunk): Iterable<ThreadChunk>;
}

/** A chunk that was sent to a pool. */
export class ThreadChunk implements Requester {
  readonly id: number = nextRequestId();
  readonly chunk: Chunk;
  readonly cell: ControlCell = new ControlCell();
  readonly pool: ThreadPool;
  /** Set for all chunks of a thread once its death was judged: what it means for the running task. */
  verdict: Leftover | 'bystander' | undefined;
  /** Its inputs can be sent once only. */
  readonly isMoving: boolean;
  readonly #host: ThreadChunkHost;
  readonly #listener: ChunkListener;
  readonly #watch: AttemptWatch;
  /** Tasks from this position on were taken back. */
  #limit: number;
  #channel: Channel | undefined;
  #kill: Kill | undefined;

  constructor(chunk: Chunk, pool: ThreadPool, listener: ChunkListener, host: ThreadChunkHost) {
    this.chunk = chunk;
    this.pool = pool;
    this.isMoving = chunk.inputs.some(isTransfer);
    this.#limit = chunk.inputs.length;
    this.#listener = listener;
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

  /** Some of its tasks have not begun and can run elsewhere. A chunk is recalled once. */
  get isRecallable(): boolean {
    const isWhole = this.#limit === this.chunk.inputs.length;
    return !this.isOver && !this.isMoving && !this.chunk.isolated && isWhole && this.cell.begun < this.#limit;
  }

  /** It waits behind another request of its thread. */
  get isQueued(): boolean {
    return this.cell.begun === 0 && (this.#channel?.inFlight ?? 0) > 1;
  }

  /** How long the running task has been running, in ms. */
  get ranFor(): number {
    return this.isRunning ? now() - this.cell.since : 0;
  }

  /** The channel that it was sent over. */
  get channel(): Channel | undefined {
    return this.#channel;
  }

  /** The thread that the chunk was sent to; 0 while there is none. */
  get threadId(): number {
    return this.#channel?.threadId ?? 0;
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
    const { since, threadId } = this.cell;
    return { position, kind: 'failed', error: kill.error, startedAt: since, workerId: threadId };
  }

  /** Takes back what has not begun. @returns the position from which on nothing will begin */
  recall(): number {
    this.cell.stop();
    this.#limit = this.cell.begun;
    return this.#limit;
  }

  onSent(channel: Channel): void {
    this.#channel = channel;
  }

  onAnswer(answer: ThreadAnswer): void {
    if (this.isOver && !isLast(answer)) return;
    switch (answer.type) {
      case 'settled':
        if (!this.isOver) {
          this.#watch.reported = answer.from + answer.values.length;
          this.#listener.onSettled(this.chunk, answer, this.cell.threadId);
        }
        if (answer.isLast) this.#host.onOver(this, { leftovers: this.leftovers });
        return undefined;
      case 'progress':
        return this.#listener.onProgress(this.chunk, answer.position, answer.fraction, answer.note);
      case 'log':
        return this.#listener.onLog(this.chunk, answer.position, answer.level, answer.message, answer.fields);
      case 'observed':
        return this.#listener.onObserved(this.chunk, answer.position, answer);
      case 'services':
        return this.#host.onServices(answer.port);
      case 'over':
        if (answer.isStale) this.pool.retire(this.threadId);
        return this.#host.onOver(this, {
          leftovers: this.leftovers,
          ...(answer.error !== undefined && { fatal: reviveError(answer.error) }),
        });
      case 'loaded':
        return undefined;
      default:
        return answer satisfies never;
    }
  }

  onLost(error: unknown): void {
    this.#host.onLost(this, error);
  }

  onUnsent(cause: unknown): void {
    this.#host.onUnsent(this, cause);
  }

  /** Ends its timers. */
  close(): void {
    this.#watch.close();
  }

  /** @param onStuck - called if the chunk has not begun some time later: it may wait behind another run */
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
    this.#notify(reason);
    this.#endRunning({ begun: this.cell.begun, kind: 'aborted', error: reason });
  }

  #timeOut(begun: number): void {
    const { timeoutMs } = this.#host;
    const error = new HeddleError(
      'HEDDLE_TIMEOUT',
      `The attempt took longer than its timeout of ${timeoutMs} ms and its thread was ended; ` +
        'raise the timeout, or let the task watch ctx.signal',
    );
    this.cell.timeOut(begun);
    this.#notify(error);
    this.#endRunning({ begun, kind: 'failed', error });
  }

  /** True while another task blocks the thread: what this one waits for may have arrived unnoticed. */
  #isHeldUp(): boolean {
    if (this.cell.phase !== PHASES.awaiting) return false;
    for (const { isRunning, cell } of this.#host.neighboursOf(this)) {
      if (isRunning && cell.phase === PHASES.synchronous) return true;
    }
    return false;
  }

  /** Nothing runs on the thread and yet it does not begin: something that a task left blocks it. */
  #endStuckThread(): void {
    if (this.#channel?.isUp !== true || this.cell.phase === PHASES.loading) return;
    for (const each of this.#host.neighboursOf(this))
      if (each.isRunning || each.cell.phase === PHASES.loading) return;
    this.pool.terminate(this.threadId);
  }

  #notify(reason: Error): void {
    this.#channel?.send({ type: 'abort', id: this.id, reason: serializeError(reason) });
  }

  #endRunning(kill: Kill): void {
    // An abort concerns all tasks of a thread: while one of them listens, the thread gets its grace time.
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
