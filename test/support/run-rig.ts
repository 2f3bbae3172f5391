/**
 * The core of a run without threads, timers or files: the real parts around an executor and a recording whose answers the
 * test gives by hand.
 */

import { type Chunk, indexOf, single } from '../../src/main/executor/chunk.js';
import {
  type ChunkEnd,
  type ChunkExecution,
  type ChunkListener,
  type ExecutionOptions,
  type Executor,
  type Leftover,
  leftoversFrom,
  type Recalled,
} from '../../src/main/executor/executor.js';
import { MarkedExecutor } from '../../src/main/executor/marked.js';
import { Counters } from '../../src/main/figures/counters.js';
import { EventHub } from '../../src/main/figures/events.js';
import { FailureWatch } from '../../src/main/figures/failure-watch.js';
import type { RunOptions } from '../../src/main/options/options.js';
import {
  isKept,
  type ResolvedRunOptions,
  resolveRunOptions,
} from '../../src/main/options/resolve-options.js';
import { Admission } from '../../src/main/run/admission.js';
import { ChunkSize } from '../../src/main/run/chunk-size.js';
import { Output } from '../../src/main/run/output.js';
import { type Memory, noMemory, noRecording, type Recording } from '../../src/main/run/recording.js';
import { Repeats } from '../../src/main/run/repeats.js';
import { Schedule } from '../../src/main/run/schedule.js';
import { Selection } from '../../src/main/run/selection.js';
import { Settler } from '../../src/main/run/settle.js';
import { type Inputs, Source } from '../../src/main/run/source.js';
import { Stop } from '../../src/main/run/stop.js';
import { Wake } from '../../src/main/run/wake.js';
import { now, ORIGIN } from '../../src/protocol/control-cell.js';
import { type EncodedValue, encodeValue } from '../../src/protocol/encoded-value.js';
import type { Job, SettledMessage } from '../../src/protocol/messages.js';
import type { Outcome } from '../../src/protocol/outcome.js';
import { serializeError } from '../../src/protocol/serialized-error.js';
import type { TaskTraits } from '../../src/protocol/task.js';
import { nextTurn } from '../../src/protocol/turn.js';
import type { SeenTask } from '../../src/session/session-writer.js';

export const PLAIN: TaskTraits = { execution: 'at-least-once', adopts: false, polls: false };

/** One task, as it was just read. */
export function chunk(index: number, changes: Partial<Chunk> = {}): Chunk {
  return {
    first: index,
    indexes: undefined,
    inputs: [index],
    keys: undefined,
    hashes: undefined,
    attempt: 1,
    refunds: 0,
    account: undefined,
    job: undefined,
    isolated: false,
    interrupted: false,
    troubles: 0,
    readyAt: 0,
    ...changes,
  };
}

/** Indexes of the tasks of a chunk. */
export function indexesOf(tasks: Chunk): number[] {
  return tasks.inputs.map((_, position) => indexOf(tasks, position));
}

/** How an attempt ended by itself. */
export type AttemptEnd =
  | { readonly value: unknown }
  | { readonly error: Error; readonly aborted?: boolean }
  | { readonly job: Job; readonly pollMs: number };

/** A message of a thread about consecutive attempts. Each took a millisecond. */
export function settledMessage(from: number, ends: readonly AttemptEnd[], isEncoded = false): SettledMessage {
  const others: NonNullable<SettledMessage['others']>[number][] = [];
  for (const [i, end] of ends.entries()) {
    const position = from + i;
    if ('error' in end)
      others.push({ position, error: serializeError(end.error), aborted: end.aborted === true });
    else if ('job' in end) others.push({ position, job: end.job, pollMs: end.pollMs });
  }
  return {
    type: 'settled',
    id: 0,
    from,
    origin: ORIGIN,
    times: Float64Array.from({ length: ends.length + 1 }, (_, i) => now() - ORIGIN + i),
    values: ends.map((end) => {
      if (!('value' in end)) return undefined;
      return isEncoded ? encodeValue(end.value) : end.value;
    }),
    others: others.length === 0 ? undefined : others,
    isLast: false,
  };
}

/** A chunk in flight. */
export class HandChunk implements ChunkExecution {
  readonly chunk: Chunk;
  readonly options: ExecutionOptions;
  readonly over: Promise<ChunkEnd>;
  isStopped = false;
  isOver = false;
  abortReason: Error | undefined;
  /** Tasks that were settled. */
  reported = 0;
  readonly #listener: ChunkListener;
  readonly #isEncoded: boolean;
  #limit: number;
  #resolve: (end: ChunkEnd) => void = () => {};

