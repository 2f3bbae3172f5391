/** Rebalancing: which tasks are taken back for an idle thread, and when it is time to look again. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Rebalancer } from '../../../../../src/main/executor/threads/rebalance.js';
import type { ThreadChunk } from '../../../../../src/main/executor/threads/thread-chunk.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

interface Looks {
  readonly threadId?: number;
  readonly isRecallable?: boolean;
  readonly isQueued?: boolean;
  readonly ranFor?: number;
}

class Rig {
  hasIdleThread = true;
  looks = 0;
  isSubscribed = true;
  idle: () => void = () => {};
  readonly recalled: string[] = [];
  readonly rebalancer: Rebalancer;
  readonly #chunks: ThreadChunk[] = [];

  constructor() {
    const pool = {
      onIdle: (listener: () => void) => {
        this.idle = listener;
        return () => {
          this.isSubscribed = false;
        };
      },
    };
    Object.defineProperty(pool, 'hasIdleThread', { get: () => this.hasIdleThread });
    this.rebalancer = new Rebalancer(pool as ConstructorParameters<typeof Rebalancer>[0], () => {
      this.looks++;
    });
  }

  /** A chunk in flight. */
  with(name: string, looks: Looks): this {
    const recall = () => {
      this.recalled.push(name);
      return 3;
    };
    const chunk = { threadId: 1, isRecallable: true, isQueued: false, ranFor: 0, ...looks, recall };
    this.#chunks.push(chunk as unknown as ThreadChunk);
    return this;
  }

  look(wanted = 2): ReturnType<Rebalancer['look']> {
    return this.rebalancer.look(this.#chunks, wanted);
  }
}

describe('tasks are taken back', () => {
  it('from a chunk that waits behind another, first', () => {
    const rig = new Rig().with('long', { ranFor: 100 }).with('queued', { isQueued: true });

    expect(rig.look()).toMatchObject({ from: 3, sent: { isQueued: true } });
    expect(rig.recalled).toEqual(['queued']);
  });

  it('from behind a task that runs for long', () => {
    const rig = new Rig().with('short', { ranFor: 5 }).with('long', { ranFor: 5.1 });
    rig.look();

    expect(rig.recalled).toEqual(['long']);
  });
});

describe('nothing is taken back', () => {
  it.each([
    ['while no thread is idle', (rig: Rig) => Object.assign(rig, { hasIdleThread: false }), 2],
    ['when the run keeps enough threads busy', (rig: Rig) => rig.with('other', { threadId: 2 }), 2],
    ['for a run that wants one thread', (rig: Rig) => rig, 1],
  ])('%s', (_, arrange, wanted) => {
    const rig = new Rig().with('queued', { isQueued: true });
    arrange(rig);

    expect(rig.look(wanted)).toBeUndefined();
    expect(rig.recalled).toEqual([]);
  });

  it('from a chunk that cannot be', () => {
    const rig = new Rig().with('moving', { isRecallable: false, isQueued: true, ranFor: 100 });

    expect(rig.look()).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('from a chunk that was not sent yet', () => {
    const rig = new Rig().with('unsent', { threadId: 0, isQueued: true });

    expect(rig.look()).toBeUndefined();
  });
});

describe('it is time to look again', () => {
  it('a little later, when a task has not run for long yet', () => {
    const rig = new Rig().with('short', { ranFor: 1 });
    rig.look();
    rig.look();
    expect([rig.looks, vi.getTimerCount()]).toEqual([0, 1]);
    vi.advanceTimersByTime(5);

    expect(rig.looks).toBe(1);
  });

  it('a little after a thread has become idle, once for several', () => {
    const rig = new Rig();
    rig.idle();
    rig.idle();
    expect(rig.looks).toBe(0);
    vi.advanceTimersByTime(5);
    expect(rig.looks).toBe(1);
    rig.idle();
    vi.advanceTimersByTime(5);

    expect(rig.looks).toBe(2);
  });

  it('never after the end', () => {
    const rig = new Rig();
    rig.idle();
    rig.rebalancer.close();
    vi.advanceTimersByTime(100);

    expect([rig.looks, rig.isSubscribed, vi.getTimerCount()]).toEqual([0, false, 0]);
  });
});
