/** Tasks that run again: when, in which order, together with which others. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Counters } from '../../../../src/main/figures/counters.js';
import { Repeats } from '../../../../src/main/run/repeats.js';
import { Wake } from '../../../../src/main/run/wake.js';
import { chunk, indexesOf } from '../../../support/run-rig.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const JOB = { handle: '1', account: undefined };

class Rig {
  readonly counters = new Counters();
  fired = 0;
  readonly repeats: Repeats;

  constructor() {
    const wake = new Wake();
    wake.fire = () => {
      this.fired++;
    };
    this.repeats = new Repeats(wake, this.counters);
  }

  /** Takes what may travel together until nothing is ready. */
  takeAll(most = Number.POSITIVE_INFINITY, travelsAlone = false): number[][] {
    const taken: number[][] = [];
    for (;;) {
      const next = this.repeats.next(() => most, travelsAlone);
      if (next === undefined) return taken;
      taken.push(indexesOf(next));
    }
  }
}

describe('a task that waits', () => {
  it('is ready after its delay', () => {
    const { repeats, counters } = new Rig();
    repeats.later(chunk(1), 50);
    expect([repeats.isEmpty, counters.waiting, repeats.next(() => 9, false)]).toEqual([false, 1, undefined]);
    vi.advanceTimersByTime(50);

    expect(counters.waiting).toBe(0);
    expect(repeats.next(() => 9, false)?.first).toBe(1);
    expect(repeats.isEmpty).toBe(true);
  });

  it('wakes the schedule when it is ready', () => {
    const rig = new Rig();
    rig.repeats.later(chunk(1), 50);
    expect(rig.fired).toBe(0);
    vi.advanceTimersByTime(50);

    expect(rig.fired).toBe(1);
  });

  it('is ready from then on, not from its last attempt', () => {
    const { repeats } = new Rig();
    repeats.later(chunk(1, { readyAt: 7 }), 50);
    vi.advanceTimersByTime(50);

    expect(repeats.next(() => 1, false)?.readyAt).toBeGreaterThan(7);
  });

  it('does not run at once when its delay is longer than a timer can wait', () => {
    const { repeats } = new Rig();
    repeats.later(chunk(1), 3e9);
    vi.advanceTimersByTime(1000);

    expect(repeats.next(() => 1, false)).toBeUndefined();
  });

  it('for a job is counted as submitted', () => {
    const { repeats, counters } = new Rig();
    repeats.later(chunk(1, { job: JOB }), 50);
    expect([counters.waiting, counters.submitted]).toEqual([0, 1]);
    vi.advanceTimersByTime(50);

    expect([counters.waiting, counters.submitted]).toEqual([0, 0]);
  });
});

describe('tasks that are ready', () => {
  it('travel together if they follow each other', () => {
    const rig = new Rig();
    for (const index of [3, 4, 5, 7, 8, 2]) rig.repeats.now(chunk(index));

    expect(rig.takeAll()).toEqual([[3, 4, 5], [7, 8], [2]]);
  });

  it('travel together only on the same attempt', () => {
    const rig = new Rig();
    for (const [index, attempt] of [
      [1, 2],
      [2, 2],
      [3, 3],
    ] as const)
      rig.repeats.now(chunk(index, { attempt }));

    expect(rig.takeAll()).toEqual([[1, 2], [3]]);
  });

  it.each([
    ['there was trouble with', { troubles: 1 }],
    ['was cut off', { interrupted: true }],
    ['waits for a job', { job: JOB }],
  ])('a task that %s travels alone', (_, changes) => {
    const rig = new Rig();
    for (const index of [1, 2, 3]) rig.repeats.now(chunk(index, index === 2 ? changes : {}));

    expect(rig.takeAll()).toEqual([[1], [2], [3]]);
  });

  it('travel with no more than the limit', () => {
    const rig = new Rig();
    for (const index of [0, 1, 2, 3, 4]) rig.repeats.now(chunk(index));

    expect(rig.takeAll(2)).toEqual([[0, 1], [2, 3], [4]]);
  });

  it('travel alone where each task does', () => {
    const rig = new Rig();
    for (const index of [0, 1]) rig.repeats.now(chunk(index));

    expect(rig.takeAll(9, true)).toEqual([[0], [1]]);
  });

  it('the limit is asked with the number that are ready', () => {
    const { repeats } = new Rig();
    for (const index of [0, 1, 2]) repeats.now(chunk(index));
    const asked: number[] = [];
    repeats.next((ready) => asked.push(ready), false);

    expect(asked).toEqual([3]);
  });

  it('keep their keys and hashes', () => {
    const { repeats } = new Rig();
    for (const index of [0, 1])
      repeats.now(chunk(index, { keys: [`key ${index}`], hashes: [`hash ${index}`] }));

    expect(repeats.next(() => 9, false)).toMatchObject({
      inputs: [0, 1],
      keys: ['key 0', 'key 1'],
      hashes: ['hash 0', 'hash 1'],
    });
  });
});

it('suspects are kept apart, in their order', () => {
  const { repeats } = new Rig();
  repeats.now(chunk(1, { isolated: true }));
  repeats.now(chunk(2, { isolated: true }));

  expect(repeats.suspects).toBe(2);
  expect(repeats.next(() => 9, false)).toBeUndefined();
  expect([repeats.nextSuspect()?.first, repeats.nextSuspect()?.first, repeats.nextSuspect()]).toEqual([
    1,
    2,
    undefined,
  ]);
  expect(repeats.isEmpty).toBe(true);
});

it('cancelling returns all tasks once and leaves no timer and no count', () => {
  const { repeats, counters } = new Rig();
  repeats.later(chunk(1), 50);
  repeats.later(chunk(2, { job: JOB }), 50);
  repeats.now(chunk(3));
  repeats.now(chunk(4, { isolated: true }));

  expect(
    repeats
      .cancel()
      .map(({ first }) => first)
      .sort(),
  ).toEqual([1, 2, 3, 4]);
  expect([counters.waiting, counters.submitted, vi.getTimerCount()]).toEqual([0, 0, 0]);
  expect([repeats.isEmpty, repeats.suspects, repeats.cancel()]).toEqual([true, 0, []]);
});
