/** Settling: from the end of an attempt to an outcome, or to the next attempt. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Chunk } from '../../../../src/main/executor/chunk.js';
import type { RunEvent } from '../../../../src/main/figures/events.js';
import { hashOf } from '../../../../src/main/run/recording.js';
import { asked } from '../../../../src/main/run/stop.js';
import { NEVER_BEGAN, type Outcome } from '../../../../src/protocol/outcome.js';
import { transfer } from '../../../../src/protocol/transfer.js';
import {
  type AttemptEnd,
  cacheOf,
  chunk,
  HandRecording,
  memoryWith,
  type RigSetup,
  RunRig,
  settledMessage,
} from '../../../support/run-rig.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const value = (of: unknown): AttemptEnd => ({ value: of });
const error = (message = 'failed'): AttemptEnd => ({ error: new Error(message) });
const JOB = { handle: '7', account: undefined };
const submitted: AttemptEnd = { job: JOB, pollMs: 100 };
const stopped = asked(new Error('stopped'));
const RETRY = { retry: { attempts: 3, backoffMs: 100, jitter: 'none' } } as const;

/** Three tasks on one chunk, in flight. */
const three = (changes: Partial<Chunk> = {}): Chunk =>
  chunk(0, { inputs: ['a', 'b', 'c'], keys: ['a', 'b', 'c'], ...changes });
const one = (changes: Partial<Chunk> = {}): Chunk => chunk(0, { inputs: ['a'], keys: ['a'], ...changes });

/** Reports the ends of the attempts of a chunk that is in flight. */
function settle(rig: RunRig, tasks: Chunk, ...ends: AttemptEnd[]): void {
  rig.counters.running = tasks.inputs.length;
  rig.settler.onSettled(tasks, settledMessage(0, ends), 1);
}

function recorded(setup: RigSetup = {}): { rig: RunRig; recording: HandRecording } {
  const recording = new HandRecording();
  return { rig: new RunRig({ memory: memoryWith(recording), ...setup }), recording };
}

describe('attempts that ended', () => {
  it('give outcomes side by side, in their order', () => {
    const { rig, recording } = recorded();
    settle(rig, three(), value(1), error(), value(3));

    expect(rig.outcomes).toMatchObject([
      { index: 0, key: 'a', status: 'succeeded', value: 1, attempts: 1, workerId: 1 },
      { index: 1, key: 'b', status: 'failed', error: { message: 'failed' }, attempts: 1, workerId: 1 },
      { index: 2, key: 'c', status: 'succeeded', value: 3 },
    ]);
    expect(recording.log).toEqual(['succeeded a', 'failed b', 'succeeded c']);
    expect(rig.counters).toMatchObject({ running: 0, succeeded: 2, failed: 1 });
    expect(rig.counters.durations.count).toBe(3);
    expect(rig.counters.workers.get(1)).toMatchObject({ attempts: 3 });
  });

  it('of tasks with gaps between them have their own indexes', () => {
    const rig = new RunRig({ options: { order: 'completion' } });
    settle(rig, three({ first: 2, indexes: [2, 3, 7] }), value(1), value(2), value(3));

    expect(rig.statuses).toEqual(['2 succeeded', '3 succeeded', '7 succeeded']);
  });

  it('by an abort are aborted, not recorded, and no failure', () => {
    const { rig, recording } = recorded({ options: { maxFailures: 0 } });
    settle(rig, one(), { error: new Error('stopped'), aborted: true });

    expect(rig.outcomes).toMatchObject([{ status: 'aborted', attempts: 1 }]);
    expect(recording.log).toEqual([]);
    expect(rig.stop.isStopping).toBe(false);
  });

  it('with a value that is to be cached are put into the cache', () => {
    const cache = cacheOf(new Map());
    const rig = new RunRig({ memory: memoryWith(new HandRecording(), { cache }) });
    const hashes = [hashOf('a'), '', hashOf('c')];
    rig.counters.running = 3;
    rig.settler.onSettled(three({ hashes }), settledMessage(0, [value(1), value(2), error()], true), 1);

    expect([cache.get(hashOf('a')), cache.get(''), cache.get(hashOf('c'))]).toEqual([
      { content: '1' },
      undefined,
      undefined,
    ]);
    expect(rig.outcomes).toMatchObject([{ value: 1 }, { value: 2 }, { status: 'failed' }]);
  });
});

