/**
 * What lanes promise, before providers in processes of their own that count what comes: trouble of a provider loses nothing, tasks in
 * conflict never overlap. Limits are in lanes-limits.test.ts.
 */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { createRuntime, type LaneOptions, type RunEvent, type Runtime } from 'heddle';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LimitedServer, type ServerSettings } from '../support/limited-server.js';
import type { AnyTask } from '../support/tasks.js';

const runtime: Runtime = createRuntime({ threads: 2 });
afterAll(() => runtime.close());

let root = '';
let server: LimitedServer | undefined;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'heddle-lanes-'));
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  rmSync(root, { recursive: true, force: true });
});

async function serve(settings: ServerSettings): Promise<LimitedServer> {
  server = await LimitedServer.start(settings);
  return server;
}

interface Call {
  readonly url: string;
  readonly name: string;
}

const module = new URL('../fixtures/lanes/call.mjs', import.meta.url);
const { default: inline } = (await import(module.href)) as { default: (input: Call) => Promise<string> };

const callsTo = ({ url }: LimitedServer, count: number): Call[] =>
  Array.from({ length: count }, (_, i) => ({ url, name: `t${i}` }));

/** Each task was served once. */
async function expectEachOnce(count: number): Promise<void> {
  const { tasks } = await (server as LimitedServer).stats();
  expect(Object.keys(tasks)).toHaveLength(count);
  expect(Object.values(tasks).every((times) => times === 1)).toBe(true);
}