  constructor(sent: Chunk, options: ExecutionOptions, listener: ChunkListener, isEncoded: boolean) {
    this.chunk = sent;
    this.options = options;
    this.#listener = listener;
    this.#isEncoded = isEncoded;
    this.#limit = sent.inputs.length;
    this.over = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Tasks that were neither settled nor taken back. */
  get left(): number {
    return this.#limit - this.reported;
  }

  get indexes(): number[] {
    return indexesOf(this.chunk);
  }

  stop(): void {
    this.isStopped = true;
  }

  abort(reason: Error): void {
    this.abortReason = reason;
  }

  /** The next attempts of the chunk ended by themselves. */
  settle(...ends: AttemptEnd[]): this {
    const from = this.reported;
    this.reported += ends.length;
    this.#listener.onSettled(this.chunk, settledMessage(from, ends, this.#isEncoded), 1);
    return this;
  }

  /** The next attempts succeeded; each value is the input. */
  succeed(count: number = this.left): this {
    const inputs = this.chunk.inputs.slice(this.reported, this.reported + count);
    return this.settle(...inputs.map((value) => ({ value })));
  }

  /** The tasks from this place on, among those that are left, will not begin here. */
  recall(from = 0): Recalled {
    this.#limit = this.reported + from;
    return { chunk: this.chunk, from: this.#limit };
  }

  /** The chunk is over; what is left runs again, unless the first of it ended otherwise. */
  end(first?: (position: number) => Leftover, fatal?: Error): void {
    const leftovers = leftoversFrom(this.chunk, this.reported, this.reported).slice(0, this.left);
    if (first !== undefined && leftovers.length > 0) leftovers[0] = first(this.reported);
    this.isOver = true;
    this.#resolve({ leftovers, ...(fatal !== undefined && { fatal }) });
  }
}

/** An executor whose chunks wait for the test. */
export class HandExecutor implements Executor {
  readonly parallelism: number;
  readonly threads: number;
  readonly sent: HandChunk[] = [];
  isClosed = false;
  /** Answers `rebalance`. */
  onRebalance: (wanted: number) => Recalled | undefined = () => undefined;
  readonly #isEncoded: boolean;

  constructor(threads: number, isEncoded: boolean) {
    this.parallelism = threads;
    this.threads = threads;
    this.#isEncoded = isEncoded;
  }

  get flying(): HandChunk[] {
    return this.sent.filter(({ isOver }) => !isOver);
  }

  start(): Promise<TaskTraits> {
    return Promise.resolve(PLAIN);
  }

  execute(sent: Chunk, options: ExecutionOptions, listener: ChunkListener): HandChunk {
    const hand = new HandChunk(sent, options, listener, this.#isEncoded);
    this.sent.push(hand);
    return hand;
  }

  rebalance(wanted: number): Recalled | undefined {
    return this.onRebalance(wanted);
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

/** Outcomes, or a job, on their way to the disk. */
export interface Write {
  readonly tasks: number;
  resolve(): void;
  reject(error: Error): void;
}

/** A recording that keeps outcomes when the test says so. */
export class HandRecording implements Recording {
  readonly notes: readonly string[] = [];
  readonly gone = 0;
  readonly openCalls = undefined;
  readonly log: string[] = [];
  /** What is known of tasks, by key. */
  readonly known = new Map<string, Partial<SeenTask>>();
  readonly recorded: Recording['recorded'] = {
    read: (slot) => {
      const status = [...this.known.values()].find((seen) => seen.slot === slot)?.status ?? 'succeeded';
      const error = status === 'failed' ? serializeError(new Error('earlier')) : undefined;
      const times = { attempts: 1, startedAt: 1, durationMs: 1, workerId: 1 };
      return { id: '', key: `key ${slot}`, index: -1, status, value: 'earlier', error, ...times };
    },
  };
  /** True: answers wait for the test. */
  isSlow = false;
  readonly writes = new Set<Write>();

  see(key: string): SeenTask {
    return { ...noRecording.see(key, 0, false), ...this.known.get(key) };
  }

  async begin(key: string): Promise<void> {
    this.log.push(`begin ${key}`);
  }

  async takeBack(key: string): Promise<void> {
    this.log.push(`take back ${key}`);
  }

  submit(key: string, job: Job): Promise<void> | undefined {
    this.log.push(`submit ${key} ${job.handle}`);
    return this.#write(1);
  }

  record(block: Parameters<Recording['record']>[0]): Promise<void> | undefined {
    for (let i = 0; i < block.length; i++) {
      const { key, status } = block.recordAt(i);
      this.log.push(`${status} ${key}`);
    }
    return this.#write(block.length);
  }

  report(): void {}

  async close(): Promise<void> {}

  release(): void {}

  #write(tasks: number): Promise<void> | undefined {
    if (!this.isSlow) return undefined;
    return new Promise((resolve, reject) => {
      const settled = (next: () => void) => {
        this.writes.delete(write);
        next();
      };
      const write: Write = {
        tasks,
        resolve: () => settled(resolve),
        reject: (error) => settled(() => reject(error)),
      };
      this.writes.add(write);
    });
  }
}

/** A memory with this recording. */
export function memoryWith(recording: Recording, changes: Partial<Memory> = {}): Memory {
  return { ...noMemory, recording, ...changes };
}

/** A cache in memory. */
export function cacheOf(values: ReadonlyMap<string, EncodedValue>): NonNullable<Memory['cache']> {
  const kept = new Map(values);
  const cache = {
    get: (hash: string) => (kept.has(hash) ? { content: kept.get(hash) } : undefined),
    put: (hash: string, content: EncodedValue) => void kept.set(hash, content),
  };
  return cache as NonNullable<Memory['cache']>;
}

/** Tasks that are to run again; also counts those that are ready to. */
class CountedRepeats extends Repeats {
  ready = 0;

  override now(task: Chunk): void {
    this.ready++;
    super.now(task);
  }

  override nextSuspect(): Chunk | undefined {
    return this.#taken(super.nextSuspect());
  }

  override next(...args: Parameters<Repeats['next']>): Chunk | undefined {
    return this.#taken(super.next(...args));
  }

  override cancel(): Chunk[] {
    this.ready = 0;
    return super.cancel();
  }

  #taken(tasks: Chunk | undefined): Chunk | undefined {
    this.ready -= tasks?.inputs.length ?? 0;
    return tasks;
  }
}

/** What a rig is made for. */
export interface RigSetup {
  readonly inputs?: Inputs<unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: options of a run of any input, value and services
  readonly options?: RunOptions<any, any, any>;
  readonly threads?: number;
  readonly concurrency?: number;
  readonly memory?: Memory;
  readonly traits?: TaskTraits;
  /** Outcomes are taken by the test, not at once. */
  readonly isTakenByHand?: boolean;
}

/** The parts of one run. */
export class RunRig {
  readonly options: ResolvedRunOptions;
  readonly counters = new Counters();
  readonly events = new EventHub();
  readonly stop = new Stop();
  readonly wake = new Wake();
  readonly output: Output;
  readonly failures: FailureWatch;
  readonly repeats: CountedRepeats;
  readonly chunkSize: ChunkSize;
  readonly source: Source;
  readonly executor: HandExecutor;
  readonly admission: Admission | undefined;
  readonly settler: Settler;
  readonly selection: Selection;
  readonly schedule: Schedule;
  /** Outcomes that came out of the output. */
  readonly outcomes: Outcome[] = [];
  /** The schedule has come to its end. */
  isDone = false;

  constructor(setup: RigSetup = {}) {
    const { inputs = [], threads = 2, memory = noMemory, traits = PLAIN } = setup;
    const options = resolveRunOptions(setup.options);
    this.options = options;
    const { counters, events, stop, wake } = this;
    const fire = () => wake.fire();
    this.output = new Output(options.order, fire, (error) => stop.fail(error));
    if (setup.isTakenByHand !== true) this.#drain();
    this.failures = new FailureWatch(options.failureLimit);
    this.repeats = new CountedRepeats(wake, counters);
    this.chunkSize = new ChunkSize(options.chunk, isKept(options));
    this.source = new Source(inputs, options.key, options.total, fire);
    counters.total = this.source.total;
    const isEncoded = memory.cache !== undefined || isKept(options);
    this.executor = new HandExecutor(threads, isEncoded);
    if (options.lane !== undefined || options.locks !== undefined) {
      const inUse = { lanes: new WeakMap(), locks: undefined };
      const parts = { wake, events, stop, inContext: <T>(work: () => T) => work() };
      this.admission = new Admission(options, inUse, memory.recording, parts);
    }
    const { output, failures, repeats, chunkSize, source } = this;
    const gate = this.admission?.gate;
    const isMarked = traits.execution === 'at-most-once' || traits.adopts;
    const shared = { options, memory, traits, output, counters, failures, wake, stop, gate, repeats };
    this.settler = new Settler({ ...shared, events, chunkSize, isEncoded, isMarked });
    const { settler } = this;
    this.selection = new Selection({ ...shared, source, settler });
    const { selection } = this;
    const executor = isMarked ? new MarkedExecutor(this.executor, traits, memory.recording) : this.executor;
    const concurrency = setup.concurrency ?? threads;
    const own = { executor, selection, settler, chunkSize, concurrency, isMarked };
    this.schedule = new Schedule({ ...shared, ...own });
  }

  /** Starts the schedule, and lets it start what it can. */
  async start(): Promise<this> {
    void this.schedule.run().then(() => {
      this.isDone = true;
    });
    await this.turn();
    return this;
  }

  /** Lets everything happen that waits for nothing but its turn. */
  async turn(): Promise<void> {
    await nextTurn();
    await nextTurn();
  }

  get flying(): HandChunk[] {
    return this.executor.flying;
  }

  /** The chunk in flight that has this task. */
  chunkOf(index: number): HandChunk {
    const found = this.flying.find(({ indexes }) => indexes.includes(index));
    if (found === undefined) throw new Error(`task ${index} is not in flight`);
    return found;
  }

  /** Indexes in flight, by chunk. */
  get inFlight(): number[][] {
    return this.flying.map(({ indexes }) => indexes);
  }

  /** Index and status of each outcome, in the order in which they came out. */
  get statuses(): string[] {
    return this.outcomes.map(({ index, status }) => `${index} ${status}`);
  }

  #drain(): void {
    this.output.drainInto((block) => {
      for (let i = 0; i < block.length; i++) this.outcomes.push(block.at(i));
    });
  }
}

/** Tasks of a chunk, each by itself. */
export function singles(tasks: Chunk): Chunk[] {
  return tasks.inputs.map((_, position) => single(tasks, position));
}
