/**
 * Selection: which tasks of the batch this run executes.
 *
 *   source ─► [another shard's?] ─► [an outcome in the session?] ─► [cut off, and not to be repeated?] ─► [in the cache?] ─► chunk
 *
 * Every task is known by its key, never by its place. What has an outcome goes straight to the consumer, as a reference that is read
 * from the disk when its turn comes; so a resumed run starts its first new task as soon as it is found, however many are done.
 * Without session, shard and cache nothing here costs anything.
 */

import type { EncodedValue } from '../../protocol/encoded-value.js';
import { HeddleError } from '../../protocol/errors.js';
import type { Job } from '../../protocol/messages.js';
import { describe } from '../../protocol/serialized-error.js';
import type { TaskTraits } from '../../protocol/task.js';
import { taskKey } from '../../protocol/task-key.js';
import { isTransfer, unwrapTransfer } from '../../protocol/transfer.js';
import type { Recorded } from '../../session/recorded.js';
import type { SeenTask } from '../../session/session-writer.js';
import type { Chunk } from '../executor/executor.js';
import { RecordedBlock } from './outcome-block.js';
import type { Output } from './output.js';
import type { Settler } from './settle.js';
import type { Source, Taken } from './source.js';

/** What is known of tasks beforehand. */
export interface Known {
  isElsewhere(key: string): boolean;
  /** Undefined without a session. */
  see(key: string, index: number, isHash: boolean): SeenTask | undefined;
  /** Values are kept for other sessions. */
  readonly caches: boolean;
  /** The value of an identical task. */
  cached(hash: string): { readonly content: EncodedValue } | undefined;
  /** True when earlier runs recorded outcomes: many tasks may have to be passed over. */
  readonly isResuming: boolean;
}

/** What selecting needs of the rest of the run. */
export interface SelectionHost {
  readonly source: Source;
  readonly output: Output;
  readonly settler: Settler;
  readonly retryFailed: boolean;
  readonly window: number | 'auto';
  readonly hasKeys: boolean;
  traits(): TaskTraits;
  /** The outcomes in the session. */
  recorded(): Recorded;
  onRecordedFailure(index: number, error: Error): void;
  /** There may be more to take. */
  onReady(): void;
}

/** A task that is to be executed. */
interface Look {
  readonly key: string;
  /** Of its input, when its value is to be cached: a task may change its input. */
  readonly hash: string | undefined;
  readonly interrupted: boolean;
  /** The job that it waits for. */
  readonly job: Job | undefined;
}

interface Chosen {
  readonly indexes: number[];
  readonly inputs: unknown[];
  readonly keys: string[];
  readonly hashes: string[];
}

/** Tasks to execute. */
export type Selected = Pick<
  Chunk,
  'first' | 'indexes' | 'inputs' | 'keys' | 'hashes' | 'interrupted' | 'job'
>;

/** Inputs that are looked at ahead of what is asked for, when most of them may be done already. */
const LOOK_AHEAD = 512;
/** Inputs that are looked at before the event loop turns. */
const LOOKS_PER_TURN = 4096;

/** Chooses the tasks of one run. */
export class Selection {
  readonly #host: SelectionHost;
  #known: Known | undefined;
  #taken: Taken = { inputs: [], keys: undefined };
  /** Place in `#taken` of the next one to be looked at. */
  #next = 0;
  /** Tasks with the same status, in a row, that have an outcome. */
  #row: { first: number; status: 'succeeded' | 'failed'; slots: number[] } | undefined;
  /** A task that was cut off, or waits for a job, and travels alone; for the next `take`. */
  #alone: Selected | undefined;
  /** What the source threw while tasks were chosen, for the next `take`. */
  #error: { readonly error: unknown } | undefined;
  #settled = 0;
  #looks = 0;
  #isResting = false;
  /** Index of the next input to be looked at. */
  #index = 0;
  /** Tasks of other shards. */
  #passed = 0;

