/**
 * One chunk on a worker thread: its channel, its control cell, its timers.
 *
 *   sent ──► assigned (thread and channel known) ──► running ──► over (answered)
 *                                                       └──────► over (its thread died; blame.ts says who did it)
 *
 * An attempt that must end, because of its timeout or because the run is aborted, first hears it: the control cell for
 * code that polls, a message for code that awaits. One that never asked for its signal cannot hear and is ended with
 * its thread at once; one that did is given the grace time first. Tasks of other chunks on that thread run again.
 */

import { ControlCell, PHASES } from '../../protocol/control-cell.js';
import { HeddleError } from '../../protocol/errors.js';
import type { ThreadMessage } from '../../protocol/messages.js';
import { reviveError, serializeError } from '../../protocol/serialized-error.js';
import { AttemptWatch } from './attempt-watch.js';
import type { ChunkState } from './blame.js';
import type { Channel } from './channel.js';
import type { Chunk, Leftover } from './executor.js';
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

let count = 0;

/** A chunk that was sent to a pool. */
export class ThreadChunk {
  readonly id: number = ++count;
  readonly chunk: Chunk;
  readonly cell: ControlCell = new ControlCell();
  readonly pool: ThreadPool;
  /** What an uncaught error of the thread left as its last message. */
  crash: Error | undefined;
  /** Set for all chunks of a thread once its death was judged: what it means for the task that was at hand. */
  verdict: Leftover | 'nobody' | undefined;
  readonly #limits: ChunkLimits;
  readonly #watch: AttemptWatch;
  readonly #neighbours: () => Iterable<ThreadChunk>;
  readonly #onMessage: (message: ThreadMessage, from: ThreadChunk) => void;
  #channel: Channel | undefined;
  #kill: Kill | undefined;

  constructor(
    chunk: Chunk,
    pool: ThreadPool,
    limits: ChunkLimits,
    onMessage: (message: ThreadMessage, from: ThreadChunk) => void,
    neighbours: () => Iterable<ThreadChunk>,
  ) {
    this.chunk = chunk;
    this.pool = pool;
    this.#limits = limits;
    this.#onMessage = onMessage;
    this.#neighbours = neighbours;
    this.#watch = new AttemptWatch(this.cell, limits.timeoutMs, {
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

  /** The pool chose a thread and leases this chunk a channel to it. */
  assign(channel: Channel): void {
    this.#channel = channel;
    channel.onMessage = (message) => this.#receive(message);
  }

  /** Reads what has arrived. */
  drain(): void {
    this.#channel?.drain();
  }

  /** The thread that the chunk was sent to; 0 while there is none. */
  get threadId(): number {
    return this.#channel?.threadId ?? 0;
  }

  /** The thread answered: the channel is free for the next chunk. */
  end(): void {
    this.#close();
    if (this.#channel === undefined) return;
    this.#channel.remote = undefined;
    this.pool.release(this.#channel);
    this.#channel = undefined;
  }

  /** The request could not be posted: a new channel has no other end, an older one is as good as before. */
  endUnsent(): void {
    if (this.#channel?.remote === undefined) return this.end();
    this.endWithChannel();
  }

  /** The thread is dead, and so is the channel. */
  endWithChannel(): void {
    this.#close();
    this.#channel?.close();
    this.#channel = undefined;
  }

  /** The run ends without waiting for this chunk, which has not begun. What the thread may still say is not heard. */
  abandon(): void {
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

  #close(): void {
    if (this.isOver) return;
    this.drain();
    this.#watch.close();
  }

  #receive(message: ThreadMessage): void {
    if (this.isOver) return;
    if (message.type === 'settled') this.#watch.reported = message.from + message.values.length;
    if (message.type === 'crash') this.crash = reviveError(message.error);
    if ((message.type === 'log' || message.type === 'progress') && message.chunkId !== this.id) return;
    this.#onMessage(message, this);
  }

  #timeOut(begun: number): void {
    const { timeoutMs } = this.#limits;
    const message = `The attempt took longer than its timeout of ${timeoutMs} ms and its thread was ended; raise the timeout, or let the task watch ctx.signal`;
    const error = new HeddleError('HEDDLE_TIMEOUT', message);
    this.cell.timeOut(begun);
    this.#tell(error);
    this.#endRunning({ begun, kind: 'failed', error });
  }

  /** True while another task blocks the thread: what this one waits for may have come, and it cannot know. */
  #isHeldUp(): boolean {
    if (this.cell.phase !== PHASES.awaiting) return false;
    for (const { isRunning, cell } of this.#neighbours()) {
      if (isRunning && cell.phase === PHASES.synchronous) return true;
    }
    return false;
  }

  /** Nothing runs on the thread and yet it does not begin: something that a task left behind blocks it. */
  #endStuckThread(): void {
    if (this.threadId === 0 || this.cell.phase === PHASES.loading) return;
    for (const each of this.#neighbours()) if (each.isRunning || each.cell.phase === PHASES.loading) return;
    this.pool.terminate(this.threadId);
  }

  #tell(reason: Error): void {
    this.#channel?.send({ type: 'abort', reason: serializeError(reason) });
  }

  #endRunning(kill: Kill): void {
    // An abort means all tasks of a thread: while one of them can hear it, the thread gets its grace time.
    const canHear = this.cell.listens || (kill.kind === 'aborted' && this.#hasListeningNeighbour());
    this.#watch.whenStillRunning(kill.begun, canHear ? this.#limits.graceMs : 0, () => {
      this.#kill = kill;
      this.pool.terminate(this.cell.threadId);
    });
  }

  #hasListeningNeighbour(): boolean {
    for (const other of this.#neighbours()) {
      if (other.isRunning && other.cell.listens && other.#limits === this.#limits) return true;
    }
    return false;
  }
}
