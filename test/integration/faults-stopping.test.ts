/** K1: a failure that would have been repeated leaves its task for a later run when the run is stopping. */

import { createRuntime, type LaneOptions, type Run, type RunOptions, type Runtime } from 'heddle';
import { afterAll, describe, expect, it } from 'vitest';
import { until, within } from '../support/hostile/bounds.js';
import { hostileTask } from '../support/hostile/fixtures.js';
import { freshPath } from '../support/hostile/folders.js';

const BOUND_MS = 8000;
const runtime: Runtime = createRuntime({ threads: 2 });
afterAll(() => runtime.close());

const refusal = (fields: object): Error => Object.assign(new Error('refused'), fields);
const lane: LaneOptions = { retry: { backoffMs: 1 } };
const retry = { attempts: 3, backoffMs: 1 } as const;

interface Case {
  readonly name: string;
  readonly fails: object;
  readonly options: RunOptions;
}

const PASSING: readonly Case[] = [
  { name: 'a lane and 429', fails: { status: 429 }, options: { lane } },
  { name: 'a lane and 503', fails: { status: 503 }, options: { lane } },
  { name: 'a lane and a network error', fails: { code: 'ECONNREFUSED' }, options: { lane } },
  {
    name: 'a lane, 429, and no attempt to spare',
    fails: { status: 429 },
    options: { lane: { retry: { attempts: 1 } } },
  },
  { name: 'a lane, 503, and retries of the run', fails: { status: 503 }, options: { lane: {}, retry } },
  { name: 'a lane that calls it a lock', fails: {}, options: { lane: { classify: () => 'lock' } } },
  { name: 'a lane that calls it transient', fails: {}, options: { lane: { classify: () => 'transient' } } },
  { name: 'a lane without a breaker', fails: { status: 503 }, options: { lane: { breaker: false } } },
  {
    name: 'a lane with accounts',
    fails: { status: 429 },
    options: { lane: { accounts: { a: { concurrency: 1 }, b: { concurrency: 1 } } } },
  },
  { name: 'no lane and retries left', fails: {}, options: { retry } },
  {
    name: 'no lane and a retryIf that says so',
    fails: {},
    options: { retry: { ...retry, retryIf: () => true } },
  },
];

const PERMANENT: readonly Case[] = [
  { name: 'a lane and 400', fails: { status: 400 }, options: { lane } },
  {
    name: 'a lane, 503, and no attempt left',
    fails: { status: 503 },
    options: { lane: { retry: { attempts: 1 } } },
  },
  {
    name: 'a lane that calls it permanent',
    fails: { status: 503 },
    options: { lane: { classify: () => 'permanent' } },
  },
  {
    name: 'a lane and a retryIf that refuses',
    fails: { status: 503 },
    options: { lane, retry: { ...retry, retryIf: () => false } },
  },
  { name: 'no lane and one attempt', fails: {}, options: {} },
  {
    name: 'no lane and a retryIf that refuses',
    fails: {},
    options: { retry: { ...retry, retryIf: () => false } },
  },
];

const WHERE = ['inline', 'threads'] as const;

/** Runs one task, stops the run in the middle of its attempt, and lets the attempt then fail or succeed. */
async function stopped(
  where: (typeof WHERE)[number],
  answer: { readonly fail?: object; readonly value?: unknown },
  options: RunOptions,
  stop: (run: Run) => void,
): Promise<Run> {
  let answerNow: () => void = () => {};
  let isAsked = false;
  const ask = () => {
    isAsked = true;
    return new Promise((resolve) => {
      answerNow = () => resolve(answer);
    });
  };
  const inline = async () => {
    await ask();
    if (answer.fail !== undefined) throw refusal(answer.fail);
    return answer.value;
  };
  const run =
    where === 'inline'
      ? runtime.run(inline, [{ do: 'ask', id: 1 }], options)
      : runtime.run(hostileTask, [{ do: 'ask', id: 1 }], { ...options, services: { ask } });
  await until('the attempt starts', () => isAsked);
  stop(run);
  answerNow();
  return run;
}