  constructor(host: SelectionHost) {
    this.#host = host;
  }

  /** From now on tasks are looked up. Before the first `take`. */
  use(known: Known): void {
    this.#known = known;
  }

  /** Tasks of this run that were read; those of other shards are not counted. */
  get read(): number {
    return this.#index - this.#passed;
  }

  /** Tasks that got their outcome here, of this run: they take part in the window like others. */
  get settled(): number {
    return this.#settled;
  }

  get isDone(): boolean {
    const isWaiting = this.#alone !== undefined || this.#error !== undefined || this.#isResting;
    return !isWaiting && this.#next >= this.#taken.inputs.length && this.#host.source.isDone;
  }

  /** Chooses up to `max` tasks; fewer, or none, when the source has no more for now or many had to be passed over. */
  take(max: number): Selected | undefined {
    const { source } = this.#host;
    if (this.#known !== undefined) return this.#select(this.#known, max);
    const first = source.read;
    const taken = source.take(max);
    this.#index = source.read;
    if (taken === undefined) return undefined;
    return {
      first,
      indexes: undefined,
      inputs: taken.inputs,
      keys: taken.keys,
      hashes: undefined,
      interrupted: false,
      job: undefined,
    };
  }

  #select(known: Known, max: number): Selected | undefined {
    const ahead = this.#alone;
    this.#alone = undefined;
    if (ahead !== undefined || this.#isResting) return ahead;
    const chosen: Chosen = { indexes: [], inputs: [], keys: [], hashes: [] };
    let alone: Look | undefined;
    const most = max + this.#settled;
    while (chosen.inputs.length + this.#settled < most && alone === undefined) {
      if (!this.#hasNext(known, most - chosen.inputs.length - this.#settled, chosen)) break;
      const place = this.#next++;
      const index = this.#index++;
      const input = this.#taken.inputs[place];
      const key = this.#taken.keys?.[place] ?? hashOf(input, index);
      const task = this.#look(known, key, index, input);
      if (task === undefined) continue;
      const isAlone = task.interrupted || task.job !== undefined;
      if (isAlone && chosen.inputs.length > 0) {
        const hashes = task.hash === undefined ? undefined : [task.hash];
        this.#alone = {
          first: index,
          indexes: undefined,
          inputs: [input],
          keys: [task.key],
          hashes,
          ...howFar(task),
        };
        break;
      }
      if (isAlone) alone = task;
      chosen.indexes.push(index);
      chosen.inputs.push(input);
      chosen.keys.push(task.key);
      if (task.hash !== undefined) chosen.hashes.push(task.hash);
    }
    this.#endRow();
    const { indexes, inputs, keys } = chosen;
    const hashes = known.caches ? chosen.hashes : undefined;
    const [first] = indexes;
    if (first === undefined) return undefined;
    const isGapless = indexes.at(-1) === first + indexes.length - 1;
    return { first, indexes: isGapless ? undefined : indexes, inputs, keys, hashes, ...howFar(alone) };
  }

  /** Whether there is an input to be looked at, now. What was chosen before an error is handed out first. */
  #hasNext(known: Known, max: number, chosen: Chosen): boolean {
    if (this.#looks++ >= LOOKS_PER_TURN) {
      this.#rest();
      return false;
    }
    if (this.#next < this.#taken.inputs.length) return true;
    try {
      return this.#read(known, max);
    } catch (error) {
      if (chosen.inputs.length === 0) {
        this.#endRow();
        throw error;
      }
      this.#error = { error };
      return false;
    }
  }

  /** Looking tasks up must not keep the event loop from anything else, however many there are. */
  #rest(): void {
    this.#isResting = true;
    setImmediate(() => {
      this.#isResting = false;
      this.#looks = 0;
      this.#host.onReady();
    });
  }

