/** The handle of a run: outcomes are read once, in one of four ways. */

import { describe, expect, it } from 'vitest';
import { makeRun, type Run } from '../../../../src/main/api/run-handle.js';
import type { Report } from '../../../../src/main/figures/report.js';
import type { OutcomeBlock } from '../../../../src/main/run/outcome-block.js';
import { Output } from '../../../../src/main/run/output.js';
import type { RunCore } from '../../../../src/main/run/run.js';
import { Stop } from '../../../../src/main/run/stop.js';
import type { Outcome } from '../../../../src/protocol/outcome.js';

/** A run whose outcomes are there, and which ends when the test says so. */
class Rig {
  readonly log: string[] = [];
  readonly run: Run;
  readonly output = new Output(
    'input',
    () => {},
    () => {},
  );
  readonly stop = new Stop();
  #end: (report: Report) => void = () => {};

  constructor(isSharded = false) {
    const core = {
      output: this.output,
      stop: this.stop,
      isSharded,
      ended: new Promise<Report>((resolve) => {
        this.#end = resolve;
      }),
      abort: (reason: unknown) => {
        this.log.push(`abort ${reason}`);
        this.end();
      },
      drain: (reason: unknown, graceMs: unknown) => this.log.push(`drain ${reason} ${graceMs}`),
    };
    this.run = makeRun(core as unknown as RunCore);
  }

  give(first: number, ...values: unknown[]): this {
    this.output.push({
      first,
      length: values.length,
      status: 'succeeded',
      isResumed: false,
      at: (i) => ({ index: first + i, status: 'succeeded', value: values[i] }) as Outcome,
      valueAt: (i) => values[i],
    });
    return this;
  }

  fail(index: number, status: 'failed' | 'aborted' = 'failed'): this {
    const block: OutcomeBlock = {
      first: index,
      length: 1,
      status,
      isResumed: false,
      at: () => ({ index, status, error: new Error(`error ${index}`) }) as Outcome,
      valueAt: () => undefined,
    };
    this.output.push(block);
    return this;
  }

  end(error?: unknown): this {
    this.output.end(error);
    this.#end({ status: 'completed' } as Report);
    return this;
  }
}

describe('iterating', () => {
  it('gives all outcomes, then throws what stopped the run', async () => {
    const { run } = new Rig().give(0, 'a', 'b').end(new Error('stopped'));
    const seen: unknown[] = [];
    const loop = (async () => {
      for await (const { index } of run) seen.push(index);
    })();

    await expect(loop).rejects.toThrow('stopped');
    expect(seen).toEqual([0, 1]);
  });

  it('that is left aborts the run and waits for its end; nothing comes after', async () => {
    const rig = new Rig().give(0, 'a', 'b');
    const iterator = rig.run[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.return?.();

    expect(rig.log).toEqual(['abort undefined']);
    expect(await iterator.next()).toEqual({ value: undefined, done: true });
    expect(rig.output.delivered).toBe(2);
  });
});

describe('outcomes()', () => {
  it('are all outcomes', async () => {
    const { run } = new Rig().give(0, 'a').fail(1).end();

    expect((await run.outcomes()).map(({ index, status }) => [index, status])).toEqual([
      [0, 'succeeded'],
      [1, 'failed'],
    ]);
  });

  it('reject with what stopped the run', async () => {
    await expect(new Rig().give(0, 'a').end(new Error('stopped')).run.outcomes()).rejects.toThrow('stopped');
  });
});

describe('values()', () => {
  it('are in input order', async () => {
    expect(await new Rig().give(1, 'b', 'c').give(0, 'a').end().run.values()).toEqual(['a', 'b', 'c']);
  });

  it('of a shard are those of its tasks', async () => {
    const rig = new Rig(true).give(1, undefined).give(4, 'e');
    for (const index of [0, 2, 3]) rig.output.pass(index, 1);

    expect(await rig.end().run.values()).toEqual([undefined, 'e']);
  });

  it('reject when any task has none, with all errors in their order', async () => {
    const rig = new Rig().give(0, 'a');
    for (const index of [5, 2, 1, 3, 4]) rig.fail(index);
    const error = await rig
      .end()
      .run.values()
      .catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({ code: 'HEDDLE_TASKS_FAILED', indexes: [1, 2, 3, 4, 5] });
    expect((error as Error).message).toMatch(/^5 of 6 tasks .*input 1 failed.*; and 2 more$/);
  });
});

describe('report()', () => {
  it('drops outcomes that nothing reads', async () => {
    const rig = new Rig().give(0, 'a').end();

    expect(await rig.run.report()).toMatchObject({ status: 'completed' });
    expect(rig.output.delivered).toBe(1);
  });

  it('leaves the outcomes to a loop that begins in the same breath', async () => {
    const rig = new Rig().give(0, 'a').end();
    const report = rig.run.report();
    const seen: number[] = [];
    for await (const { index } of rig.run) seen.push(index);
    await report;

    expect(seen).toEqual([0]);
  });

  it('rejects with what made the run impossible', async () => {
    const rig = new Rig();
    rig.stop.fail(new Error('fatal'));
    rig.end();

    await expect(rig.run.report()).rejects.toThrow('fatal');
  });
});

it('outcomes are given out once', async () => {
  const { run } = new Rig().end();
  await run.outcomes();

  await expect(run.values()).rejects.toMatchObject({ code: 'HEDDLE_ALREADY_CONSUMED' });
  expect(() => run[Symbol.asyncIterator]()).toThrowError(/already read by outcomes\(\)/);
  await expect(run.report()).resolves.toBeDefined();
});

it('closing aborts, and leaves outcomes that are read in another way', async () => {
  const rig = new Rig().give(0, 'a');
  const outcomes = rig.run.outcomes();
  await rig.run.close();

  expect(rig.log).toEqual(['abort undefined']);
  expect(await outcomes).toHaveLength(1);
});

describe('drain()', () => {
  it('passes its grace time on', () => {
    const rig = new Rig();
    rig.run.drain('enough', Number.POSITIVE_INFINITY);
    rig.run.drain();

    expect(rig.log).toEqual(['drain enough Infinity', 'drain undefined undefined']);
  });

  it.each([[Number.NaN], [-1], ['1']])('refuses a grace time of %s', (graceMs) => {
    expect(() => new Rig().run.drain('x', graceMs as number)).toThrowError(
      expect.objectContaining({ code: 'HEDDLE_INVALID_OPTION' }),
    );
  });
});
