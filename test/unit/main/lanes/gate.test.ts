/** The gate: who starts when, who holds which locks, and what is left when the run ends. */

import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Chunk } from '../../../../src/main/executor/chunk.js';
import { Gate, type GateHost } from '../../../../src/main/lanes/gate.js';
import type { Lane } from '../../../../src/main/lanes/lane.js';
import { LockTable } from '../../../../src/main/lanes/lock-table.js';
import { chunk } from '../../../support/run-rig.js';
import { answer, failedAttempt, laneOf } from './lane-rig.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** What a task of the rig is about: its lane, and the keys that it locks. */
interface Needs {
  readonly lane?: Lane;
  readonly locks?: readonly string[];
}

class Rig {
  readonly gate: Gate;
  ready = 0;
  locksAsked = 0;
  readonly events: string[] = [];
  readonly starts: string[] = [];
  readonly #needs = new Map<number, Needs>();

  constructor(table = new LockTable(), changes: Partial<GateHost> = {}) {
    const host: GateHost = {
      laneOf: (_, index) => this.#needs.get(index)?.lane,
      locksOf: (_, index) => {
        this.locksAsked++;
        return (this.#needs.get(index)?.locks ?? []).map((key) => ({ key, isShared: false }));
      },
      isMixed: true,
      onReady: () => {
        this.ready++;
      },
      onEvent: ({ type }, lane) => this.events.push(`${lane} ${type}`),
      onStart: (lane, { account }) => this.starts.push(`${lane.name} ${account.name}`),
      ...changes,
    };
    this.gate = new Gate(host, table);
  }

  offer(index: number, needs: Needs = {}, changes: Partial<Chunk> = {}): void {
    this.#needs.set(index, needs);
    this.gate.offer(chunk(index, changes));
  }

  /** Starts the next task, which must be able to start. */
  start(): Chunk {
    const taken = this.gate.take();
    if (taken?.kind !== 'granted') throw new Error(`not granted: ${taken?.kind}`);
    return taken.chunk;
  }

  /** Starts all tasks that can start, and returns their indexes. */
  startAll(): number[] {
    const started: number[] = [];
    for (;;) {
      const taken = this.gate.take();
      if (taken?.kind !== 'granted') return started;
      started.push(taken.chunk.first);
    }
  }

  fail(task: Chunk, error: Error): ReturnType<Gate['failed']> {
    const decision = this.gate.failed(task, failedAttempt(error));
    this.gate.over(task);
    return decision;
  }
}

const poll = (handle: string, account?: string): Partial<Chunk> => ({ job: { handle, account } });

describe('tasks without a lane', () => {
  it('start in the order in which they came', () => {
    const rig = new Rig();
    for (const index of [3, 1, 2]) rig.offer(index);

    expect(rig.gate.waiting).toBe(3);
    expect(rig.startAll()).toEqual([3, 1, 2]);
    expect(rig.gate.waiting).toBe(0);
  });

  it('a failure is decided by the policy of the run', () => {
    const rig = new Rig();
    rig.offer(1);
    const task = rig.start();

    expect(rig.gate.failed(task, failedAttempt(answer(429)))).toEqual({ kind: 'failed' });
  });
});

describe('lines take turns', () => {
  it('one task of each', () => {
    const [a, b] = [laneOf({}, 'a'), laneOf({}, 'b')];
    const rig = new Rig();
    for (const index of [1, 2, 3]) rig.offer(index, { lane: a });
    for (const index of [11, 12]) rig.offer(index, { lane: b });

    expect(rig.startAll()).toEqual([1, 11, 2, 12, 3]);
    expect(rig.starts).toHaveLength(5);
  });

  it('a lane that is full delays no other', () => {
    const [a, b] = [laneOf({ concurrency: 1 }, 'a'), laneOf({}, 'b')];
    const rig = new Rig();
    for (const index of [1, 2, 3]) rig.offer(index, { lane: a });
    for (const index of [11, 12]) rig.offer(index, { lane: b });
    const first = rig.start();

    expect(rig.startAll()).toEqual([11, 12]);
    rig.gate.over(first);
    expect(rig.ready).toBe(1);
    expect(rig.startAll()).toEqual([2]);
  });

  it('tasks that run again go first, at every second turn', () => {
    const lane = laneOf({});
    const rig = new Rig();
    for (const index of [1, 2, 3]) rig.offer(index, { lane });
    for (const index of [11, 12]) rig.offer(index, { lane }, { attempt: 2 });
    rig.offer(13, { lane }, { refunds: 1 });

    expect(rig.startAll()).toEqual([11, 1, 12, 2, 13, 3]);
  });

  it('a provider in trouble is tried with a fresh task', () => {
    const lane = laneOf({ breaker: { inARow: 1, openMs: 10 } });
    const rig = new Rig();
    rig.offer(1, { lane });
    rig.fail(rig.start(), answer(500));
    rig.offer(11, { lane }, { attempt: 2 });
    rig.offer(2, { lane });
    vi.advanceTimersByTime(20);

    expect(rig.start().first).toBe(2);
  });

  it('reading on may help as long as tasks differ, or when none waits', () => {
    const [mixed, same] = [new Rig(), new Rig(new LockTable(), { isMixed: false })];
    expect(same.gate.wantsMore).toBe(true);
    for (const rig of [mixed, same]) rig.offer(1);

    expect(mixed.gate.wantsMore).toBe(true);
    expect(same.gate.wantsMore).toBe(false);
  });

  it('a long line keeps its order', () => {
    const rig = new Rig();
    for (let index = 0; index < 5000; index++) rig.offer(index);

    expect(rig.startAll()).toEqual(Array.from({ length: 5000 }, (_, index) => index));
  });
});

describe('locks', () => {
  it('tasks in conflict do not overlap', () => {
    const rig = new Rig();
    rig.offer(1, { locks: ['x', 'y'] });
    rig.offer(2, { locks: ['y'] });
    rig.offer(3, { locks: ['z'] });
    const first = rig.start();

    expect(rig.startAll()).toEqual([3]);
    rig.gate.over(first);
    expect(rig.ready).toBe(1);
    expect(rig.startAll()).toEqual([2]);
  });

  it('a job keeps those of its task between two polls, and asks for none', () => {
    const rig = new Rig();
    rig.offer(1, { locks: ['x'] });
    rig.offer(2, { locks: ['x'] });
    for (const handle of ['j', 'j']) {
      const task = rig.start();
      rig.gate.keepLocks(task);
      rig.gate.over(task);
      rig.offer(1, { locks: ['x'] }, poll(handle));
    }
    const last = rig.start();
    expect(last.first).toBe(1);
    expect(rig.startAll()).toEqual([]);

    rig.gate.over(last);

    expect(rig.startAll()).toEqual([2]);
    expect(rig.locksAsked).toBe(2);
  });

  it('that cannot be named: the task is not taken in', () => {
    const table = new LockTable();
    const locksOf = () => {
      throw new Error('of the caller');
    };
    const rig = new Rig(table, { locksOf });

    expect(() => rig.offer(1)).toThrow('of the caller');
    expect(rig.gate.waiting).toBe(0);
    expect(rig.gate.cancel()).toEqual([]);
  });
});

describe('a lane that is closed for long', () => {
  const pause = { 'retry-after': '5' };

  it('its tasks give their locks back and ask again, in their order', () => {
    const lane = laneOf({});
    const rig = new Rig();
    rig.offer(0, { lane });
    const refused = rig.start();
    rig.offer(1, { lane, locks: ['x'] });
    rig.offer(2, { lane, locks: ['y'] });
    rig.offer(3, { locks: ['x', 'y'] });
    rig.fail(refused, answer(429, pause));

    // Task 1 is held, so both give their locks back, and task 3 gets them.
    expect(rig.startAll()).toEqual([3]);
    rig.offer(4, { lane });
    vi.advanceTimersByTime(6000);
    // Task 4 came while the others were parked, and waits behind them. Task 3 is not over yet.
    expect(rig.startAll()).toEqual([4]);

    expect(rig.gate.waiting).toBe(2);
    expect(rig.gate.cancel().map(({ first }) => first)).toEqual([1, 2]);
  });

  it('for less than a second: they keep them', () => {
    const lane = laneOf({});
    const rig = new Rig();
    rig.offer(0, { lane });
    const refused = rig.start();
    rig.offer(1, { lane, locks: ['x'] });
    rig.offer(2, { locks: ['x'] });
    rig.fail(refused, answer(429, { 'retry-after-ms': '500' }));

    expect(rig.startAll()).toEqual([]);
    vi.advanceTimersByTime(600);
    expect(rig.startAll()).toEqual([1]);
  });

  it('a job keeps its locks', () => {
    const lane = laneOf({});
    const rig = new Rig();
    rig.offer(0, { lane });
    rig.offer(1, { lane, locks: ['x'] });
    const [refused, submitted] = [rig.start(), rig.start()];
    rig.gate.keepLocks(submitted);
    rig.gate.over(submitted);
    rig.offer(1, { lane, locks: ['x'] }, poll('j'));
    rig.offer(2, { locks: ['x'] });
    rig.fail(refused, answer(429, pause));

    expect(rig.startAll()).toEqual([]);
    vi.advanceTimersByTime(6000);
    expect(rig.startAll()).toEqual([1]);
  });

  it('with onOpen fail, tasks fail and polls wait', () => {
    const lane = laneOf({ breaker: { inARow: 1, onOpen: 'fail' } });
    const rig = new Rig();
    rig.offer(0, { lane });
    rig.fail(rig.start(), answer(500));
    rig.offer(1, { lane, locks: ['x'] });
    rig.offer(2, { lane }, poll('j'));

    expect(rig.gate.take()).toMatchObject({
      kind: 'refused',
      status: 'failed',
      chunk: { first: 1 },
      error: { code: 'HEDDLE_LANE_OPEN', message: expect.stringContaining('(last error: status 500)') },
    });
    expect(rig.gate.take()).toBeUndefined();
    expect(rig.gate.waiting).toBe(1);
    rig.offer(3, { locks: ['x'] });
    expect(rig.startAll()).toEqual([3]);
  });
});

describe('polls', () => {
  it('wait in a line of their account, whatever the tasks wait for', () => {
    const lane = laneOf({ accounts: { a: { concurrency: 1 }, b: { concurrency: 1 } } });
    const rig = new Rig();
    for (const index of [1, 2, 3]) rig.offer(index, { lane });
    expect(rig.startAll()).toEqual([1, 2]);
    rig.offer(4, { lane }, poll('j', 'a'));

    expect(rig.start()).toMatchObject({ first: 4, account: 'a' });
    expect(rig.startAll()).toEqual([]);
  });

  it('of an account that cannot be used are left to a later run', () => {
    const rig = new Rig();
    rig.offer(1, { lane: laneOf({ accounts: { a: {} } }) }, poll('j', 'gone'));

    expect(rig.gate.take()).toMatchObject({
      kind: 'refused',
      status: 'aborted',
      error: { code: 'HEDDLE_LANE_OPEN' },
    });
    expect(rig.gate.waiting).toBe(0);
  });
});

describe('the timer', () => {
  it('asks for a fill when the first lane may open', () => {
    const lane = laneOf({ rate: { limit: 1, perMs: 1000, guardMs: 0 } });
    const rig = new Rig();
    rig.offer(1, { lane });
    rig.offer(2, { lane });
    expect(rig.startAll()).toEqual([1]);

    vi.advanceTimersByTime(999);
    expect(rig.ready).toBe(0);
    vi.advanceTimersByTime(100);
    expect(rig.ready).toBe(1);
    expect(rig.startAll()).toEqual([2]);
  });

  it('is gone when the gate is closed, and so are the subscriptions', () => {
    const lane = laneOf({ concurrency: 1, rate: { limit: 1, perMs: 1000 } });
    const rig = new Rig();
    rig.offer(1, { lane });
    rig.offer(2, { lane });
    const task = rig.start();
    rig.gate.take();

    rig.gate.close();
    vi.advanceTimersByTime(10_000);
    rig.gate.over(task);

    expect(vi.getTimerCount()).toBe(0);
    expect(rig.ready).toBe(0);
  });
});

describe('two runs share a lane', () => {
  it('functions of the caller see the context of the run of their task', () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: string[] = [];
    const note = (what: string) => seen.push(`${what} ${storage.getStore()}`);
    const estimate = (input: number) => note(`estimate ${input}`);
    const lane = laneOf({
      concurrency: 1,
      budgets: [{ unit: 'tokens', limit: 1000, burst: 1000, estimate }],
      classify: ({ message }, usual) => {
        note(message);
        return usual;
      },
    });
    const rigs = ['a', 'b'].map((name) =>
      storage.run(name, () => new Rig(new LockTable(), { inContext: AsyncLocalStorage.snapshot() })),
    );
    const [a, b] = rigs as [Rig, Rig];

    storage.run('a', () => a.offer(1, { lane }));
    storage.run('b', () => b.offer(2, { lane }));
    const first = storage.run('b', () => a.start());
    storage.run('b', () => a.fail(first, answer(400)));
    const second = storage.run('a', () => b.start());
    storage.run('a', () => b.fail(second, answer(404)));

    expect(seen).toEqual(['estimate 1 a', 'status 400 a', 'estimate 2 b', 'status 404 b']);
  });
});

