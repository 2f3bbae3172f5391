/**
 * A run against a model: whatever happens, in whatever order, each task ends exactly once, no counter is negative, and the
 * sum of all that tasks can be in is what was read.
 */

import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Leftover } from '../../src/main/executor/executor.js';
import type { RunOptions } from '../../src/main/options/options.js';
import { hashOf, type Memory } from '../../src/main/run/recording.js';
import { asked } from '../../src/main/run/stop.js';
import { HeddleError } from '../../src/protocol/errors.js';
import type { Outcome } from '../../src/protocol/outcome.js';
import { unusableInput } from '../../src/protocol/unusable-input.js';
import type { HandChunk } from '../support/run-rig.js';
import { cacheOf, HandRecording, memoryWith, RunRig } from '../support/run-rig.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const KINDS = [
  'plain',
  'unusable',
  'bad key',
  'succeeded',
  'failed',
  'cut off',
  'job',
  'elsewhere',
  'cached',
];
type Kind = (typeof KINDS)[number];

interface Item {
  readonly id: number;
  readonly kind: Kind;
}

/** A source that the test feeds. */
class HandSource implements AsyncIterable<unknown> {
  readonly #queue: unknown[] = [];
  #waiter: (() => void) | undefined;
  #end: { readonly error: unknown } | undefined;

  push(...inputs: unknown[]): void {
    if (this.#end === undefined) this.#queue.push(...inputs);
    this.#waiter?.();
  }

  end(error?: unknown): void {
    this.#end ??= { error };
    this.#waiter?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown> {
    for (;;) {
      while (this.#queue.length > 0) yield this.#queue.shift();
      if (this.#end !== undefined) break;
      await new Promise<void>((resolve) => {
        this.#waiter = resolve;
      });
    }
    if (this.#end.error !== undefined) throw this.#end.error;
  }
}

interface Scenario {
  readonly kinds: readonly Kind[];
  readonly isStreamed: boolean;
  readonly isSlow: boolean;
  readonly isTakenByHand: boolean;
  readonly admission: 'none' | 'lane' | 'locks' | 'both';
  readonly order: 'input' | 'completion';
  readonly window: number | 'auto';
  readonly chunk: number | 'auto';
  readonly threads: number;
  readonly concurrency: number;
  readonly isMemory: boolean;
  readonly trait: 'plain' | 'once' | 'adopts';
  readonly maxFailures: number | undefined;
  /** What the callback for outcomes does when it is called for the n-th time. */
  readonly callback: { readonly at: number; readonly does: 'nothing' | 'abort' | 'drain' | 'reject' };
  readonly actions: readonly Action[];
}

const ACTIONS = [
  'succeed',
  'fail',
  'submit',
  'mix',
  'end',
  'again',
  'suspect',
  'unexplained',
  'timed out',
  'aborted',
  'fatal',
  'recall',
  'time',
  'write',
  'lose write',
  'push',
  'end source',
  'break source',
  'take',
  'drain',
  'abort',
  'break',
] as const;

interface Action {
  readonly does: (typeof ACTIONS)[number];
  /** Which of those there are. */
  readonly which: number;
  readonly count: number;
}

/** Actions that end a run are rarer. */
const RARE = new Set(['fatal', 'lose write', 'break source', 'drain', 'abort', 'break', 'end source']);

const action = fc.record({
  does: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...ACTIONS.filter((each) => !RARE.has(each))) },
    { weight: 1, arbitrary: fc.constantFrom(...ACTIONS) },
  ),
  which: fc.nat(7),
  count: fc.integer({ min: 1, max: 4 }),
});

const scenario = fc.record({
  kinds: fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.constant('plain' as const) },
      { weight: 2, arbitrary: fc.constantFrom(...KINDS.filter((kind) => kind !== 'bad key')) },
      { weight: 1, arbitrary: fc.constantFrom(...KINDS) },
    ),
    { maxLength: 24 },
  ),
  isStreamed: fc.boolean(),
  isSlow: fc.boolean(),
  isTakenByHand: fc.boolean(),
  admission: fc.constantFrom('none', 'none', 'lane', 'locks', 'both'),
  order: fc.constantFrom('input', 'completion'),
  window: fc.constantFrom('auto' as const, 1, 2, 5),
  chunk: fc.constantFrom('auto' as const, 1, 3, 8),
  threads: fc.integer({ min: 1, max: 3 }),
  concurrency: fc.integer({ min: 1, max: 4 }),
  isMemory: fc.boolean(),
  trait: fc.constantFrom('plain', 'plain', 'once', 'adopts'),
  maxFailures: fc.constantFrom(undefined, undefined, 0, 3),
  callback: fc.record({
    at: fc.integer({ min: 1, max: 12 }),
    does: fc.constantFrom('nothing', 'nothing', 'nothing', 'abort', 'drain', 'reject'),
  }),
  actions: fc.array(action, { maxLength: 60 }),
});

