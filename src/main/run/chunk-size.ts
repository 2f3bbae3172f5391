/**
 * How many tasks travel to a thread in one message.
 *
 * A message costs some 20 µs of the caller's thread, so small tasks travel many at a time; tasks that take
 * long, or wait, travel alone. The size follows the measured time of a task: it aims at TARGET_MS of work,
 * starts at 1 and may grow eightfold with each answer until it is there. Chunks are bounded by MAX_BYTES of
 * input, so that a message never holds the thread up, and shrink towards the end of a batch whose length is
 * known, so that all threads finish together.
 */

const TARGET_MS = 10;
const GROWTH = 8;
const MAX_TASKS = 4000;
/**
 * With a session, outcomes cost more than their share of a message, and long records no longer fit in caches.
 */
const MAX_KEPT_TASKS = 1000;
const MAX_BYTES = 512 * 1024;
/** Weight of the newest report in the moving averages. */
const NEWEST = 0.4;

/** The adaptive size of chunks. */
export class ChunkSize {
  readonly #fixed: number | undefined;
  readonly #most: number;
  #size = 1;
  /** Reported tasks and their time. Each report keeps 1 - NEWEST of it, so one long task changes little. */
  #tasks = 0;
  #ms = 0;
  #taskBytes = 0;

  /** @param isKept - outcomes are recorded */
  constructor(chunk: number | 'auto', isKept = false) {
    this.#fixed = chunk === 'auto' ? undefined : chunk;
    this.#most = isKept ? MAX_KEPT_TASKS : MAX_TASKS;
  }

  /** The size that full chunks have now. */
  get current(): number {
    return this.#fixed ?? this.#size;
  }

  /** Estimated time of one task, in ms; Infinity until one was timed. */
  get taskMs(): number {
    return this.#tasks === 0 ? Number.POSITIVE_INFINITY : this.#ms / this.#tasks;
  }

  /** Estimated size of one task's input and value. */
  get taskBytes(): number {
    return this.#taskBytes;
  }

  /**
   * The size of the next chunk.
   *
   * @param remaining - tasks of the batch that were not sent yet, Infinity when unknown
   * @param slots - chunks in flight at once
   */
  next(remaining: number, slots: number): number {
    if (this.#fixed !== undefined) return this.#fixed;
    return Math.max(1, Math.min(this.#size, Math.ceil(remaining / (slots * 2))));
  }

  /** A larger input than expected was read: what follows may be as large. */
  notice(bytes: number): void {
    if (bytes <= this.#taskBytes) return;
    this.#taskBytes = bytes;
    this.#size = Math.max(1, Math.min(this.#size, Math.floor(MAX_BYTES / bytes)));
  }

  /**
   * Learns from a report.
   *
   * @param tasks - how many tasks it is about
   * @param busyMs - how long the thread was at it
   * @param bytesPerTask - an estimate of the size of an input and its value
   */
  learn(tasks: number, busyMs: number, bytesPerTask: number): void {
    this.#tasks = this.#tasks * (1 - NEWEST) + tasks;
    this.#ms = this.#ms * (1 - NEWEST) + busyMs;
    this.#taskBytes =
      this.#taskBytes === 0 ? bytesPerTask : this.#taskBytes * (1 - NEWEST) + bytesPerTask * NEWEST;
    const byTime = TARGET_MS / Math.max(this.taskMs, 1e-6);
    const byBytes = MAX_BYTES / Math.max(this.#taskBytes, 1);
    this.#size = Math.max(
      1,
      Math.floor(Math.min(byTime, byBytes, this.#most, Math.max(tasks, this.#size) * GROWTH)),
    );
  }
}

/** A rough size of a value in memory, in bytes. Looks at 50 members at most; never throws. */
export function roughBytes(value: unknown): number {
  try {
    return bytesOf(value, { members: 50 });
  } catch {
    // A getter or a proxy of the caller threw.
    return 8;
  }
}

function bytesOf(value: unknown, budget: { members: number }): number {
  switch (typeof value) {
    case 'string':
      return value.length + 8;
    case 'object': {
      if (value === null) return 4;
      // A view keeps its whole buffer in memory, and a clone of it copies the whole buffer.
      if (ArrayBuffer.isView(value)) return value.buffer.byteLength;
      if (value instanceof ArrayBuffer) return value.byteLength;
      return roughMembers(value, budget);
    }
    default:
      return 8;
  }
}

function roughMembers(value: object, budget: { members: number }): number {
  let bytes = 16;
  let seen = 0;
  const members: readonly unknown[] = Array.isArray(value)
    ? value
    : value instanceof Map || value instanceof Set
      ? [...value]
      : Object.values(value);
  for (const member of members) {
    if (budget.members-- <= 0) break;
    bytes += 16 + bytesOf(member, budget);
    seen++;
  }
  return seen === 0 ? bytes : (bytes * members.length) / seen;
}

/** The automatic window: at least this many tasks, unless they are large. */
const WINDOW_TASKS = 1024;
/** The automatic window: inputs and values of more than this size do not pile up. */
const WINDOW_BYTES = 16 * 1024 * 1024;

/**
 * How many tasks may be read ahead of what the consumer has taken.
 *
 * @param slots - chunks that may be in flight
 */
export function windowOf(window: number | 'auto', chunkSize: ChunkSize, slots: number): number {
  if (window !== 'auto') return window;
  const bySize = chunkSize.taskBytes === 0 ? WINDOW_TASKS : WINDOW_BYTES / chunkSize.taskBytes;
  const wanted = Math.max(WINDOW_TASKS, chunkSize.current * slots * 2);
  return Math.max(slots * 2, Math.min(wanted, Math.floor(bySize)));
}