describe('stuck', () => {
  const breaker = { inARow: 1, openMs: 1000, giveUpMs: 5000 };

  it('not while a task runs, or when none waits', () => {
    const lane = laneOf({ breaker });
    const rig = new Rig();
    expect(rig.gate.stuck).toBeUndefined();
    rig.offer(1, { lane });
    rig.offer(2, { lane });
    rig.start();

    expect(rig.gate.stuck).toBeUndefined();
  });

  it('when the provider has been in trouble for long enough; asked for again at that time', () => {
    const lane = laneOf({ breaker });
    const rig = new Rig();
    rig.offer(1, { lane });
    rig.offer(2, { lane });
    rig.fail(rig.start(), answer(500));

    expect(rig.gate.stuck).toBeUndefined();
    const before = rig.ready;
    vi.advanceTimersByTime(5000);
    expect(rig.ready).toBe(before + 1);

    expect(rig.gate.stuck).toMatchObject({
      code: 'HEDDLE_LANE_OPEN',
      message: expect.stringContaining('The lane api is closed: its provider has been in trouble for 5.0 s'),
    });
  });

  it('not while another line may go on', () => {
    const [dead, alive] = [
      laneOf({ breaker }, 'dead'),
      laneOf({ rate: { limit: 1, perMs: 60_000 } }, 'alive'),
    ];
    const rig = new Rig();
    for (const lane of [dead, dead, alive, alive]) rig.offer(rig.gate.waiting, { lane });
    rig.fail(rig.start(), answer(500));
    rig.gate.over(rig.start());
    vi.advanceTimersByTime(10_000);

    expect(rig.gate.stuck).toBeUndefined();
  });
});