  #read(known: Known, max: number): boolean {
    if (this.#error !== undefined) {
      const { error } = this.#error;
      this.#error = undefined;
      throw error;
    }
    const { source, window } = this.#host;
    const ahead = window === 'auto' ? LOOK_AHEAD : Math.min(window, LOOK_AHEAD);
    const taken = source.take(known.isResuming ? Math.max(max, ahead) : max);
    if (taken === undefined) return false;
    this.#taken = taken;
    this.#next = 0;
    return true;
  }

  /** The task, if it is to be executed; otherwise it is dealt with. */
  #look(known: Known, key: string, index: number, input: unknown): Look | undefined {
    const { output, settler, retryFailed, hasKeys } = this.#host;
    if (known.isElsewhere(key)) {
      this.#endRow();
      this.#passed++;
      output.pass(index, 1);
      return undefined;
    }
    const seen = known.see(key, index, !hasKeys);
    const { status } = seen ?? {};
    if (seen !== undefined && status !== undefined && !(status === 'failed' && retryFailed)) {
      this.#addToRow(seen.slot, status, index);
      return undefined;
    }
    this.#endRow();
    const name = seen?.key ?? key;
    const isInterrupted = seen?.interrupted === true;
    const { adopts, execution } = this.#host.traits();
    const job = seen?.job;
    if (isInterrupted && job === undefined && !adopts && execution === 'at-most-once') {
      this.#settled++;
      settler.finish(
        { first: index, indexes: undefined, keys: [name], inputs: [input] },
        0,
        'failed',
        interruptedError('the process ended while the attempt was in progress'),
        { attempts: 1, startedAt: undefined, durationMs: 0, workerId: undefined },
      );
      return undefined;
    }
    const hash = known.caches ? (hasKeys ? hashOf(input, index) : key) : undefined;
    const hit = hash === undefined || job !== undefined ? undefined : known.cached(hash);
    if (hit !== undefined) {
      this.#settled++;
      settler.reuse(index, name, hit.content);
      return undefined;
    }
    return { key: name, hash, interrupted: isInterrupted && adopts && job === undefined, job };
  }

  #addToRow(slot: number, status: 'succeeded' | 'failed', index: number): void {
    if (this.#row?.status !== status || this.#row.first + this.#row.slots.length !== index) {
      this.#endRow();
      this.#row = { first: index, status, slots: [] };
    }
    this.#row.slots.push(slot);
  }

  #endRow(): void {
    if (this.#row === undefined) return;
    const { first, status, slots } = this.#row;
    this.#row = undefined;
    const block = new RecordedBlock(first, status, slots, this.#host.recorded());
    if (status === 'failed') {
      for (let i = 0; i < block.length; i++) {
        const outcome = block.at(i);
        if (outcome.status === 'failed') this.#host.onRecordedFailure(outcome.index, outcome.error);
      }
    }
    this.#host.settler.show(block);
  }
}

/** How far a task came in earlier runs. */
function howFar(task: Look | undefined): Pick<Selected, 'interrupted' | 'job'> {
  return {
    interrupted: task?.interrupted ?? false,
    job: task?.job,
  };
}

function hashOf(input: unknown, index: number): string {
  try {
    return taskKey(isTransfer(input) ? unwrapTransfer(input, []) : input);
  } catch (cause) {
    const message = `Input ${index} has no key: it cannot be hashed (${cause instanceof Error ? cause.message : describe(cause)}); give a key with the option \`key\``;
    throw new HeddleError('HEDDLE_INVALID_KEY', message, { cause });
  }
}

/** The failure of a task that must not be executed twice and whose attempt was cut off. */
export function interruptedError(what: string, cause?: unknown): HeddleError {
  return new HeddleError(
    'HEDDLE_INTERRUPTED',
    `The attempt was cut off (${what}) and the task is declared at-most-once, so it is not executed again; ` +
      'find out what became of it, then let it run with --retry-failed (option retryFailed), or export adopt from the task module',
    cause === undefined ? undefined : { cause },
  );
}