const drain = (run: Run) => run.drain();

async function statusesOf(run: Run): Promise<string[]> {
  const statuses: string[] = [];
  const read = async () => {
    for await (const { status } of run) statuses.push(status);
  };
  await within(
    BOUND_MS,
    'the run',
    read().catch(() => {}),
  );
  return statuses;
}

describe.each(WHERE)('K1: a run that is drained: %s', (where) => {
  it.each(PASSING)('leaves the task with $name', async ({ fails, options }) => {
    const session = freshPath();

    const first = await stopped(where, { fail: fails }, { ...options, session }, drain);
    expect(await statusesOf(first)).toEqual(['aborted']);
    expect(first.progress).toMatchObject({ aborted: 1, failed: 0, running: 0, waiting: 0 });

    const second = await stopped(where, { value: 'done' }, { ...options, session }, () => {});
    expect(await within(BOUND_MS, 'the resume', second.values())).toEqual(['done']);
  });

  it.each(PASSING)('without a session as well, with $name', async ({ fails, options }) => {
    expect(await statusesOf(await stopped(where, { fail: fails }, options, drain))).toEqual(['aborted']);
  });

  it.each(PERMANENT)('fails the task with $name', async ({ fails, options }) => {
    const session = freshPath();

    const run = await stopped(where, { fail: fails }, { ...options, session }, drain);

    expect(await statusesOf(run)).toEqual(['failed']);
  });

  it('keeps the value of an attempt that succeeds', async () => {
    const run = await stopped(where, { value: 'done' }, { lane, session: freshPath() }, drain);

    expect(await statusesOf(run)).toEqual(['succeeded']);
  });

  it('fails the task whose last attempt fails', async () => {
    const session = freshPath();
    const options: RunOptions = { lane: { retry: { attempts: 2, backoffMs: 0 } }, session };
    let attempts = 0;
    let release: () => void = () => {};
    const run = runtime.run(
      async () => {
        if (++attempts === 2)
          await new Promise<void>((resolve) => {
            release = resolve;
          });
        throw refusal({ status: 503 });
      },
      [1],
      options,
    );
    await until('the second attempt', () => attempts === 2);
    run.drain();
    release();

    expect(await statusesOf(run)).toEqual(['failed']);
  });
});

describe('K1: a run that stops for another reason', () => {
  const stops: readonly { readonly name: string; readonly stop: (run: Run) => void }[] = [
    { name: 'abort', stop: (run) => run.abort() },
    { name: 'drain, then abort', stop: (run) => [run.drain(), run.abort()] },
  ];

  it.each(stops)('leaves the task: $name', async ({ stop }) => {
    for (const { fails, options } of PASSING.slice(0, 2))
      expect(await statusesOf(await stopped('inline', { fail: fails }, options, stop))).toEqual(['aborted']);
  });

  it.each([{ lane }, { retry }])(
    'leaves what is in flight when too many have failed: %o',
    async (options) => {
      let release: () => void = () => {};
      const started = new Promise<void>((resolve) => {
        release = resolve;
      });
      const session = freshPath();
      const task = async (n: number) => {
        if (n === 0) return started.then(() => Promise.reject(refusal({ status: 400, isFinal: true })));
        release();
        // The run stops because of the other task, and this one fails afterwards.
        await until('the other one has failed', () => run.progress.failed === 1);
        throw refusal({ status: 503 });
      };
      const retryIf = (error: Error) => !('isFinal' in error);
      const resolved = 'retry' in options ? { retry: { ...retry, retryIf } } : options;
      const run = runtime.run(task, [0, 1], {
        ...resolved,
        session,
        concurrency: 2,
        failFast: true,
        order: 'input',
      });

      const statuses = await statusesOf(run);

      expect(statuses[0]).toBe('failed');
      expect(['aborted', 'skipped']).toContain(statuses[1]);
    },
  );
});