const lockOf = ({ id }: Item): string => `lock ${id % 3}`;

function optionsOf({ order, window, chunk, maxFailures, admission }: Scenario): RunOptions {
  return {
    order,
    window,
    chunk,
    maxFailures,
    key: (input) => ((input as Item).kind === 'bad key' ? '' : `key ${(input as Item).id}`),
    retry: { attempts: 3, backoffMs: 10, jitter: 'none' },
    ...((admission === 'lane' || admission === 'both') && { lane: { concurrency: 2, breaker: false } }),
    ...((admission === 'locks' || admission === 'both') && { locks: (input) => lockOf(input as Item) }),
  };
}

/** One run, and what must hold of it. */
class Play {
  readonly #scenario: Scenario;
  readonly #rig: RunRig;
  readonly #recording = new HandRecording();
  readonly #source = new HandSource();
  readonly #items: Item[];
  readonly #fed: unknown[];
  #pushed = 0;
  /** Tasks whose outcome or job could not be kept. */
  #lost = 0;
  #shown: Outcome[] = [];
  /** Tasks that have submitted a job in this run, and have no outcome. */
  readonly #jobs = new Set<number>();
  #violation: unknown;

  constructor(plan: Scenario) {
    this.#scenario = plan;
    this.#items = plan.kinds.map((kind, id) => ({ id, kind: plan.isMemory ? kind : memoryless(kind) }));
    this.#fed = this.#items.map((item) =>
      item.kind === 'unusable' ? unusableInput(new Error('unusable'), { key: `key ${item.id}` }) : item,
    );
    // As the run does with the callback of its caller.
    const onOutcome = (outcome: Outcome) => {
      this.#onOutcome(outcome)?.catch((error: unknown) => this.#rig.stop.fail(error));
    };
    const options = { ...optionsOf(plan), onOutcome };
    this.#rig = new RunRig({
      inputs: plan.isStreamed ? this.#source : this.#fed,
      options,
      threads: plan.threads,
      concurrency: plan.concurrency,
      isTakenByHand: plan.isTakenByHand,
      traits: {
        execution: plan.trait === 'once' ? 'at-most-once' : 'at-least-once',
        adopts: plan.trait === 'adopts',
        polls: true,
      },
      ...(plan.isMemory && { memory: this.#memory() }),
    });
  }

  async run(): Promise<void> {
    this.#recording.isSlow = this.#scenario.isSlow;
    await this.#rig.start();
    this.#check();
    for (const each of this.#scenario.actions) {
      this.#do(each);
      await this.#rig.turn();
      this.#check();
    }
    await this.#finish();
    await this.#close();
    this.#checkEnd();
  }

  #memory(): Memory {
    const known = this.#recording.known;
    const cached = new Map<string, string>();
    for (const item of this.#items) {
      const { id, kind } = item;
      const key = `key ${id}`;
      if (kind === 'succeeded' || kind === 'failed') known.set(key, { slot: id, status: kind });
      if (kind === 'cut off') known.set(key, { interrupted: true });
      if (kind === 'job') known.set(key, { job: { handle: '0', account: undefined } });
      if (kind === 'cached') cached.set(hashOf(item), '"cached"');
    }
    const isElsewhere = (key: string) => this.#items[Number(key.slice(4))]?.kind === 'elsewhere';
    return memoryWith(this.#recording, { isResuming: true, cache: cacheOf(cached), shard: { isElsewhere } });
  }

  #do({ does, which, count }: Action): void {
    const { stop } = this.#rig;
    const hand = pick(this.#rig.flying, which);
    switch (does) {
      case 'push':
        this.#source.push(...this.#fed.slice(this.#pushed, this.#pushed + count * 2));
        this.#pushed = Math.min(this.#pushed + count * 2, this.#fed.length);
        return;
      case 'end source':
        return this.#source.end();
      case 'break source':
        return this.#source.end(new Error('the source broke'));
      case 'take':
        return this.#take(count);
      case 'time':
        return void vi.advanceTimersByTime(count * 10);
      case 'write':
        return pick([...this.#recording.writes], which)?.resolve();
      case 'lose write':
        return this.#loseWrite(which);
      case 'drain':
        return stop.drain(asked(new Error('drain')), count === 1 ? 15 : Number.POSITIVE_INFINITY);
      case 'abort':
        return stop.abort(asked(new Error('abort')));
      case 'break':
        return stop.fail(new Error('break'));
      default:
        if (hand !== undefined) this.#doTo(hand, does, count);
    }
  }

  /** Something happens to a chunk in flight. */
  #doTo(hand: HandChunk, does: Action['does'], count: number): void {
    const some = Math.min(count, hand.left);
    switch (does) {
      case 'succeed':
        hand.succeed(some);
        break;
      case 'fail':
        hand.settle(...Array.from({ length: some }, () => ({ error: new Error('failed') })));
        break;
      case 'submit':
        if (some > 0) this.#jobs.add(hand.indexes[hand.reported] as number);
        if (some > 0) hand.settle({ job: { handle: `${count}`, account: undefined }, pollMs: 10 });
        break;
      case 'mix':
        hand.settle(
          ...Array.from({ length: some }, (_, i) =>
            i % 2 === 0
              ? { value: 'mixed' }
              : { error: new Error('mixed'), aborted: hand.abortReason !== undefined },
          ),
        );
        break;
      case 'recall':
        return this.#recall(hand, some);
      default:
        return hand.end(leftoverOf(does, hand), does === 'fatal' ? new Error('fatal') : undefined);
    }
    if (hand.left === 0) hand.end();
  }

  #recall(hand: HandChunk, from: number): void {
    if (this.#scenario.admission !== 'none' || hand.left - from <= 0) return;
    const { executor, wake } = this.#rig;
    executor.onRebalance = () => {
      executor.onRebalance = () => undefined;
      return hand.isOver || hand.isRecalled || hand.left - from <= 0 ? undefined : hand.recall(from);
    };
    wake.fire();
  }

  #loseWrite(which: number): void {
    const write = pick([...this.#recording.writes], which);
    if (write === undefined) return;
    this.#lost += write.tasks;
    write.reject(new Error('the disk is full'));
  }

  #take(count: number): void {
    if (!this.#scenario.isTakenByHand) return;
    const { output, outcomes } = this.#rig;
    for (let i = 0; i < count; i++) {
      output.take().then(
        (result) => result.done !== true && outcomes.push(result.value),
        () => {},
      );
    }
  }

  #onOutcome(outcome: Outcome): Promise<never> | undefined {
    this.#shown.push(outcome);
    this.#jobs.delete(outcome.index);
    try {
      this.#checkCounters('>=');
    } catch (error) {
      // What the callback throws ends the run and goes no further.
      this.#violation ??= error;
    }
    const { at, does } = this.#scenario.callback;
    if (this.#shown.length !== at) return undefined;
    const { stop } = this.#rig;
    const cause = asked(new Error(`${does} within a callback`));
    if (does === 'abort') stop.abort(cause);
    else if (does === 'drain') stop.drain(cause, 15);
    return does === 'reject' ? Promise.reject(cause.error) : undefined;
  }

  /** What holds whenever nothing happens. */
  #check(): void {
    const { flying, stop, counters } = this.#rig;
    if (this.#violation !== undefined) throw this.#violation;
    this.#checkCounters('=');
    expect(counters.running).toBe(flying.reduce((sum, { left }) => sum + left, 0));
    const ended = new Set(this.#shown.map(({ index }) => index));
    if (this.#scenario.admission !== 'none') this.#checkLocks(flying);
    const left = flying.flatMap(({ indexes, reported, left }) => indexes.slice(reported, reported + left));
    expect(new Set(left).size, 'a task is in flight twice').toBe(left.length);
    expect(
      left.filter((index) => ended.has(index)),
      'in flight after its outcome',
    ).toEqual([]);
    if (stop.isStopping) expect(flying.every(({ isStopped }) => isStopped)).toBe(true);
    if (stop.state.kind === 'aborting')
      expect(flying.every(({ abortReason }) => abortReason !== undefined)).toBe(true);
  }

  #checkLocks(flying: readonly HandChunk[]): void {
    const { admission, concurrency } = this.#scenario;
    expect(flying.length).toBeLessThanOrEqual(concurrency);
    if (admission === 'lane') return;
    // A job keeps its lock from its submission to the outcome of its task.
    const holders = new Set([...flying.flatMap(({ indexes }) => indexes), ...this.#jobs]);
    const locks = [...holders].map((index) => lockOf(this.#items[index] as Item));
    expect(new Set(locks).size, 'two tasks hold one lock').toBe(locks.length);
  }

  /** A task that travels alone may have been looked at, and not sent yet. */
  get #ahead(): number {
    return this.#items.some(({ kind }) => kind === 'job' || kind === 'cut off') ? 1 : 0;
  }

  /** The sum of all that tasks can be in is what was read. */
  #checkCounters(how: '=' | '>='): void {
    const { counters, repeats, admission, stop } = this.#rig;
    const { read, running, waiting, submitted, succeeded, failed, aborted, skipped, resumed } = counters;
    const all = { read, running, waiting, submitted, succeeded, failed, aborted, skipped, resumed };
    expect(
      Object.values(all).filter((count) => count < 0),
      JSON.stringify(all),
    ).toEqual([]);
    const shown = running + waiting + submitted + succeeded + failed + aborted + skipped;
    if (how === '>=') return;
    const writing = [...this.#recording.writes].reduce((sum, { tasks }) => sum + tasks, 0);
    const inside = repeats.ready + (admission?.gate.waiting ?? 0) + writing + this.#lost;
    const missing = read - shown - inside;
    expect([0, this.#ahead], `${JSON.stringify(all)} ${inside} ${stop.state.kind}`).toContain(missing);
    expect(this.#shown.length).toBe(succeeded + failed + aborted + skipped);
  }

  /** From here on everything goes well. */
  async #finish(): Promise<void> {
    this.#source.push(...this.#fed.slice(this.#pushed));
    this.#source.end();
    for (let rounds = 0; !this.#rig.isDone; rounds++) {
      if (rounds > 300) throw new Error(`stuck: ${JSON.stringify(this.#rig.counters)}`);
      for (const hand of this.#rig.flying) hand.succeed().end();
      for (const write of this.#recording.writes) write.resolve();
      this.#take(8);
      vi.advanceTimersByTime(1000);
      await this.#rig.turn();
      this.#check();
    }
  }

  /** As a run does it. */
  async #close(): Promise<void> {
    const { stop, output, admission, source } = this.#rig;
    stop.end();
    admission?.close();
    await source.close();
    output.end(undefined);
    this.#take(this.#items.length + 1);
    await this.#rig.turn();
  }

  #checkEnd(): void {
    const { counters, stop, source, outcomes } = this.#rig;
    const { running, waiting, submitted } = counters;
    expect(vi.getTimerCount()).toBe(0);
    expect({ running, waiting, submitted }).toEqual({ running: 0, waiting: 0, submitted: 0 });
    const indexes = this.#shown.map(({ index }) => index);
    expect(new Set(indexes).size, 'a task has two outcomes').toBe(indexes.length);
    const settled = this.#recording.log.filter((line) => /^(?:succeeded|failed) /.test(line));
    expect(new Set(settled.map((line) => line.replace(/^\w+ /, ''))).size).toBe(settled.length);
    if (!stop.isStopping && source.error === undefined) {
      const own = this.#items.filter(({ kind }) => kind !== 'elsewhere');
      expect(indexes.sort((a, b) => a - b)).toEqual(own.map(({ id }) => id));
    }
    const given = outcomes.map(({ index }) => index);
    if (this.#lost === 0) expect(given.length).toBe(this.#shown.length);
    if (this.#scenario.order === 'input') expect(given).toEqual([...given].sort((a, b) => a - b));
  }
}

function memoryless(kind: Kind): Kind {
  return kind === 'unusable' || kind === 'bad key' ? kind : 'plain';
}

function pick<T>(all: readonly T[], which: number): T | undefined {
  return all[which % Math.max(all.length, 1)];
}

/** What becomes of the first task that is left, if the chunk ends in this way. */
function leftoverOf(does: Action['does'], hand: HandChunk): ((position: number) => Leftover) | undefined {
  const { isStopped, abortReason } = hand;
  switch (does) {
    case 'suspect':
      return (position) => ({ position, kind: 'suspect' });
    case 'unexplained':
      return (position) => ({ position, kind: 'unexplained', error: exit(), workerId: 1 });
    case 'timed out':
      return (position) => ({ position, kind: 'failed', error: exit(), startedAt: 1, workerId: 1 });
    case 'aborted':
      return isStopped && abortReason !== undefined
        ? (position) => ({ position, kind: 'aborted' })
        : undefined;
    default:
      return undefined;
  }
}

function exit(): HeddleError {
  return new HeddleError('HEDDLE_WORKER_EXIT', 'the thread ended');
}

it('each task ends exactly once, whenever the run stops, and the counters are right at every moment', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (plan: Scenario) => {
      vi.clearAllTimers();
      await new Play(plan).run();
    }),
    { numRuns: Number(process.env['RUNS'] ?? 300) },
  );
});
