/**
 * Selection: which tasks of the batch this run executes.
 *
 *   source → [usable?] → [another shard's?] → [an outcome in the session?] → [cut off, not to be repeated?]
 *          → [in the cache?] → chunk
 *
 * Every task is known by its key, never by its position. A task with an outcome goes straight to the
 * consumer, as a reference that is read from the disk when its turn comes; so a resumed run starts its first
 * new task as soon as it is found, however many are done. Without session, shard and cache, nothing is looked
 * up.
 */

import type { TaskTraits } from '../../protocol/task.js';
import { onNextTurn } from '../../protocol/turn.js';
import type { UnusableInput } from '../../protocol/unusable-input.js';
import type { SeenTask } from '../../session/session-writer.js';
import { type Chunk, type FreshTasks, freshChunk, NOT_CACHED } from '../executor/chunk.js';
import { interruptedError } from '../executor/marked.js';
import type { Counters } from '../figures/counters.js';
import type { FailureWatch } from '../figures/failure-watch.js';
import type { ResolvedRunOptions } from '../options/resolve-options.js';
import { RecordedBlock } from './outcome-block.js';
import type { Output } from './output.js';
import { hashOf, type Memory, noMemory } from './recording.js';
import type { Settler } from './settle.js';
import type { Source } from './source.js';
import type { Wake } from './wake.js';

/** What selecting works with. */
export interface SelectionParts {
  readonly source: Source;
  readonly memory: Memory;
  readonly traits: TaskTraits;
  readonly output: Output;
  readonly settler: Settler;
  readonly failures: FailureWatch;
  readonly counters: Counters;
  readonly wake: Wake;
  readonly options: Pick<ResolvedRunOptions, 'retryFailed' | 'window' | 'key' | 'shard'>;
}

/** What becomes of a task that was looked up. */
type Found =
  | { readonly kind: 'execute'; readonly key: string; readonly hash: string | undefined }
  /** It was cut off, or waits for a job: it travels alone. */
  | { readonly kind: 'alone'; readonly tasks: FreshTasks }
  /** It got its outcome here. */
  | { readonly kind: 'settled' }
  /** It is another shard's, or has a recorded outcome. */
  | { readonly kind: 'passed' };

interface Chosen {
  readonly indexes: number[];
  readonly inputs: unknown[];
  readonly keys: string[];
  readonly hashes: string[];
}

/** Consecutive tasks that have the same recorded status. */
interface Stretch {
  readonly first: number;
  readonly status: 'succeeded' | 'failed';
  readonly slots: number[];
}

/** Inputs that are read ahead of what is asked for, when most of them may be done already. */
const LOOK_AHEAD = 512;
/** Inputs that are looked at before the event loop turns. */
const LOOKS_PER_TURN = 4096;

const SETTLED: Found = { kind: 'settled' };
const PASSED: Found = { kind: 'passed' };
const NO_INPUTS = { inputs: [] as readonly unknown[], keys: undefined };

/** Chooses the tasks of one run. */
export class Selection {
  /** Tasks of this run that got their outcome here: they take part in the window like others. */
  settled = 0;
  readonly #parts: SelectionParts;
  readonly #looksUp: boolean;
  #taken: { readonly inputs: readonly unknown[]; readonly keys: readonly string[] | undefined } = NO_INPUTS;
  /** Position in `#taken` of the next input to look at. */
  #next = 0;
  /** Index in the batch of that input. */
  #index = 0;
  #stretch: Stretch | undefined;
  /** A task that travels alone, for the next `take`. */
  #alone: FreshTasks | undefined;
  #looks = 0;
  #isResting = false;
  /** Tasks of other shards. */
  #passed = 0;

  constructor(parts: SelectionParts) {
    this.#parts = parts;
    this.#looksUp = parts.memory !== noMemory;
  }

  /** Every task was chosen or passed over. */
  get isDone(): boolean {
    const isWaiting = this.#alone !== undefined || this.#isResting;
    return !isWaiting && this.#next >= this.#taken.inputs.length && this.#parts.source.isDone;
  }

  /** Tasks of the batch that were not read yet; Infinity if that is unknown. */
  get unread(): number {
    const { total, read } = this.#parts.counters;
    return total === undefined ? Number.POSITIVE_INFINITY : Math.max(0, total - read);
  }

