/** Selection: which tasks a run executes, and what becomes of the others. */

import { describe, expect, it } from 'vitest';
import type { Chunk } from '../../../../src/main/executor/chunk.js';
import { hashOf } from '../../../../src/main/run/recording.js';
import { encodeValue } from '../../../../src/protocol/encoded-value.js';
import { nextTurn } from '../../../../src/protocol/turn.js';
import { unusableInput } from '../../../../src/protocol/unusable-input.js';
import type { SeenTask } from '../../../../src/session/session-writer.js';
import {
  cacheOf,
  HandRecording,
  indexesOf,
  memoryWith,
  type RigSetup,
  RunRig,
} from '../../../support/run-rig.js';

const bad = unusableInput(new Error('line 2 is not JSON'), { key: 'line 2' });
const byInput = (input: unknown) => String(input);
const JOB = { handle: '7', account: 'a' };

/** A rig whose recording knows these tasks, by key. */
function knowing(
  known: Record<string, Partial<SeenTask>>,
  setup: RigSetup = {},
): { rig: RunRig; recording: HandRecording } {
  const recording = new HandRecording();
  for (const [key, seen] of Object.entries(known)) recording.known.set(key, seen);
  const rig = new RunRig({
    memory: memoryWith(recording, { isResuming: true }),
    ...setup,
    options: { key: byInput, ...setup.options },
  });
  return { rig, recording };
}

/** What is taken, `max` at a time, until there is nothing: indexes of chunks. */
function takeAll({ selection }: RunRig, max = 10): (number[] | 'again')[] {
  const all: (number[] | 'again')[] = [];
  for (let taken = selection.take(max); taken !== undefined; taken = selection.take(max))
    all.push(taken === 'again' ? taken : indexesOf(taken));
  return all;
}