describe('a failed attempt', () => {
  it('is repeated after its delay, as long as there are attempts', () => {
    const rig = new RunRig({ options: RETRY });
    settle(rig, one(), error());
    expect(rig.counters).toMatchObject({ running: 0, waiting: 1, retries: 1, failed: 0 });
    vi.advanceTimersByTime(100);
    expect(rig.repeats.next(() => 1, false)).toMatchObject({ first: 0, attempt: 2, interrupted: false });
    settle(rig, one({ attempt: 3 }), error('last'));

    expect(rig.outcomes).toMatchObject([{ status: 'failed', attempts: 3, error: { message: 'last' } }]);
  });

  it('while the run stops is left to a later run, and no failure', () => {
    const { rig, recording } = recorded({ options: RETRY });
    rig.stop.abort(stopped);
    settle(rig, one(), error());

    expect(rig.outcomes).toMatchObject([{ status: 'aborted', attempts: 1, error: { message: 'failed' } }]);
    expect([rig.repeats.isEmpty, recording.log]).toEqual([true, []]);
  });

  it('of an input that was moved is not repeated', () => {
    const rig = new RunRig({ options: RETRY });
    const buffer = new ArrayBuffer(8);
    settle(rig, one({ inputs: [transfer(buffer, [buffer])] }), error());

    expect(rig.statuses).toEqual(['0 failed']);
  });

  it('takes its mark back, since it was not cut off', () => {
    const traits = { execution: 'at-least-once', adopts: true, polls: false } as const;
    const { rig, recording } = recorded({ options: RETRY, traits });
    settle(rig, one(), error());
    rig.settler.fail(one(), 0, new Error('timed out'), NEVER_BEGAN, true);

    expect(recording.log).toEqual(['take back a']);
  });

  it('that was cut off says so to its next attempt', () => {
    const rig = new RunRig({ options: RETRY });
    rig.settler.fail(one(), 0, new Error('timed out'), NEVER_BEGAN, true);
    vi.advanceTimersByTime(100);

    expect(rig.repeats.next(() => 1, false)).toMatchObject({
      interrupted: true,
      isolated: false,
      troubles: 0,
    });
  });

  it('one too many ends the run, once', () => {
    const rig = new RunRig({ options: { failFast: true } });
    settle(rig, three(), error('first'), error('second'), value(3));

    expect(rig.stop.state).toMatchObject({
      kind: 'aborting',
      cause: { kind: 'failures', error: { code: 'HEDDLE_TOO_MANY_FAILURES' } },
    });
    expect(rig.stop.fatal).toBeUndefined();
    expect(rig.counters).toMatchObject({ failed: 2, succeeded: 1 });
  });

  it('with a retryIf that throws makes the run reject, and leaves the task', () => {
    const broken = new Error('broken');
    const retryIf = () => {
      throw broken;
    };
    const rig = new RunRig({ options: { retry: { ...RETRY.retry, retryIf } } });
    settle(rig, three(), error(), value(2), value(3));

    expect(rig.stop.fatal).toBeDefined();
    expect(rig.statuses).toEqual(['0 aborted', '1 succeeded', '2 succeeded']);
  });
});

describe('a submitted job', () => {
  it('is asked about after its time, once its handle is kept', async () => {
    const { rig, recording } = recorded();
    recording.isSlow = true;
    settle(rig, one(), submitted);
    expect([rig.settler.isRecording, rig.counters.submitted]).toEqual([true, 0]);
    for (const write of recording.writes) write.resolve();
    await rig.turn();
    expect([rig.settler.isRecording, rig.counters.submitted]).toEqual([false, 1]);
    vi.advanceTimersByTime(100);

    expect(rig.repeats.next(() => 1, false)).toMatchObject({ job: JOB, attempt: 1 });
    expect(recording.log).toEqual(['submit a 7']);
  });

  it('with the handle that is known needs no record', () => {
    const { rig, recording } = recorded();
    settle(rig, one({ job: JOB, attempt: 2 }), submitted);

    expect(recording.log).toEqual([]);
    expect(rig.counters.submitted).toBe(1);
  });

  it('is left to a later run if this one stops meanwhile', async () => {
    const { rig, recording } = recorded();
    recording.isSlow = true;
    settle(rig, one(), submitted);
    rig.stop.abort(stopped);
    for (const write of recording.writes) write.resolve();
    await rig.turn();

    expect(rig.outcomes).toMatchObject([{ status: 'aborted', attempts: 1, error: stopped.error }]);
    expect(rig.repeats.isEmpty).toBe(true);
  });
});

describe('a task that is left', () => {
  it.each([
    ['never began', {}, 'skipped', 0],
    ['waits for its second attempt', { attempt: 2 }, 'aborted', 1],
    ['had an attempt that did not count', { refunds: 1 }, 'aborted', 0],
    ['may have ended a thread', { isolated: true }, 'aborted', 0],
    ['waits for a job', { job: JOB }, 'aborted', 1],
  ])('and %s', (_, changes, status, attempts) => {
    const rig = new RunRig();
    rig.stop.abort(stopped);
    rig.settler.leave(one(changes));

    expect(rig.outcomes).toMatchObject([{ status, attempts, error: stopped.error }]);
  });
});

