/** The watch over a chunk: which attempt outlived its timeout, and which is still the same one later. */

import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AttemptWatch } from '../../../../src/main/executor/attempt-watch.js';
import { ControlCell, now, PHASES } from '../../../../src/protocol/control-cell.js';

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

/** Lets time pass, a millisecond at a time. */
function pass(ms: number): void {
  for (let i = 0; i < ms; i++) {
    clock++;
    vi.advanceTimersByTime(1);
  }
}

class Rig {
  readonly cell = new ControlCell();
  /** What the owner was called with, and when. */
  readonly log: string[] = [];
  isHeldUp = false;
  readonly watch: AttemptWatch;

  constructor(timeoutMs?: number) {
    this.watch = new AttemptWatch(this.cell, timeoutMs, {
      isHeldUp: () => this.isHeldUp,
      onTimeout: (begun) => this.log.push(`timeout of ${begun} at ${clock}`),
      onQuiet: () => this.log.push(`quiet at ${clock}`),
    });
  }

  begin(position: number): void {
    this.cell.begin(position, now());
  }

  /** The running task has ended, and was reported. */
  end(): void {
    this.cell.phase = PHASES.between;
    this.watch.reported = this.cell.begun;
  }
}

describe('an attempt', () => {
  it('runs from its begin to its report', () => {
    const { cell, watch, ...rig } = new Rig();
    expect(watch.isRunning).toBe(false);
    cell.begin(0, now());
    expect(watch.isRunning).toBe(true);
    cell.phase = PHASES.awaiting;
    expect(watch.isRunning).toBe(true);
    cell.phase = PHASES.between;
    expect(watch.isRunning).toBe(false);
    cell.begin(1, now());
    watch.reported = 2;

    expect(watch.isRunning).toBe(false);
    expect(rig.log).toEqual([]);
  });

  it('of a chunk that is over does not run', () => {
    const rig = new Rig();
    rig.begin(0);
    rig.watch.close();

    expect(rig.watch.isRunning).toBe(false);
  });
});

describe('the timeout', () => {
  it('counts from the begin of the attempt, not of the chunk', () => {
    const rig = new Rig(100);
    pass(60);
    rig.begin(0);
    pass(99);
    expect(rig.log).toEqual([]);
    pass(1);

    expect(rig.log).toEqual(['timeout of 1 at 160']);
  });

  it('is of the attempt that runs then', () => {
    const rig = new Rig(100);
    rig.begin(0);
    pass(90);
    rig.end();
    rig.begin(1);
    pass(99);
    expect(rig.log).toEqual([]);
    pass(1);

    expect(rig.log).toEqual(['timeout of 2 at 190']);
  });

  it('is not reported for a chunk that is over', () => {
    const rig = new Rig(100);
    rig.begin(0);
    rig.watch.close();
    pass(1000);

    expect(rig.log).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits while something else holds the attempt up, and a moment longer', () => {
    const rig = new Rig(100);
    rig.begin(0);
    rig.isHeldUp = true;
    pass(150);
    rig.isHeldUp = false;
    expect(rig.log).toEqual([]);
    pass(50);

    expect(rig.log).toEqual(['timeout of 1 at 180']);
  });

  it('does not wait forever for what holds the attempt up', () => {
    const rig = new Rig(100);
    rig.begin(0);
    rig.isHeldUp = true;
    pass(1099);
    expect(rig.log).toEqual([]);
    pass(21);

    expect(rig.log).toEqual([expect.stringMatching(/^timeout of 1/)]);
  });

  it('there is none without the option', () => {
    new Rig().begin(0);

    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a chunk in which nothing runs', () => {
  it('is reported when that lasts for a whole timeout', () => {
    const rig = new Rig(100);
    pass(199);
    expect(rig.log).toEqual([]);
    pass(1);

    expect(rig.log).toEqual(['quiet at 200']);
  });

  it('is not reported if a task began and ended in between', () => {
    const rig = new Rig(100);
    pass(150);
    rig.begin(0);
    rig.end();
    pass(100);
    expect(rig.log).toEqual([]);
    pass(50);

    expect(rig.log).toEqual(['quiet at 300']);
  });
});

describe('later', () => {
  it('the callback comes if the attempt still runs', () => {
    const rig = new Rig();
    rig.begin(0);
    rig.watch.whenStillRunning(1, 50, () => rig.log.push('still'));
    pass(50);

    expect(rig.log).toEqual(['still']);
  });

  it.each([
    ['the attempt has ended', (rig: Rig) => rig.end()],
    [
      'the next one runs',
      (rig: Rig) => {
        rig.end();
        rig.begin(1);
      },
    ],
    ['the chunk is over', (rig: Rig) => rig.watch.close()],
  ])('there is no callback if %s', (_, happen) => {
    const rig = new Rig();
    rig.begin(0);
    rig.watch.whenStillRunning(1, 50, () => rig.log.push('still'));
    happen(rig);
    pass(50);

    expect(rig.log).toEqual([]);
  });

  it('nothing is planned for a chunk that is over', () => {
    const rig = new Rig();
    rig.watch.close();
    rig.watch.after(50, () => rig.log.push('after'));

    expect(vi.getTimerCount()).toBe(0);
  });
});
