/**
 * The control cell: 32 bytes of memory that the coordinator and the thread share for one chunk.
 *
 * A thread reads messages only when it returns to its event loop, which a CPU-bound task never does. So
 * whatever must be seen at once, or must still be readable after the thread has died, is kept here:
 *
 *   int32[0]  STOP       coordinator → thread   0 continue, 1 begin no further task, 2 also abort the task
 *   int32[1]  TIMED_OUT  coordinator → thread   BEGUN of the attempt that exceeded its timeout, 0 = none
 *   int32[2]  THREAD     thread → coordinator   id of the thread that executes the chunk, 0 = none yet
 *   int32[3]  BEGUN      thread → coordinator   tasks begun so far; the running one is at position BEGUN - 1
 *   int32[4]  PHASE      thread → coordinator   0 between tasks, 1 in the synchronous part of a task,
 *                                               2 awaiting it, 3 loading the module
 *   int32[5]  LISTENS    thread → coordinator   BEGUN of the task that asked for its signal, 0 = none
 *   float64[3] SINCE     thread → coordinator   when the running task began, ms since the epoch
 *
 * TIMED_OUT and LISTENS name their attempt, so a late write can never affect the next task.
 */

import { performance } from 'node:perf_hooks';

const STOP = 0;
const TIMED_OUT = 1;
const THREAD = 2;
const BEGUN = 3;
const PHASE = 4;
const LISTENS = 5;
const SINCE = 3;

/** What the thread is doing. */
export const PHASES = { between: 0, synchronous: 1, awaiting: 2, loading: 3 } as const;

/**
 * This thread's time origin, in ms since the epoch. Read once: the getter costs as much as the clock itself.
 */
export const ORIGIN: number = performance.timeOrigin;

/** Milliseconds since the epoch, with fractions. Comparable between the threads of one process. */
export function now(): number {
  return ORIGIN + performance.now();
}

/** One side's view of a control cell. */
export class ControlCell {
  readonly buffer: SharedArrayBuffer;
  readonly #int: Int32Array;
  readonly #float: Float64Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(32)) {
    this.buffer = buffer;
    this.#int = new Int32Array(buffer);
    this.#float = new Float64Array(buffer);
  }

  /** Thread: a task begins. */
  begin(position: number, at: number): void {
    this.#float[SINCE] = at;
    Atomics.store(this.#int, BEGUN, position + 1);
    Atomics.store(this.#int, PHASE, PHASES.synchronous);
  }

  /** Thread: the task does not begin after all, because the thread was asked to stop at the same moment. */
  takeBack(position: number): void {
    Atomics.store(this.#int, PHASE, PHASES.between);
    Atomics.store(this.#int, BEGUN, position);
  }

  /** Thread: it has received the chunk. */
  pickUp(threadId: number): void {
    Atomics.store(this.#int, THREAD, threadId);
  }

  /** Thread: it is about to load the module, which may end the thread. */
  startLoading(threadId: number): void {
    this.#float[SINCE] = now();
    Atomics.store(this.#int, PHASE, PHASES.loading);
    this.pickUp(threadId);
  }

  /** Thread: one of {@link PHASES}. */
  set phase(phase: number) {
    Atomics.store(this.#int, PHASE, phase);
  }

  get phase(): number {
    return Atomics.load(this.#int, PHASE);
  }

  /** Thread: the task at this position has asked for its signal, so it can react to an abort. */
  listen(position: number): void {
    Atomics.store(this.#int, LISTENS, position + 1);
  }

  get threadId(): number {
    return Atomics.load(this.#int, THREAD);
  }

  get begun(): number {
    return Atomics.load(this.#int, BEGUN);
  }

  get since(): number {
    return this.#float[SINCE] ?? 0;
  }

  /** True when the running task asked for its signal. */
  get listens(): boolean {
    return Atomics.load(this.#int, LISTENS) === this.begun;
  }

  /** Coordinator: begin no further task. */
  stop(): void {
    Atomics.compareExchange(this.#int, STOP, 0, 1);
  }

  /** Coordinator: begin no further task and abort the running one. */
  abort(): void {
    Atomics.store(this.#int, STOP, 2);
  }

  /** Coordinator: the attempt has exceeded its timeout. Has no effect unless it is still the `begun`-th. */
  timeOut(begun: number): void {
    Atomics.store(this.#int, TIMED_OUT, begun);
  }

  get isStopped(): boolean {
    return Atomics.load(this.#int, STOP) !== 0;
  }

  get isAborted(): boolean {
    return Atomics.load(this.#int, STOP) === 2;
  }

  isTimedOut(position: number): boolean {
    return Atomics.load(this.#int, TIMED_OUT) === position + 1;
  }
}