  /** Gives back the task that was kept for the next `take`. */
  cancel(): Chunk[] {
    const alone = this.#alone;
    this.#alone = undefined;
    return alone === undefined ? [] : [freshChunk(alone)];
  }

  /**
   * Chooses up to `max` tasks.
   *
   * @returns a chunk, 'again' if tasks got their outcome here instead, or undefined if there are none for now
   */
  take(max: number): Chunk | 'again' | undefined {
    if (this.#isResting) return undefined;
    const taken = this.#looksUp ? this.#select(max) : this.#takeAll(max);
    this.#count();
    return typeof taken === 'object' ? freshChunk(taken) : taken;
  }

  #takeAll(max: number): FreshTasks | 'again' | undefined {
    const read = this.#parts.source.take(max);
    if (read === undefined) return undefined;
    if (read.kind === 'unusable') {
      this.#advance();
      this.#refuse(read.index, read.input);
      return this.#mayLook() ? 'again' : undefined;
    }
    const { first, inputs, keys } = read;
    this.#advance(inputs.length);
    return { first, indexes: undefined, inputs, keys, hashes: undefined, interrupted: false, job: undefined };
  }

  #select(max: number): FreshTasks | 'again' | undefined {
    const ahead = this.#alone;
    this.#alone = undefined;
    if (ahead !== undefined) return ahead;
    const chosen: Chosen = { indexes: [], inputs: [], keys: [], hashes: [] };
    const settledBefore = this.settled;
    let alone: FreshTasks | undefined;
    while (alone === undefined) {
      // Tasks that get their outcome here take part in the window, too.
      const left = max - chosen.inputs.length - (this.settled - settledBefore);
      if (left <= 0 || !this.#hasNext(left)) break;
      alone = this.#choose(chosen);
    }
    this.#endStretch();
    if (chosen.inputs.length === 0 && alone !== undefined) return alone;
    this.#alone = alone;
    if (chosen.inputs.length > 0) return this.#asTasks(chosen);
    return this.settled > settledBefore && !this.#isResting ? 'again' : undefined;
  }