describe('trouble of a provider', () => {
  it('that halves its limit and says so in headers only: few refusals, nothing lost', async () => {
    const provider = await serve({ limit: 40, perMs: 500, headers: 'ietf' });
    const lane: LaneOptions = { rate: { limit: 40, perMs: 500, guardMs: 300 } };
    let settled = 0;
    const run = runtime.run(inline, callsTo(provider, 150), {
      concurrency: 10,
      lane,
      onOutcome: () => {
        if (++settled === 50) void provider.set({ limit: 20 });
      },
    });

    expect(await run.values()).toHaveLength(150);
    const { refused } = await provider.stats();
    expect(refused).toBeLessThan(40);
    await expectEachOnce(150);
  });

  it('that takes three times as long from some moment on: nothing is refused, lost, or piled up', async () => {
    const provider = await serve({ latencyMs: 10 });
    let settled = 0;
    const run = runtime.run(inline, callsTo(provider, 400), {
      concurrency: 64,
      lane: { concurrency: { max: 16 } },
      onOutcome: () => {
        if (++settled === 150) void provider.set({ latencyMs: 30 });
      },
    });

    expect(await run.values()).toHaveLength(400);
    const { refused, peak } = await provider.stats();
    expect(refused).toBe(0);
    expect(peak).toBeGreaterThan(4);
    expect(peak).toBeLessThanOrEqual(16);
    await expectEachOnce(400);
    expect((await run.report()).clamps).toMatchObject([{ requested: 64, ran: 16 }]);
  });

  it('that asks to wait, in seconds or by a date: nothing is sent meanwhile', async () => {
    for (const retryAfter of ['1', () => new Date(Date.now() + 2500).toUTCString()]) {
      const provider = await serve({
        limit: 5,
        perMs: 1000,
        retryAfter: typeof retryAfter === 'string' ? retryAfter : retryAfter(),
      });
      const run = runtime.run(inline, callsTo(provider, 7), { concurrency: 1, lane: {} });
      const events = collect(run.events());

      expect(await run.values()).toHaveLength(7);
      const { refused } = await provider.stats();
      const times = await provider.times();
      const after = times.findIndex(
        (_, i) => i >= 5 && (times[i + 1] as number) - (times[i] as number) > 900,
      );
      expect(refused).toBe(1);
      expect(after).toBe(5);
      expect((await run.report()).retries).toBe(0);
      expect((await events).filter(({ type }) => type === 'lane-paused')).toHaveLength(1);
      await provider.stop();
      server = undefined;
    }
  });

  it('that dies and comes back: the lane pauses, probes, and goes on; nothing is lost', async () => {
    const provider = await serve({ latencyMs: 2 });
    const lane: LaneOptions = {
      concurrency: 4,
      breaker: { openMs: 100, maxOpenMs: 400 },
      retry: { backoffMs: 200 },
    };
    let settled = 0;
    const run = runtime.run(inline, callsTo(provider, 300), {
      lane,
      onOutcome: () => {
        if (++settled === 100) void provider.die();
      },
    });
    const states: string[] = [];
    for await (const event of run.events()) {
      if (event.type !== 'lane-breaker') continue;
      states.push(event.state);
      // It comes back after the third probe.
      if (states.filter((state) => state === 'half-open').length === 3 && event.state === 'open')
        await provider.revive();
    }

    expect(await run.values()).toHaveLength(300);
    expect(states.slice(0, 2)).toEqual(['open', 'half-open']);
    expect(states.at(-1)).toBe('closed');
    const report = await run.report();
    expect(report.failed).toBe(0);
    expect(report.lanes[0]?.opened).toBeGreaterThanOrEqual(3);
  });

  it('that stays dead ends the run after a while, not the tasks; they can run later', async () => {
    const provider = await serve({ broken: true });
    const lane: LaneOptions = { concurrency: 2, breaker: { openMs: 50, maxOpenMs: 50, giveUpMs: 300 } };
    const options = { session: join(root, 'session'), lane };
    const run = runtime.run(inline, callsTo(provider, 20), options);

    const report = await run.report();
    expect(report).toMatchObject({ status: 'aborted', succeeded: 0 });
    expect(report.reason).toMatchObject({
      code: 'HEDDLE_LANE_OPEN',
      message: expect.stringContaining('HTTP 500'),
    });

    await provider.set({ broken: false });
    const again = await runtime
      .run(inline, callsTo(provider, 20), { ...options, retryFailed: true })
      .report();
    expect(again).toMatchObject({ status: 'completed', succeeded: 20 });
  });

  it('holds up no other lane, and a deadline is honoured', async () => {
    const [well, ill] = await Promise.all([LimitedServer.start({}), LimitedServer.start({ broken: true })]);
    const lanes = createRuntime({
      lanes: { well: { concurrency: 2 }, ill: { concurrency: 2, breaker: { openMs: 20_000 } } },
    });
    const inputs = Array.from({ length: 60 }, (_, i) => ({
      url: (i % 2 === 0 ? well : ill).url,
      name: `t${i}`,
    }));

    const run = lanes.run(inline, inputs, {
      concurrency: 8,
      lane: ({ url }) => (url === well.url ? 'well' : 'ill'),
      deadlineMs: 3000,
      order: 'completion',
    });
    const report = await run.report();

    expect(report).toMatchObject({ succeeded: 30, status: 'aborted', reason: { code: 'HEDDLE_DEADLINE' } });
    await Promise.all([well.stop(), ill.stop(), lanes.close()]);
  });

  it('with onOpen fail, tasks fail at once while it is down', async () => {
    const provider = await serve({ broken: true });
    const lane: LaneOptions = {
      breaker: { openMs: 60_000, onOpen: 'fail', inARow: 2 },
      retry: { attempts: 1 },
    };

    const report = await runtime.run(inline, callsTo(provider, 10), { concurrency: 1, lane }).report();

    expect(report.failed).toBe(10);
    expect((await provider.stats()).total).toBe(2);
    expect(report.failures.some(({ message }) => message.includes('is closed'))).toBe(true);
  });
});