describe('cancel', () => {
  it('gives back all that waits, wherever it waits', () => {
    const lane = laneOf({});
    const rig = new Rig();
    rig.offer(0, { lane });
    const refused = rig.start();
    rig.offer(1, { lane, locks: ['x'] });
    rig.fail(refused, answer(429, { 'retry-after': '5' }));
    // Parks task 1.
    rig.gate.take();
    rig.offer(2, { lane });
    rig.offer(3, { locks: ['y'] });
    rig.offer(4, { locks: ['y'] });

    const indexes = rig.gate.cancel().map(({ first }) => first);

    expect(indexes.sort()).toEqual([1, 2, 3, 4]);
    expect(rig.gate.waiting).toBe(0);
    expect(rig.gate.cancel()).toEqual([]);
    expect(rig.startAll()).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('the locks go to another run, not to a cancelled task', () => {
    const table = new LockTable();
    const [mine, other] = [new Rig(table), new Rig(table)];
    mine.offer(1, { locks: ['x', 'y'] });
    // In the line of its own lane, waiting for task 1; the next one waits for both.
    mine.offer(2, { locks: ['y', 'z'], lane: laneOf({}, 'a') });
    mine.offer(3, { locks: ['z'], lane: laneOf({}, 'b') });
    other.offer(9, { locks: ['x', 'y', 'z'] });

    expect(
      mine.gate
        .cancel()
        .map(({ first }) => first)
        .sort(),
    ).toEqual([1, 2, 3]);

    expect(other.startAll()).toEqual([9]);
    expect(mine.startAll()).toEqual([]);
  });

  it('releases the locks of jobs, and leaves those of running tasks', () => {
    const table = new LockTable();
    const rig = new Rig(table);
    rig.offer(1, { locks: ['x'] });
    rig.offer(2, { locks: ['y'] });
    const [job, running] = [rig.start(), rig.start()];
    rig.gate.keepLocks(job);
    rig.gate.over(job);

    rig.gate.cancel();
    expect(table.size).toBe(1);
    rig.gate.over(running);
    rig.gate.over(running);

    expect(table.size).toBe(0);
  });
});

describe('statistics', () => {
  it('count starts, retries, refunds, pauses and openings of each lane', () => {
    const lane = laneOf({ breaker: { inARow: 2 }, accounts: { a: {} } });
    const rig = new Rig();
    for (const index of [1, 2, 3]) rig.offer(index, { lane });
    rig.offer(4, { lane }, poll('j', 'a'));
    const tasks = [rig.start(), rig.start(), rig.start(), rig.start()] as [Chunk, Chunk, Chunk, Chunk];
    const decisions = [500, 500, 429, 400].map((status, i) => rig.fail(tasks[i] as Chunk, answer(status)));

    expect(decisions.map(({ kind }) => kind)).toEqual(['again', 'again', 'again', 'failed']);
    const [line] = rig.gate.lines;
    const all = [line?.statistics, ...(line?.others ?? [])];
    expect(line).toMatchObject({ lane, statistics: { pauses: 1, opened: 1 } });
    expect(all.map((each) => each?.starts)).toEqual([3, 1]);
    const sum = (name: 'retries' | 'refunds') => all.reduce((total, each) => total + (each?.[name] ?? 0), 0);
    expect([sum('retries'), sum('refunds')]).toEqual([1, 2]);
    expect(rig.events).toEqual(['api lane-breaker', 'api lane-paused']);
  });

  it('measure for how long tasks were held, and by what', () => {
    const lane = laneOf({ rate: { limit: 1, perMs: 1000, guardMs: 0 } });
    const rig = new Rig();
    rig.offer(1, { lane });
    rig.offer(2, { lane });
    rig.offer(3, { locks: ['x'] });
    rig.offer(4, { locks: ['x'] });
    expect(rig.startAll()).toEqual([1, 3]);
    vi.advanceTimersByTime(400);
    rig.gate.close();

    const [rate, locks] = rig.gate.lines;
    expect(rate?.statistics.heldMs('rate')).toBe(400);
    expect(rate?.statistics.longest).toEqual({ text: '1 calls/s', ms: 400 });
    expect(locks?.statistics.heldMs('locks')).toBe(400);
  });
});