  /** Looks at the next input. @returns its task, if that travels alone */
  #choose(chosen: Chosen): FreshTasks | undefined {
    const index = this.#advance();
    const place = this.#next++;
    const input = this.#taken.inputs[place];
    const found = this.#find(this.#taken.keys?.[place], index, input);
    if (found.kind === 'alone') return found.tasks;
    if (found.kind !== 'execute') return undefined;
    chosen.indexes.push(index);
    chosen.inputs.push(input);
    chosen.keys.push(found.key);
    chosen.hashes.push(found.hash ?? NOT_CACHED);
    return undefined;
  }

  #asTasks({ indexes, inputs, keys, hashes }: Chosen): FreshTasks {
    const first = indexes[0] as number;
    const isGapless = indexes.at(-1) === first + indexes.length - 1;
    return {
      first,
      indexes: isGapless ? undefined : indexes,
      inputs,
      keys,
      hashes: this.#parts.memory.cache === undefined ? undefined : hashes,
      interrupted: false,
      job: undefined,
    };
  }

  /** Looking tasks up must not block the event loop, however many there are. */
  #mayLook(): boolean {
    if (this.#looks++ < LOOKS_PER_TURN) return true;
    this.#isResting = true;
    onNextTurn(() => {
      this.#isResting = false;
      this.#looks = 0;
      this.#parts.wake.fire();
    });
    return false;
  }

  /** Whether there is an input to look at now; reads on if need be, up to `max`. */
  #hasNext(max: number): boolean {
    const { source, memory, options } = this.#parts;
    const ahead = options.window === 'auto' ? LOOK_AHEAD : Math.min(options.window, LOOK_AHEAD);
    for (let left = max; left > 0 && this.#mayLook(); left--) {
      if (this.#next < this.#taken.inputs.length) return true;
      const read = source.take(memory.isResuming ? Math.max(left, ahead) : left);
      if (read === undefined) return false;
      this.#next = 0;
      this.#taken = read.kind === 'inputs' ? read : NO_INPUTS;
      if (read.kind === 'inputs') return true;
      this.#advance();
      this.#refuse(read.index, read.input);
    }
    return false;
  }

  /** Counts inputs as read, before anything becomes of them. @returns the index of the first */
  #advance(count = 1): number {
    const index = this.#index;
    this.#index += count;
    this.#parts.counters.read = this.#index - this.#passed;
    return index;
  }

  /** Looks a task up. @param explicitKey - undefined if its key is the hash of its input */
  #find(explicitKey: string | undefined, index: number, input: unknown): Found {
    const { memory, options, output } = this.#parts;
    const key = explicitKey ?? this.#keyOf(index, input);
    if (key === undefined) return SETTLED;
    if (memory.shard?.isElsewhere(key) === true) {
      this.#endStretch();
      this.#passed++;
      output.pass(index, 1);
      return PASSED;
    }
    const seen = memory.recording.see(key, index, explicitKey === undefined);
    const { slot, status } = seen;
    if (status !== undefined && !(status === 'failed' && options.retryFailed)) {
      this.#addToStretch(slot, status, index);
      return PASSED;
    }
    this.#endStretch();
    return this.#prepare(seen, index, input, explicitKey === undefined ? key : undefined);
  }

  /**
   * Decides about a task that has no outcome.
   *
   * @param inputHash - the hash of its input, if that is its key
   */
  #prepare(seen: SeenTask, index: number, input: unknown, inputHash: string | undefined): Found {
    const { memory, settler, traits } = this.#parts;
    const { key, interrupted, job } = seen;
    const isCutOff = interrupted && job === undefined;
    const tasks = { first: index, indexes: undefined, inputs: [input], keys: [key] };
    if (isCutOff && !traits.adopts && traits.execution === 'at-most-once') {
      this.settled++;
      const error = interruptedError('the process ended while the attempt was in progress');
      const times = { attempts: 1, startedAt: undefined, durationMs: 0, workerId: undefined };
      settler.finish(tasks, 0, 'failed', error, times);
      return SETTLED;
    }
    const hash = memory.cache === undefined ? undefined : (inputHash ?? this.#hashOrNone(input));
    const hit = hash === undefined || job !== undefined ? undefined : memory.cache?.get(hash);
    if (hit !== undefined) {
      this.settled++;
      settler.reuse(tasks, hit.content);
      return SETTLED;
    }
    if (job === undefined && !(isCutOff && traits.adopts)) return { kind: 'execute', key, hash };
    const hashes = hash === undefined ? undefined : [hash];
    return { kind: 'alone', tasks: { ...tasks, hashes, interrupted: isCutOff, job } };
  }

  /** The default key of an input. One that cannot be hashed fails, and only that one. */
  #keyOf(index: number, input: unknown): string | undefined {
    try {
      return hashOf(input);
    } catch (cause) {
      this.#fail(index, undefined, cause as Error);
      return undefined;
    }
  }

  /** With explicit keys, an input that cannot be hashed is executed and not cached. */
  #hashOrNone(input: unknown): string | undefined {
    try {
      return hashOf(input);
    } catch {
      return undefined;
    }
  }

  #refuse(index: number, { key, error }: UnusableInput): void {
    this.#fail(index, key, error);
  }

  /** The outcome of a task without a usable input. It is not recorded: every run reads the input again. */
  #fail(index: number, key: string | undefined, error: Error): void {
    this.#endStretch();
    this.settled++;
    this.#parts.settler.refuse(index, key ?? `unkeyed-${index}`, error);
  }

  #addToStretch(slot: number, status: 'succeeded' | 'failed', index: number): void {
    if (this.#stretch?.status !== status || this.#stretch.first + this.#stretch.slots.length !== index) {
      this.#endStretch();
      this.#stretch = { first: index, status, slots: [] };
    }
    this.#stretch.slots.push(slot);
  }

  #endStretch(): void {
    if (this.#stretch === undefined) return;
    const { first, status, slots } = this.#stretch;
    this.#stretch = undefined;
    const { settler, failures, memory } = this.#parts;
    const block = new RecordedBlock(first, status, slots, memory.recording.recorded);
    if (status === 'failed') {
      for (let i = 0; i < block.length; i++) {
        const outcome = block.at(i);
        if (outcome.status === 'failed') failures.addEarlier(outcome.index, outcome.error);
      }
    }
    settler.show(block);
  }

  /** Reports how far the batch was read. A shard's share is an estimate until all is read. */
  #count(): void {
    const { source, counters, options } = this.#parts;
    counters.read = this.#index - this.#passed;
    const { total } = source;
    if (options.shard === undefined || total === undefined) counters.total = total;
    else if (this.isDone) counters.total = counters.read;
    else counters.total = Math.max(counters.read, Math.round(total / options.shard.count));
  }
}
