/** Output: what a consumer gets when the end, an error or an outcome that cannot be read comes at an odd moment. */

import { describe, expect, it } from 'vitest';
import type { OutcomeBlock } from '../../../../src/main/run/outcome-block.js';
import { Output } from '../../../../src/main/run/output.js';
import type { Outcome } from '../../../../src/protocol/outcome.js';
import { nextTurn } from '../../../../src/protocol/turn.js';

const UNREADABLE = new Error('the record cannot be read');

function blockOf(first: number, length = 1, changes: Partial<OutcomeBlock> = {}): OutcomeBlock {
  return {
    first,
    length,
    status: 'succeeded',
    isResumed: false,
    at: (i) => ({ index: first + i }) as Outcome,
    valueAt: (i) => first + i,
    ...changes,
  };
}

function unreadable(first: number): OutcomeBlock {
  const at = (): never => {
    throw UNREADABLE;
  };
  return blockOf(first, 1, { isResumed: true, at, valueAt: at });
}

class Rig {
  spaces = 0;
  readonly broken: unknown[] = [];
  readonly output: Output;
  isTaken = false;

  constructor(order: 'input' | 'completion' = 'input') {
    this.output = new Output(
      order,
      () => {
        this.spaces++;
      },
      (error) => this.broken.push(error),
    );
    void this.output.taken.then(() => {
      this.isTaken = true;
    });
  }

  /** What `take` answers: an index, 'done', or the error. */
  async take(): Promise<unknown> {
    try {
      const result = await this.output.take();
      return result.done === true ? 'done' : result.value.index;
    } catch (error) {
      return error;
    }
  }
}

describe('the end', () => {
  it('comes after what is there, and stays', async () => {
    const rig = new Rig();
    rig.output.push(blockOf(0, 2));
    rig.output.end(undefined);

    expect([await rig.take(), await rig.take(), await rig.take(), await rig.take()]).toEqual([
      0,
      1,
      'done',
      'done',
    ]);
  });

  it('with an error is given to one call; then it is an end', async () => {
    const rig = new Rig();
    const error = new Error('stopped');
    rig.output.push(blockOf(0));
    rig.output.end(error);

    expect([await rig.take(), await rig.take(), await rig.take()]).toEqual([0, error, 'done']);
  });

  it('reaches all who wait, and the error one of them', async () => {
    const rig = new Rig();
    const error = new Error('stopped');
    const taken = [rig.take(), rig.take(), rig.take()];
    rig.output.push(blockOf(0));
    rig.output.end(error);

    expect(await Promise.all(taken)).toEqual([0, error, 'done']);
  });

  it('that came first is kept', async () => {
    const rig = new Rig();
    rig.output.end(undefined);
    rig.output.end(new Error('later'));

    expect(await rig.take()).toBe('done');
  });
});

describe('taken', () => {
  it('comes with the last outcome, not before', async () => {
    const rig = new Rig();
    rig.output.push(blockOf(0, 2));
    rig.output.end(undefined);
    await rig.take();
    await nextTurn();
    expect(rig.isTaken).toBe(false);
    await rig.take();
    await nextTurn();

    expect(rig.isTaken).toBe(true);
  });

  it('comes at once when there is nothing', async () => {
    const rig = new Rig();
    rig.output.end(undefined);
    await nextTurn();

    expect(rig.isTaken).toBe(true);
  });

  it('comes when the rest goes into a function', async () => {
    const rig = new Rig();
    rig.output.push(blockOf(0, 3));
    rig.output.end(undefined);
    await rig.take();
    rig.output.drainInto(() => {});
    await nextTurn();

    expect(rig.isTaken).toBe(true);
  });
});

describe('in input order', () => {
  it('an outcome waits for those before it, and for tasks that are not of this run', async () => {
    const rig = new Rig();
    rig.output.push(blockOf(3));
    rig.output.push(blockOf(1));
    const taken = [rig.take(), rig.take(), rig.take()];
    rig.output.pass(2, 1);
    rig.output.push(blockOf(0));

    expect(await Promise.all(taken)).toEqual([0, 1, 3]);
  });

  it('gaps side by side are passed', async () => {
    const rig = new Rig();
    rig.output.pass(1, 1);
    rig.output.pass(0, 1);
    rig.output.push(blockOf(2));

    expect(await rig.take()).toBe(2);
  });
});

describe('draining', () => {
  it('after some were taken goes on with the next block, and counts all', () => {
    const rig = new Rig();
    rig.output.push(blockOf(0, 3));
    rig.output.push(blockOf(3, 2));
    void rig.take();
    const drained: number[] = [];
    rig.output.drainInto(({ first }) => drained.push(first));

    expect(drained).toEqual([3]);
    expect(rig.output.delivered).toBe(5);
  });

  it('leaves outcomes of earlier runs out of the count', () => {
    const rig = new Rig();
    rig.output.drainInto(() => {});
    rig.output.push(blockOf(0, 2, { isResumed: true }));
    rig.output.push(blockOf(2, 1));

    expect(rig.output.delivered).toBe(1);
  });

  it('stops at a block that cannot be read, with its error', async () => {
    const rig = new Rig();
    const drained: unknown[] = [];
    rig.output.drainInto((block) => drained.push(block.at(0).index));
    rig.output.push(blockOf(0));
    rig.output.push(unreadable(1));
    rig.output.push(blockOf(2));
    rig.output.end(undefined);

    expect(drained).toEqual([0]);
    expect(rig.broken).toEqual([UNREADABLE]);
    expect(await rig.take()).toBe(UNREADABLE);
    await nextTurn();
    expect(rig.isTaken).toBe(true);
  });
});

describe('an outcome that cannot be read', () => {
  it('ends the outcomes with its error, once', async () => {
    const rig = new Rig();
    for (const block of [blockOf(0), unreadable(1), blockOf(2)]) rig.output.push(block);

    expect([await rig.take(), await rig.take(), await rig.take()]).toEqual([0, UNREADABLE, 'done']);
    expect(rig.broken).toEqual([UNREADABLE]);
  });

  it('reaches the one who waits', async () => {
    const rig = new Rig();
    const taken = [rig.take(), rig.take()];
    rig.output.push(unreadable(0));

    expect(await Promise.all(taken)).toEqual([UNREADABLE, 'done']);
  });

  // Output.taken stays pending, so the runtime never releases the run.
  it.fails('after the end counts as taken', async () => {
    const rig = new Rig();
    rig.output.push(unreadable(0));
    rig.output.end(undefined);

    expect(await rig.take()).toBe(UNREADABLE);
    await nextTurn();
    expect(rig.isTaken).toBe(true);
  });
});

it('room is reported with the last outcome that is there, and now and then before', async () => {
  const rig = new Rig();
  rig.output.push(blockOf(0, 100));
  for (let i = 0; i < 100; i++) await rig.take();

  expect(rig.spaces).toBe(4);
});