async function collect(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const all: RunEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

interface Held {
  readonly key: string;
  readonly mode: 'shared' | 'exclusive';
}

function conflict(some: readonly Held[], others: readonly Held[]): boolean {
  return some.some(({ key, mode }) =>
    others.some((other) => other.key === key && (mode === 'exclusive' || other.mode === 'exclusive')),
  );
}

describe('tasks in conflict', () => {
  it('never overlap, and hold up no others', async () => {
    interface Locked {
      readonly i: number;
      readonly locks: readonly Held[];
    }
    const inputs: Locked[] = Array.from({ length: 200 }, (_, i) => ({
      i,
      locks: [0, 1].map((n) => ({
        key: `k${(i * 7 + n * 3) % 5}`,
        mode: (i + n) % 3 === 0 ? 'exclusive' : 'shared',
      })),
    }));
    const holders = new Map<string, { shared: number; exclusive: number }>();
    const violations: string[] = [];
    let peak = 0;
    let running = 0;
    const run = runtime.run(
      async ({ locks }: Locked) => {
        peak = Math.max(peak, ++running);
        for (const { key, mode } of locks) {
          const now = holders.get(key) ?? { shared: 0, exclusive: 0 };
          holders.set(key, now);
          now[mode]++;
          if (now.exclusive > 1 || (now.exclusive === 1 && now.shared > 0)) violations.push(key);
        }
        await new Promise((resolve) => setTimeout(resolve, 2));
        for (const { key, mode } of locks)
          (holders.get(key) as { shared: number; exclusive: number })[mode]--;
        running--;
      },
      inputs,
      { concurrency: 8, locks: ({ locks }) => locks },
    );

    const report = await run.report();

    expect({ succeeded: report.succeeded, violations }).toEqual({ succeeded: 200, violations: [] });
    expect(peak).toBeGreaterThan(1);
    expect(report.lanes[0]?.heldMs.locks).toBeGreaterThan(0);
  });

  it('in 1,000 random batches of 12 tasks over 4 locks: no two in conflict at once, none is forgotten', async () => {
    const lock = fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      mode: fc.constantFrom('shared' as const, 'exclusive' as const),
    });
    const batch = fc.array(fc.array(lock, { maxLength: 4 }), { minLength: 12, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(batch, fc.integer({ min: 1, max: 12 }), async (locks, concurrency) => {
        const running = new Set<number>();
        const run = runtime.run(
          async (i: number) => {
            for (const other of running)
              if (conflict(locks[i] ?? [], locks[other] ?? [])) throw new Error(`${i} and ${other} overlap`);
            running.add(i);
            for (let turn = (i * 5) % 4; turn >= 0; turn--) await new Promise(setImmediate);
            running.delete(i);
            return i;
          },
          locks.keys(),
          { concurrency, locks: (i) => locks[i] },
        );
        expect(await run.values()).toEqual([...locks.keys()]);
      }),
      { numRuns: 1000 },
    );
  });

  it('keep their locks from the submission of a job until it is over', async () => {
    const log: string[] = [];
    const jobs = new Map<string, number>();
    const submit = Object.assign(
      async (
        { name, env }: { name: string; env: string },
        ctx: { submitted(handle: unknown, how: object): unknown },
      ) => {
        log.push(`begin ${env}`);
        return ctx.submitted({ name, env }, { pollMs: 5 });
      },
      {
        poll: async (
          handle: { name: string; env: string },
          ctx: { submitted(handle: unknown, how: object): unknown },
        ) => {
          const looks = (jobs.get(handle.name) ?? 0) + 1;
          jobs.set(handle.name, looks);
          if (looks < 3) return ctx.submitted(handle, { pollMs: 5 });
          log.push(`end ${handle.env}`);
          return handle.name;
        },
      },
    );
    const inputs = Array.from({ length: 9 }, (_, i) => ({ name: `job ${i}`, env: `env ${i % 3}` }));

    const run = runtime.run(submit as unknown as AnyTask, inputs, {
      concurrency: 9,
      locks: ({ env }) => env,
    });

    expect(await run.values()).toEqual(inputs.map(({ name }) => name));
    for (const env of ['env 0', 'env 1', 'env 2']) {
      const own = log.filter((line) => line.endsWith(env)).map((line) => line.split(' ')[0]);
      expect(own).toEqual(['begin', 'end', 'begin', 'end', 'begin', 'end']);
    }
  });
});