describe('without a memory', () => {
  it('all tasks are chosen, and nothing is looked up', () => {
    const rig = new RunRig({ inputs: ['a', 'b', 'c'] });
    expect(rig.selection.take(2)).toMatchObject({
      first: 0,
      indexes: undefined,
      inputs: ['a', 'b'],
      keys: undefined,
      hashes: undefined,
      attempt: 1,
    });
    expect([rig.selection.isDone, rig.counters.read, rig.selection.unread]).toEqual([false, 2, 1]);
    expect(takeAll(rig)).toEqual([[2]]);

    expect([rig.selection.isDone, rig.counters.read, rig.selection.unread]).toEqual([true, 3, 0]);
  });

  it('an input that cannot be used fails in its place, and the others are chosen', () => {
    const rig = new RunRig({ inputs: ['a', bad, 'b'] });

    expect(takeAll(rig)).toEqual([[0], 'again', [2]]);
    expect(rig.counters).toMatchObject({ read: 3, failed: 1 });
    expect(rig.selection.settled).toBe(1);
    expect(rig.failures.list()).toMatchObject([{ message: 'line 2 is not JSON', indexes: [1] }]);
  });

  it('an input that cannot be used is named by its place unless it has a key', async () => {
    const rig = new RunRig({
      inputs: [unusableInput(new Error('x')), bad],
      options: { order: 'completion' },
    });
    takeAll(rig);

    expect(rig.outcomes).toMatchObject([
      { index: 0, key: 'unkeyed-0', status: 'failed', attempts: 0 },
      { index: 1, key: 'line 2', status: 'failed', attempts: 0 },
    ]);
  });

  it('how many are left is unknown when the length is', () => {
    const rig = new RunRig({
      inputs: (function* () {
        yield 1;
      })(),
    });

    expect(rig.selection.unread).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('with a session', () => {
  it('tasks with an outcome are passed, in their order', () => {
    const { rig } = knowing(
      { b: { status: 'succeeded', slot: 1 }, c: { status: 'succeeded', slot: 2 } },
      { inputs: [...'abcd'] },
    );

    expect(takeAll(rig)).toEqual([[0, 3]]);
    expect(rig.counters).toMatchObject({ read: 4, succeeded: 2, resumed: 2 });
    expect(rig.selection.settled, 'they take no part in the window').toBe(0);
  });

  it('a row of outcomes is given out by index, whatever index they were recorded with', () => {
    const { rig } = knowing(
      { a: { status: 'succeeded', slot: 8 }, b: { status: 'succeeded', slot: 9 } },
      { inputs: [...'ab'] },
    );
    takeAll(rig);

    expect(rig.statuses).toEqual(['0 succeeded', '1 succeeded']);
  });

  it('failures of earlier runs are in the report, and end no run', () => {
    const { rig } = knowing(
      { a: { status: 'failed', slot: 1 }, b: { status: 'failed', slot: 2 } },
      { inputs: [...'ab'], options: { maxFailures: 0 } },
    );
    takeAll(rig);

    expect(rig.failures.list()).toMatchObject([{ count: 2, message: 'earlier' }]);
    expect(rig.stop.isStopping).toBe(false);
    expect(rig.counters).toMatchObject({ failed: 2, resumed: 2 });
  });

  it('failed tasks are chosen again if the run asks for it', () => {
    const { rig } = knowing(
      { a: { status: 'failed', slot: 1 }, b: { status: 'succeeded', slot: 2 } },
      { inputs: [...'ab'], options: { retryFailed: true } },
    );

    expect(takeAll(rig)).toEqual([[0]]);
  });

  it('keys and gaps travel with the tasks', () => {
    const { rig } = knowing({ b: { status: 'succeeded', slot: 1 } }, { inputs: [...'abc'] });

    expect(rig.selection.take(9)).toMatchObject({
      first: 0,
      indexes: [0, 2],
      inputs: ['a', 'c'],
      keys: ['a', 'c'],
    });
  });

  it('no more are chosen than asked for', () => {
    const { rig } = knowing({ b: { status: 'succeeded', slot: 1 } }, { inputs: [...'abcde'] });

    expect(takeAll(rig, 2)).toEqual([
      [0, 2],
      [3, 4],
    ]);
  });

  // With a memory, inputs that cannot be used are refused without end, up to LOOKS_PER_TURN.
  it.fails('what is refused counts as chosen, so that a batch of bad inputs keeps to the window', () => {
    const { rig } = knowing({}, { inputs: [bad, unusableInput(new Error('x')), 'a'] });
    expect(rig.selection.take(1)).toBe('again');

    expect(rig.selection.settled).toBe(1);
  });

  it('an input that cannot be hashed fails, and only that one', () => {
    const recording = new HandRecording();
    const rig = new RunRig({ inputs: ['a', () => {}, 'b'], memory: memoryWith(recording) });

    expect(takeAll(rig)).toEqual([[0, 2]]);
    expect(rig.failures.list()).toMatchObject([{ code: 'HEDDLE_INVALID_KEY', indexes: [1] }]);
    expect(recording.log).toEqual([]);
  });

  it('very many tasks that are done do not keep the event loop', async () => {
    const inputs = Array.from({ length: 5000 }, (_, i) => i);
    const recording = Object.assign(new HandRecording(), noneLeft);
    const memory = memoryWith(recording, { isResuming: true });
    const busy = new RunRig({ inputs, options: { key: byInput }, memory });
    expect(busy.selection.take(1)).toBeUndefined();
    expect([busy.counters.read, busy.selection.isDone]).toEqual([4096, false]);
    await nextTurn();
    expect(busy.selection.take(1)).toBeUndefined();

    expect([busy.counters.read, busy.selection.isDone]).toEqual([5000, true]);
  });
});

/** Every task has an outcome. */
const noneLeft = {
  see: (key: string): SeenTask => ({ key, slot: 1, status: 'succeeded', interrupted: false, job: undefined }),
};

describe('a task that was cut off', () => {
  const cutOff = { b: { interrupted: true } };

  it('is chosen like others when it may run again', () => {
    expect(takeAll(knowing(cutOff, { inputs: [...'abc'] }).rig)).toEqual([[0, 1, 2]]);
  });

  it('fails when it must not run twice, and that is recorded', () => {
    const traits = { execution: 'at-most-once', adopts: false, polls: false } as const;
    const { rig, recording } = knowing(cutOff, { inputs: [...'abc'], traits });

    expect(takeAll(rig)).toEqual([[0, 2]]);
    expect(rig.failures.list()).toMatchObject([{ code: 'HEDDLE_INTERRUPTED' }]);
    expect(recording.log).toEqual(['failed b']);
  });

  it('travels alone, marked, when its module can find out what became of it', () => {
    const traits = { execution: 'at-most-once', adopts: true, polls: false } as const;
    const { rig } = knowing(cutOff, { inputs: [...'abc'], traits });
    const taken = [rig.selection.take(9), rig.selection.take(9), rig.selection.take(9)] as Chunk[];

    expect(taken.map(indexesOf)).toEqual([[0], [1], [2]]);
    expect(taken.map(({ interrupted }) => interrupted)).toEqual([false, true, false]);
  });
});

describe('a task that waits for a job', () => {
  it('travels alone, with its job, and is not looked up in the cache', () => {
    const recording = new HandRecording();
    recording.known.set('b', { job: JOB, interrupted: true });
    const cache = cacheOf(new Map([[hashOf('b'), encodeValue('cached')]]));
    const rig = new RunRig({
      inputs: [...'ab'],
      options: { key: byInput },
      memory: memoryWith(recording, { cache }),
    });
    expect(indexesOf(rig.selection.take(9) as Chunk)).toEqual([0]);
    expect(rig.selection.isDone).toBe(false);

    expect(rig.selection.take(9)).toMatchObject({ first: 1, job: JOB, interrupted: false });
    expect(rig.selection.isDone).toBe(true);
  });
});

describe('with shards', () => {
  const shard = { isElsewhere: (key: string) => key === 'b' };

  it('tasks of other shards are passed, and hold no outcome up', () => {
    const rig = new RunRig({
      inputs: [...'abc'],
      options: { key: byInput },
      memory: memoryWith(new HandRecording(), { shard }),
    });
    const taken = rig.selection.take(9) as Chunk;
    expect(indexesOf(taken)).toEqual([0, 2]);
    expect(rig.counters.read).toBe(2);
    for (const position of [1, 0]) rig.settler.finish(taken, position, 'failed', new Error('x'), noTimes);

    expect(rig.statuses).toEqual(['0 failed', '2 failed']);
  });

  it('the share of a batch is an estimate until it was read', () => {
    const rig = new RunRig({
      inputs: [...'abcd'],
      options: { key: byInput, shard: { index: 1, count: 4 } },
      memory: memoryWith(new HandRecording(), { shard }),
    });
    rig.selection.take(1);
    expect(rig.counters).toMatchObject({ read: 1, total: 1 });
    takeAll(rig);

    expect(rig.counters).toMatchObject({ read: 3, total: 3 });
  });
});

const noTimes = { attempts: 0, startedAt: undefined, durationMs: 0, workerId: undefined };

describe('with a cache', () => {
  it('a value of an identical task is reused, and recorded', () => {
    const recording = new HandRecording();
    const cache = cacheOf(new Map([[hashOf('b'), encodeValue(42)]]));
    const rig = new RunRig({
      inputs: [...'abc'],
      options: { key: byInput },
      memory: memoryWith(recording, { cache }),
    });

    expect(rig.selection.take(9)).toMatchObject({ indexes: [0, 2], hashes: [hashOf('a'), hashOf('c')] });
    expect(rig.counters).toMatchObject({ reused: 1, succeeded: 1, resumed: 0 });
    expect(recording.log).toEqual(['succeeded b']);
    expect(rig.selection.settled).toBe(1);
  });

  it('an input that cannot be hashed is executed if it has a key', () => {
    const rig = new RunRig({
      inputs: [() => {}],
      options: { key: () => 'function' },
      memory: memoryWith(new HandRecording(), { cache: cacheOf(new Map()) }),
    });

    expect(rig.selection.take(9)).toMatchObject({ keys: ['function'], hashes: [''] });
  });
});

// The counter is set when `take` returns, and outcomes are given out within it.
it.fails.each([
  ['an input that cannot be used', {}, [bad]],
  ['a task with an outcome', { a: { status: 'succeeded', slot: 1 } as const }, ['a']],
])('%s is counted as read before its outcome is given out', (_, known, inputs) => {
  const reads: number[] = [];
  const { rig } = knowing(known, { inputs, options: { onOutcome: () => reads.push(rig.counters.read) } });
  takeAll(rig);

  expect(reads).toEqual([1]);
});