describe('recording', () => {
  it('comes before anything is shown', async () => {
    const shown: number[] = [];
    const { rig, recording } = recorded({ options: { onOutcome: ({ index }) => shown.push(index) } });
    recording.isSlow = true;
    settle(rig, three(), value(1), value(2), value(3));
    expect([shown, rig.counters.succeeded, rig.settler.isRecording]).toEqual([[], 0, true]);
    for (const write of recording.writes) write.resolve();
    await rig.turn();

    expect([shown, rig.counters.succeeded, rig.settler.isRecording]).toEqual([[0, 1, 2], 3, false]);
  });

  it('that fails makes the run reject, and shows nothing', async () => {
    const { rig, recording } = recorded();
    recording.isSlow = true;
    const full = new Error('the disk is full');
    settle(rig, one(), value(1));
    for (const write of recording.writes) write.reject(full);
    await rig.turn();

    expect(rig.stop.fatal).toEqual({ error: full });
    expect([rig.outcomes, rig.settler.isRecording]).toEqual([[], false]);
  });

  it('that throws makes the run reject', () => {
    const recording = Object.assign(new HandRecording(), {
      record: () => {
        throw new Error('closed');
      },
    });
    const rig = new RunRig({ memory: memoryWith(recording) });
    settle(rig, one(), value(1));

    expect(rig.stop.fatal?.error).toMatchObject({ message: 'closed' });
  });

  it('ends a run with too many failures before it has answered', () => {
    const { rig, recording } = recorded({ options: { failFast: true } });
    recording.isSlow = true;
    settle(rig, one(), error());

    expect([rig.stop.isStopping, rig.outcomes]).toEqual([true, []]);
  });
});

describe('the callback for outcomes', () => {
  const throwing = (answer: () => unknown) => new RunRig({ options: { onOutcome: answer as () => void } });

  it('that throws makes the run reject; the outcome is given out', () => {
    const rig = throwing(() => {
      throw new Error('mine');
    });
    settle(rig, one(), value(1));

    expect(rig.stop.fatal?.error).toMatchObject({ message: 'mine' });
    expect(rig.statuses).toEqual(['0 succeeded']);
  });

  it('sees the counters of its own outcome', () => {
    const seen: unknown[] = [];
    const rig = new RunRig({
      options: { onOutcome: ({ index }: Outcome) => seen.push([index, rig.counters.succeeded]) },
    });
    settle(rig, one(), value(1));

    expect(seen).toEqual([[0, 1]]);
  });
});

describe('events', () => {
  async function eventsOf(rig: RunRig, act: () => void): Promise<RunEvent[]> {
    const reader = rig.events.read();
    act();
    rig.events.end();
    const all: RunEvent[] = [];
    for await (const event of reader) all.push(event);
    return all;
  }

  it('report retries and failures with the names of their tasks', async () => {
    const rig = new RunRig({ options: RETRY });
    const events = await eventsOf(rig, () => {
      settle(rig, one(), error());
      settle(rig, one({ attempt: 3 }), error());
    });

    expect(events).toMatchObject([
      { type: 'task-retry', index: 0, key: 'a', attempt: 1, delayMs: 100 },
      { type: 'task-failed', index: 0, key: 'a', attempts: 3 },
    ]);
  });

  it('pass on what tasks report', async () => {
    const rig = new RunRig();
    const events = await eventsOf(rig, () => {
      rig.settler.onProgress(three(), 1, 0.5, 'half');
      rig.settler.onLog(three(), 2, 'warn', 'slow', { ms: 9 });
    });

    expect(events).toMatchObject([
      { type: 'task-progress', index: 1, key: 'b', fraction: 0.5, note: 'half' },
      { type: 'task-log', index: 2, key: 'c', level: 'warn', message: 'slow', fields: { ms: 9 } },
    ]);
  });

  it('name a task without a key by the hash of its input', async () => {
    const rig = new RunRig();
    const events = await eventsOf(rig, () =>
      rig.settler.onProgress(chunk(4, { inputs: ['a'] }), 0, 1, undefined),
    );

    expect(events).toMatchObject([{ index: 4, key: hashOf('a') }]);
  });
});

it('a message that cannot be taken up makes the run reject, and throws nothing', () => {
  const rig = new RunRig();
  const message = { ...settledMessage(0, [error()]), others: [{ position: 0 }] } as never;

  expect(() => rig.settler.onSettled(one(), message, 1)).not.toThrow();
  expect(rig.stop.fatal).toBeDefined();
});