it('jobs that were submitted are never submitted again, whatever ends the process', async () => {
  const log = join(root, 'log');
  const go = join(root, 'go');
  const inputs = Array.from({ length: 12 }, (_, i) => ({ name: `job ${i}`, log, go }));
  const script = new URL('../fixtures/lanes/run-batch.mjs', import.meta.url);
  const job = new URL('../fixtures/lanes/job.mjs', import.meta.url);
  const options = {
    run: { session: join(root, 'session'), lane: { concurrency: 2 }, concurrency: 4 },
    threads: true,
  };
  const start = () =>
    fork(script, [JSON.stringify({ module: job.href, inputs, options })], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
  const lines = () => {
    try {
      return readFileSync(log, 'utf8').trim().split('\n');
    } catch {
      return [];
    }
  };
  const until = async (kind: string, count: number) => {
    while (lines().filter((line) => line.startsWith(kind)).length < count)
      await new Promise((resolve) => setTimeout(resolve, 5));
  };
  for (const [kind, count] of [
    ['poll', 3],
    ['poll', 20],
  ] as const) {
    const child = start();
    await until(kind, count);
    const over = once(child, 'close');
    child.kill('SIGKILL');
    await over;
  }
  writeFileSync(go, '');

  const child = start();
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  await once(child, 'close');

  const submitted = lines().filter((line) => line.startsWith('submit'));
  expect(new Set(submitted).size).toBe(submitted.length);
  // An attempt that was cut off between the submission and its record is not repeated either: the task says so.
  expect(JSON.parse(text)).toMatchObject({ succeeded: expect.any(Number) });
  const { succeeded, failed } = JSON.parse(text) as { succeeded: number; failed: number };
  expect(succeeded + failed).toBe(12);
  // One that was cut off before it submitted has failed, too.
  expect(submitted.length).toBeGreaterThanOrEqual(succeeded);
});

describe('bad options', () => {
  it.each([
    [{ lane: 'api' }, /`lane` to be the name of a lane, and the runtime has none/],
    [{ lane: { rate: { limit: 0 } } }, /`lane\.rate\.limit` to be an integer from 1/],
    [{ lane: { rate: { limit: 5, burst: 6 } } }, /`lane\.rate\.burst` to be an integer from 1 to 5/],
    [{ lane: { concurency: 5 } }, /Unknown option `lane\.concurency`.*did you mean `lane\.concurrency`/],
    [{ lane: { breaker: { openMs: -1 } } }, /`lane\.breaker\.openMs`/],
    [{ lane: { accounts: {} } }, /`lane\.accounts` to be an object with at least one account/],
    [
      { lane: { budgets: [{ unit: 'tokens', limit: 5 }] } },
      /`lane\.budgets\[0\]\.estimate` to be a function/,
    ],
    [{ locks: () => 'x', shard: { index: 1, count: 2 } }, /`locks` and `shard` contradict each other/],
    [{ lane: 5 }, /`lane` to be the name of a lane/],
  ])('%j is refused by name', (options, message) => {
    expect(() => runtime.run(() => 1, [1], options as object)).toThrow(message);
  });

  it('a lane that does not exist, named for a task, ends the run', async () => {
    const named = createRuntime({ lanes: { api: { concurrency: 1 } } });
    const run = named.run((x: number) => x, [1, 2], { lane: () => 'apis' });
    await expect(run.values()).rejects.toThrow(
      /the name of a lane of the runtime \(api\).*did you mean "api"/s,
    );
    await named.close();
  });

  it('fewer calls at once than shards are refused', async () => {
    const run = runtime.run((x: number) => x, [1], {
      lane: { concurrency: 2 },
      shard: { index: 1, count: 3 },
    });
    await expect(run.values()).rejects.toThrow(/use at most 2 shards/);
  });
});

describe('what a hostile review found', () => {
  const status = (code: number, more: object = {}) =>
    Object.assign(new Error(`HTTP ${code}`), { status: code, ...more });
  const tick = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  it('tasks with locks go on when a lane was closed for longer than locks are kept', async () => {
    let calls = 0;
    const run = runtime.run(
      async (i: number) => {
        if (++calls <= 2) throw status(429, { headers: { 'retry-after': calls === 1 ? '1.2' : '2' } });
        return i;
      },
      [0, 1, 2, 3, 4],
      { concurrency: 2, lane: { concurrency: 2 }, locks: (i) => [`own ${i}`], deadlineMs: 30_000 },
    );

    expect(await run.values()).toEqual([0, 1, 2, 3, 4]);
    expect((await run.report()).lanes[0]?.heldMs.pause).toBeGreaterThan(1000);
  });

  it('no task is lost and none runs twice when jobs of a resumed session wait for a paused lane', async () => {
    const session = join(root, 'session');
    const begun: number[] = [];
    let polls = 0;
    const jobs = Object.assign(
      async (i: number, ctx: { submitted(handle: unknown, how: object): unknown }) => {
        begun.push(i);
        return i < 3 ? ctx.submitted(i, { pollMs: 20 }) : i;
      },
      {
        poll: async (i: number) => {
          if (++polls === 1) throw status(429, { headers: { 'retry-after': '1.5' } });
          return i;
        },
      },
    ) as unknown as AnyTask;
    const inputs = Array.from({ length: 12 }, (_, i) => i);
    const options = {
      session,
      lane: { rate: { limit: 1, perMs: 300 }, concurrency: 4 },
      locks: (i: number) => [`own ${i}`],
    };
    const first = runtime.run(jobs, inputs, {
      ...options,
      lane: { concurrency: 4 },
      onOutcome: () => first.abort(),
    });
    await first.report();
    const again = await runtime.run(jobs, inputs, options).report();

    expect(again).toMatchObject({ status: 'completed', succeeded: 12 });
    const late = begun.filter((i) => i > 3);
    expect(new Set(late).size).toBe(8);
    expect(begun.filter((i) => i < 3).sort()).toEqual([0, 1, 2]);
  });

  it('an account that is used up does not hold up the others, and its jobs are left for later', async () => {
    const quota = status(429, { code: 'insufficient_quota' });
    const jobs = Object.assign(
      async (i: number, ctx: { account: string; submitted(handle: unknown, how: object): unknown }) =>
        i === 0 ? ctx.submitted(ctx.account, { pollMs: 10 }) : i,
      {
        poll: async () => {
          throw quota;
        },
      },
    ) as unknown as AnyTask;

    const report = await runtime
      .run(jobs, [0, 1, 2, 3, 4, 5], {
        lane: { accounts: { a: { concurrency: 1 }, b: { concurrency: 1 } } },
        concurrency: 1,
        deadlineMs: 20_000,
      })
      .report();

    expect(report).toMatchObject({ succeeded: 5, aborted: 1, status: 'aborted' });
    expect(report.reason?.message).toContain('account a');
  });

  it('a task that must not happen twice is not repeated by the defaults of a lane', async () => {
    let calls = 0;
    const pay = Object.assign(
      async () => {
        calls++;
        throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
      },
      { execution: 'at-most-once' },
    );
    const report = await runtime
      .run(pay as unknown as AnyTask, [1], { lane: { retry: { backoffMs: 1 } } })
      .report();

    expect(report.failed).toBe(1);
    expect(calls).toBe(1);
  });

  it('a run that is aborted while a task is let through gives its place back', async () => {
    const shared = createRuntime({
      lanes: {
        api: {
          concurrency: 1,
          budgets: [
            {
              unit: 'tokens',
              limit: 100,
              estimate: (i: number) => {
                if (i === 0) first.abort();
                return 1;
              },
            },
          ],
        },
      },
    });
    const first = shared.run((i: number) => i, [0], { lane: 'api' });
    await first.report();

    expect(await shared.run((i: number) => i, [1, 2], { lane: 'api', deadlineMs: 10_000 }).values()).toEqual([
      1, 2,
    ]);
    await shared.close();
  });

  it('a classify that throws at the probe does not close the lane for ever', async () => {
    const shared = createRuntime({
      lanes: {
        api: {
          breaker: { openMs: 20, inARow: 1 },
          classify: (_, usual) => {
            if (++failures === 2) throw new Error('odd');
            return usual;
          },
        },
      },
    });
    let failures = 0;
    const broken = shared.run(
      () => {
        throw status(500);
      },
      [1],
      { lane: 'api' },
    );
    await expect(broken.values()).rejects.toThrow('odd');

    expect(await shared.run((i: number) => i, [1], { lane: 'api', deadlineMs: 10_000 }).values()).toEqual([
      1,
    ]);
    await shared.close();
  });

  it('locks hold between the runs of a runtime', async () => {
    let running = 0;
    let peak = 0;
    const exclusive = async () => {
      peak = Math.max(peak, ++running);
      await tick(5);
      running--;
    };
    const options = { concurrency: 4, locks: () => 'one' };
    await Promise.all([1, 2].map(() => runtime.run(exclusive, [1, 2, 3, 4], options).values()));

    expect(peak).toBe(1);
  });

  it('when all lanes are dead, or the only one has asked for too long a wait, the run ends', async () => {
    const breaker = { openMs: 20, maxOpenMs: 20, giveUpMs: 200 };
    const dead = createRuntime({
      lanes: { a: { concurrency: 1, breaker }, b: { concurrency: 1, breaker }, c: { concurrency: 1 } },
    });
    const both = await dead
      .run(
        () => {
          throw status(500);
        },
        Array.from({ length: 200 }, (_, i) => i),
        { lane: (i) => (Number(i) % 2 === 0 ? 'a' : 'b'), concurrency: 4, deadlineMs: 30_000 },
      )
      .report();
    const long = await dead
      .run(
        () => {
          throw status(503, { headers: { 'retry-after': '86400' } });
        },
        [1, 2, 3],
        { lane: 'c', deadlineMs: 30_000 },
      )
      .report();
    await dead.close();

    expect(both.reason).toMatchObject({ code: 'HEDDLE_LANE_OPEN' });
    expect(long.reason).toMatchObject({
      code: 'HEDDLE_LANE_OPEN',
      message: expect.stringContaining('15 minutes'),
    });
  });

  it('looks at a job that failed do not add up, and a job that could not be asked about is not submitted again', async () => {
    const session = join(root, 'session');
    const log: string[] = [];
    let isWell = false;
    const jobs = Object.assign(
      async (_: number, ctx: { submitted(handle: unknown, how: object): unknown }) => {
        log.push('submit');
        return ctx.submitted(1, { pollMs: 1 });
      },
      {
        poll: async (handle: unknown, ctx: { submitted(handle: unknown, how: object): unknown }) => {
          const looks = log.push('look');
          if (log.includes('well')) return 'done';
          if (looks < 40 && looks % 3 !== 0) return ctx.submitted(handle, { pollMs: 1 });
          if (isWell) log.push('well');
          throw status(503);
        },
      },
    ) as unknown as AnyTask;
    const options = { session, lane: { retry: { attempts: 3, backoffMs: 1 }, breaker: false } as const };
    const first = await runtime.run(jobs, [1], options).report();
    expect(first).toMatchObject({ status: 'aborted', failed: 0, aborted: 1 });
    expect(log.length).toBeGreaterThan(40);

    isWell = true;
    expect(await runtime.run(jobs, [1], { ...options, retryFailed: true }).values()).toEqual(['done']);
    expect(log.filter((line) => line === 'submit')).toHaveLength(1);
  });

  it('a job keeps its locks when a look at it fails, and a classify that throws at a look ends the run, no more', async () => {
    const log: string[] = [];
    let looks = 0;
    let isOdd = false;
    const jobs = Object.assign(
      async (i: number, ctx: { submitted(handle: unknown, how: object): unknown }) => {
        log.push(`begin ${i}`);
        return ctx.submitted(i, { pollMs: 1 });
      },
      {
        poll: async (i: number) => {
          if (++looks % 2 === 1) throw status(503);
          log.push(`end ${i}`);
          return i;
        },
      },
    ) as unknown as AnyTask;
    const lane: LaneOptions = {
      retry: { attempts: 3, backoffMs: 20, jitter: 'none' },
      breaker: false,
      classify: (_, usual) => {
        if (isOdd) throw new Error('odd');
        return usual;
      },
    };
    const options = { concurrency: 4, lane, locks: () => 'one' };

    await runtime.run(jobs, [0, 1, 2], options).values();
    expect(log).toEqual(['begin 0', 'end 0', 'begin 1', 'end 1', 'begin 2', 'end 2']);

    isOdd = true;
    await expect(runtime.run(jobs, [3], options).values()).rejects.toThrow('odd');
  });

  it('a first call that is refused teaches to wait, not to call once a minute', async () => {
    let calls = 0;
    const run = runtime.run(
      async (i: number) => {
        if (++calls === 1) throw status(429);
        return i;
      },
      [1, 2, 3, 4],
      { concurrency: 1, lane: {}, deadlineMs: 20_000 },
    );
    expect(await run.values()).toEqual([1, 2, 3, 4]);
  });

  it('what a task says it used must be numbers; else its attempt fails, and no other', async () => {
    const run = runtime.run(
      (i: number, ctx: { observe(what: unknown): void }) => {
        ctx.observe({ used: { tokens: i === 1 ? undefined : i === 2 ? 'many' : i } });
        return i;
      },
      [0, 1, 2],
      { lane: { retry: { attempts: 1 } } },
    );
    const report = await run.report();
    expect(report).toMatchObject({ succeeded: 2, failed: 1 });
    expect(report.failures[0]?.message).toContain('`used.tokens`');
  });

  it('failures that are not repeated use up no retries', async () => {
    const run = runtime.run(
      () => {
        throw status(500);
      },
      Array.from({ length: 300 }, (_, i) => i),
      {
        concurrency: 4,
        lane: { breaker: false },
        retry: { attempts: 3, retryIf: () => false },
      },
    );
    const { lanes, failed } = await run.report();
    expect(failed).toBe(300);
    expect(lanes[0]).toMatchObject({ retries: 0 });
  });
});
