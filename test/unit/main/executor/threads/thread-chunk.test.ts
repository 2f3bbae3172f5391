/** One chunk on a thread: what is left of it, how an attempt is ended, and which thread that costs. */

import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Chunk } from '../../../../../src/main/executor/chunk.js';
import type { ChunkEnd } from '../../../../../src/main/executor/executor.js';
import type { Channel, ThreadAnswer } from '../../../../../src/main/executor/threads/channel.js';
import { ThreadChunk, type ThreadChunkHost } from '../../../../../src/main/executor/threads/thread-chunk.js';
import type { ThreadPool } from '../../../../../src/main/executor/threads/thread-pool.js';
import { now, PHASES } from '../../../../../src/protocol/control-cell.js';
import { serializeError } from '../../../../../src/protocol/serialized-error.js';
import { transfer } from '../../../../../src/protocol/transfer.js';
import { type AttemptEnd, chunk, settledMessage } from '../../../../support/run-rig.js';

let clock = 0;

beforeEach(() => {
  clock = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => clock);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function pass(ms: number): void {
  for (let i = 0; i < ms; i++) {
    clock++;
    vi.advanceTimersByTime(1);
  }
}

const THREAD = 7;
const stopped = new Error('stopped');

/** One thread, and the chunks that were sent to it. */
class Rig {
  readonly log: string[] = [];
  readonly sent: ThreadChunk[] = [];
  readonly ends = new Map<ThreadChunk, ChunkEnd>();
  readonly #channel: Channel;
  readonly #pool: ThreadPool;
  readonly #host: ThreadChunkHost;

  constructor(limits: { timeoutMs?: number; graceMs?: number } = {}) {
    const { timeoutMs, graceMs = 50 } = limits;
    const log = this.log;
    const channel = { threadId: THREAD, isUp: true, send: ({ type }: { type: string }) => log.push(type) };
    Object.defineProperty(channel, 'inFlight', { get: () => this.sent.length });
    this.#channel = channel as unknown as Channel;
    const pool = {
      terminate: (id: number) => log.push(`terminate ${id} at ${clock}`),
      retire: (id: number) => log.push(`retire ${id}`),
    };
    this.#pool = pool as unknown as ThreadPool;
    this.#host = {
      timeoutMs,
      graceMs,
      onOver: (sent, end) => {
        this.ends.set(sent, end);
        sent.close();
      },
      onLost: (_, error) => log.push(`lost: ${(error as Error).message}`),
      onUnsent: () => log.push('unsent'),
      onServices: () => log.push('services'),
      neighboursOf: () => this.sent,
    };
  }

  send(changes: Partial<Chunk> = {}): ThreadChunk {
    const listener = {
      onSettled: (_: Chunk, { from, values }: { from: number; values: readonly unknown[] }) =>
        this.log.push(`settled ${from}+${values.length}`),
      onProgress: () => this.log.push('progress'),
      onLog: () => this.log.push('log'),
      onObserved: () => this.log.push('observed'),
    };
    const sent = new ThreadChunk(
      chunk(0, { inputs: ['a', 'b', 'c'], ...changes }),
      this.#pool,
      listener,
      this.#host,
    );
    this.sent.push(sent);
    sent.onSent(this.#channel);
    return sent;
  }
}

/** The thread begins a task. */
function begin({ cell }: ThreadChunk, position: number, phase: number = PHASES.synchronous): void {
  cell.pickUp(THREAD);
  cell.begin(position, now());
  cell.phase = phase;
}

function answer(sent: ThreadChunk, from: number, ends: AttemptEnd[], isLast = false): void {
  sent.cell.phase = PHASES.between;
  sent.onAnswer({ ...settledMessage(from, ends), id: sent.id, isLast });
}

const over = (id: number, changes: Partial<ThreadAnswer> = {}): ThreadAnswer =>
  ({ type: 'over', id, isStale: false, error: undefined, ...changes }) as ThreadAnswer;
const done: AttemptEnd = { value: 1 };

describe('answers', () => {
  it('that are the last end the chunk; what was not reported is left', () => {
    const rig = new Rig();
    const sent = rig.send();
    begin(sent, 0);
    answer(sent, 0, [done]);
    begin(sent, 1);
    answer(sent, 1, [done], true);

    expect(rig.log).toEqual(['settled 0+1', 'settled 1+1']);
    expect(rig.ends.get(sent)).toEqual({
      leftovers: [{ position: 2, kind: 'again', isHere: false, begun: false }],
    });
  });

  it('after the end are dropped', () => {
    const rig = new Rig();
    const sent = rig.send();
    begin(sent, 2);
    answer(sent, 0, [done, done, done], true);
    const before = [...rig.log];
    sent.onAnswer({ type: 'progress', id: sent.id, position: 0, fraction: 1, note: undefined });
    answer(sent, 0, [done]);

    expect(rig.log).toEqual(before);
  });

  it('of a thread with another version of the module retire it', () => {
    const rig = new Rig();
    const sent = rig.send();
    sent.onAnswer(over(sent.id, { isStale: true }));

    expect(rig.log).toEqual(['retire 7']);
    expect(rig.ends.get(sent)?.leftovers).toHaveLength(3);
  });

  it('that the tasks cannot be executed at all are fatal', () => {
    const rig = new Rig();
    const sent = rig.send();
    sent.onAnswer(over(sent.id, { error: serializeError(new TypeError('no default export')) }));

    expect(rig.ends.get(sent)).toMatchObject({ fatal: { name: 'TypeError', message: 'no default export' } });
  });
});

describe('taking tasks back', () => {
  it('leaves the task that runs, and what it was is not left over', () => {
    const rig = new Rig();
    const sent = rig.send();
    begin(sent, 0);
    expect(sent.recall()).toBe(1);
    expect(sent.cell.isStopped).toBe(true);
    expect(sent.leftovers.map(({ position }) => position)).toEqual([0]);
    answer(sent, 0, [done], true);

    expect(rig.ends.get(sent)).toEqual({ leftovers: [] });
    expect(sent.isReported).toBe(true);
  });

  it.each([
    ['of which nothing began', {}, 0, true],
    ['whose last task runs', {}, 3, false],
    ['in a thread of its own', { isolated: true }, 0, false],
  ])('is possible for a chunk %s: %s', (_, changes, begun, expected) => {
    const sent = new Rig().send(changes);
    if (begun > 0) begin(sent, begun - 1);

    expect(sent.isRecallable).toBe(expected);
  });

  it('is not possible for inputs that were moved', () => {
    const buffer = new ArrayBuffer(1);

    expect(new Rig().send({ inputs: [transfer(buffer, [buffer])] }).isRecallable).toBe(false);
  });

  it('a chunk waits when another one is on its thread', () => {
    const rig = new Rig();
    const first = rig.send();
    expect(first.isQueued).toBe(false);
    const second = rig.send();
    begin(first, 0);

    expect([first.isQueued, second.isQueued]).toEqual([false, true]);
  });
});

describe('a timeout', () => {
  it('ends the thread at once if the task does not listen', () => {
    const rig = new Rig({ timeoutMs: 100 });
    const sent = rig.send();
    begin(sent, 0);
    pass(101);

    expect(rig.log).toEqual(['abort', 'terminate 7 at 101']);
    expect(sent.killed).toMatchObject({ position: 0, kind: 'failed', error: { code: 'HEDDLE_TIMEOUT' } });
    expect(sent.cell.isTimedOut(0)).toBe(true);
  });

  it('gives a task that listens its grace time', () => {
    const rig = new Rig({ timeoutMs: 100, graceMs: 50 });
    const sent = rig.send();
    begin(sent, 0);
    sent.cell.listen(0);
    pass(149);
    expect(rig.log).toEqual(['abort']);
    pass(1);

    expect(rig.log).toEqual(['abort', 'terminate 7 at 150']);
  });

  it('ends nothing if the task ends within its grace time', () => {
    const rig = new Rig({ timeoutMs: 100, graceMs: 50 });
    const sent = rig.send();
    begin(sent, 0);
    sent.cell.listen(0);
    pass(120);
    answer(sent, 0, [done]);
    begin(sent, 1);
    pass(50);

    expect(rig.log).toEqual(['abort', 'settled 0+1']);
    expect(sent.killed).toBeUndefined();
  });

  it('does not count while another task blocks the thread', () => {
    const rig = new Rig({ timeoutMs: 100 });
    const waiting = rig.send();
    const blocking = rig.send();
    begin(waiting, 0, PHASES.awaiting);
    pass(50);
    begin(blocking, 0);
    pass(75);

    expect(rig.log).toEqual([]);
  });

  it('of a thread on which nothing begins ends it', () => {
    const rig = new Rig({ timeoutMs: 100 });
    rig.send();
    pass(200);

    expect(rig.log).toEqual(['terminate 7 at 200']);
  });
});

describe('an abort', () => {
  it('ends the thread of a task that does not listen', () => {
    const rig = new Rig();
    const sent = rig.send();
    begin(sent, 0);
    sent.abort(stopped, () => rig.log.push('stuck'));
    pass(1);

    expect(rig.log).toEqual(['abort', 'terminate 7 at 1']);
    expect(sent.killed).toEqual({ position: 0, kind: 'aborted' });
    expect(sent.cell.isAborted).toBe(true);
  });

  it('waits while another task of the thread listens', () => {
    const rig = new Rig({ graceMs: 50 });
    const [deaf, listening] = [rig.send(), rig.send()];
    begin(deaf, 0, PHASES.awaiting);
    begin(listening, 0, PHASES.awaiting);
    listening.cell.listen(0);
    for (const sent of rig.sent) sent.abort(stopped, () => {});
    pass(49);

    expect(rig.log).toEqual(['abort', 'abort']);
  });

  it('gives up a chunk that has not begun some time later', () => {
    const rig = new Rig();
    const sent = rig.send();
    sent.abort(stopped, () => rig.log.push('stuck'));
    pass(99);
    expect(rig.log).toEqual([]);
    pass(1);

    expect(rig.log).toEqual(['stuck']);
  });

  it('reaches a task that began at the same moment', () => {
    const rig = new Rig();
    const sent = rig.send();
    sent.abort(stopped, () => rig.log.push('stuck'));
    begin(sent, 0);
    pass(101);

    expect(rig.log).toEqual(['abort', 'terminate 7 at 101']);
  });
});

it('a task that ended before its thread did was not killed', () => {
  const rig = new Rig({ timeoutMs: 100 });
  const sent = rig.send();
  begin(sent, 0);
  pass(100);
  answer(sent, 0, [done]);

  expect(sent.killed).toBeUndefined();
});

it('a chunk that is over leaves no timer', () => {
  const rig = new Rig({ timeoutMs: 100 });
  const sent = rig.send();
  sent.abort(stopped, () => {});
  answer(sent, 0, [done, done, done], true);

  expect(vi.getTimerCount()).toBe(0);
});
