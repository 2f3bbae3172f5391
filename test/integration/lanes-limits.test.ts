/**
 * A declared limit is never exceeded, before providers in processes of their own that count what comes. The tests mostly wait for windows
 * to pass, so they run at the same time.
 *
 * Guards are wide here: on a machine that is busy with other tests a call may be on its way for long. Rates are measured in bench/.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createRuntime, type LaneOptions, type Runtime, task } from 'heddle';
import { afterAll, describe, expect, it } from 'vitest';
import { tempFolder } from '../fixtures/cli/run-cli.js';
import { fullestWindow, LimitedServer } from '../support/limited-server.js';
import type { AnyTask } from '../support/tasks.js';

const GUARD_MS = 1000;

const runtime: Runtime = createRuntime({ threads: 2 });
afterAll(() => runtime.close());

interface Call {
  readonly url: string;
  readonly name: string;
  readonly cost?: number;
}

const module = new URL('../fixtures/lanes/call.mjs', import.meta.url);
const { default: inline } = (await import(module.href)) as { default: (input: Call) => Promise<string> };

const callsTo = ({ url }: LimitedServer, count: number, cost?: (i: number) => number): Call[] =>
  Array.from({ length: count }, (_, i) => ({
    url,
    name: `t${i}`,
    ...(cost !== undefined && { cost: cost(i) }),
  }));

/** Each task was served once. */
async function expectEachOnce(provider: LimitedServer, count: number): Promise<void> {
  const { tasks } = await provider.stats();
  expect(Object.keys(tasks)).toHaveLength(count);
  expect(Object.values(tasks).every((times) => times === 1)).toBe(true);
}

interface Life {
  /** Resolves when so many tasks have an outcome. */
  settled(count: number): Promise<void>;
  kill(): Promise<void>;
  readonly report: Promise<Record<string, unknown> | undefined>;
}

/** A run in a process of its own. */
function live(inputs: readonly Call[], run: object): Life {
  const script = new URL('../fixtures/lanes/run-batch.mjs', import.meta.url);
  const child: ChildProcess = fork(
    script,
    [JSON.stringify({ module: module.href, inputs, options: { run } })],
    {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    },
  );
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  let outcomes = 0;
  let onOutcome = () => {};
  child.on('message', () => {
    outcomes++;
    onOutcome();
  });
  const report = once(child, 'close').then(() =>
    text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>),
  );
  return {
    report,
    settled: (count) =>
      new Promise((resolve) => {
        onOutcome = () => outcomes >= count && resolve();
        onOutcome();
      }),
    kill: async () => {
      child.kill('SIGKILL');
      await report;
    },
  };
}

describe.concurrent('a declared limit is never exceeded', () => {
  it.each([
    { count: 46, concurrency: 10, limit: 20, perMs: 1500, burst: 20, threads: false },
    { count: 46, concurrency: 10, limit: 20, perMs: 1500, burst: undefined, threads: true },
    { count: 250, concurrency: 50, limit: 100, perMs: 1000, burst: 100, threads: false },
  ])(
    '$count calls, $limit in $perMs ms, burst $burst, $concurrency at once, threads: $threads',
    async ({ count, concurrency, limit, perMs, burst, threads }) => {
      await using provider = await LimitedServer.start({ limit, perMs });
      const lane: LaneOptions = { rate: { limit, perMs, burst, guardMs: GUARD_MS } };

      const run = threads
        ? runtime.run(task<AnyTask>(module), callsTo(provider, count), { concurrency, lane })
        : runtime.run(inline, callsTo(provider, count), { concurrency, lane });
      await run.values();
      const report = await run.report();

      expect(await provider.stats()).toMatchObject({ total: count, refused: 0 });
      expect(fullestWindow(await provider.times(), perMs)).toBeLessThanOrEqual(limit);
      expect(report.lanes[0]).toMatchObject({ throttled: 0 });
      // A task that a thread sent back before it ran counts as a start too.
      expect(report.lanes[0]?.starts).toBeGreaterThanOrEqual(count);
    },
  );

  it('by calls that differ in what they use up', async () => {
    // The guard of a budget cannot be set. A window that is declared longer than it is has the same effect.
    const perMs = 6000;
    await using provider = await LimitedServer.start({ budget: 300, budgetPerMs: perMs });
    const costs = (i: number) => 5 + (i % 4) * 10;
    const budgets = [
      {
        unit: 'units',
        limit: 300,
        perMs: perMs + 2 * GUARD_MS,
        burst: 200,
        settle: 'keep',
        estimate: ({ cost }: Call) => cost ?? 0,
      },
    ] as const;

    const run = runtime.run(inline, callsTo(provider, 25, costs), { concurrency: 10, lane: { budgets } });
    await run.values();

    expect(await provider.stats()).toMatchObject({ total: 25, refused: 0 });
  });

  it('by attempts that are repeated', async () => {
    await using provider = await LimitedServer.start({ limit: 10, perMs: 500, broken: true });
    const retry = { attempts: 3, backoffMs: 1, jitter: 'none' } as const;
    const lane: LaneOptions = { rate: { limit: 10, perMs: 500, guardMs: GUARD_MS }, retry, breaker: false };

    const report = await runtime.run(inline, callsTo(provider, 10), { concurrency: 10, lane }).report();

    expect(report).toMatchObject({ failed: 10, retries: 20 });
    expect(await provider.stats()).toMatchObject({ total: 30, refused: 0 });
  });

  it('by two runs of one runtime', async () => {
    await using provider = await LimitedServer.start({ limit: 20, perMs: 1000 });
    await using shared = createRuntime({
      lanes: { api: { rate: { limit: 20, perMs: 1000, guardMs: GUARD_MS }, concurrency: 4 } },
    });
    const calls = callsTo(provider, 50);

    await Promise.all([
      shared.run(inline, calls.slice(0, 25), { lane: 'api' }).values(),
      shared.run(inline, calls.slice(25), { lane: () => 'api', concurrency: 8 }).values(),
    ]);

    const { refused, peak } = await provider.stats();
    expect({ refused, isBounded: peak <= 4 }).toEqual({ refused: 0, isBounded: true });
    await expectEachOnce(provider, 50);
  });

  it('by two shards of one session, which divide it', async () => {
    using folder = tempFolder();
    await using provider = await LimitedServer.start({ limit: 20, perMs: 1000 });
    const lane = { rate: { limit: 20, perMs: 1000, guardMs: GUARD_MS }, concurrency: 6 };
    const session = folder.at('session');
    const lives = [1, 2].map((index) =>
      live(callsTo(provider, 50), { session, lane, shard: { index, count: 2 } }),
    );

    const reports = await Promise.all(lives.map(({ report }) => report));

    expect(reports.every((report) => report?.['status'] === 'completed')).toBe(true);
    const { refused, peak } = await provider.stats();
    expect({ refused, isBounded: peak <= 6 }).toEqual({ refused: 0, isBounded: true });
    await expectEachOnce(provider, 50);
  });

  it('across kill -9 and resume', async () => {
    using folder = tempFolder();
    await using provider = await LimitedServer.start({ limit: 20, perMs: 2000, latencyMs: 20 });
    const options = {
      session: folder.at('session'),
      concurrency: 10,
      lane: { rate: { limit: 20, perMs: 2000, burst: 20, guardMs: GUARD_MS } },
    };
    const inputs = callsTo(provider, 50);
    const first = live(inputs, options);
    await first.settled(12);
    await first.kill();
    expect(readdirSync(options.session).some((file) => file.startsWith('calls-'))).toBe(true);
    const second = live(inputs, options);
    await second.settled(20);
    await second.kill();

    const report = await live(inputs, options).report;

    expect(report).toMatchObject({ status: 'completed', succeeded: 50 });
    expect(await provider.stats()).toMatchObject({ refused: 0 });
    expect(fullestWindow(await provider.times(), 2000)).toBeLessThanOrEqual(20);
  });

  it('accounts with limits 1:3 get calls 1:3', async () => {
    await using provider = await LimitedServer.start({});
    // Calls that start late are made up for by the burst, and places are not short: the machine does not change the ratio.
    const rate = (limit: number) => ({ rate: { limit, perMs: 2000, burst: limit / 5 } });
    const run = runtime.run(inline, callsTo(provider, 60), {
      concurrency: 60,
      lane: { accounts: { small: rate(10), large: rate(30) } },
    });
    await run.values();

    const { accounts } = await provider.stats();
    const [small = 0, large = 0] = [accounts['small'], accounts['large']];
    expect(small + large).toBe(60);
    expect(large / small).toBeGreaterThan(2.7);
    expect(large / small).toBeLessThan(3.3);
    const reported = (await run.report()).lanes[0]?.accounts.map(({ name, starts }) => [name, starts]);
    expect(reported).toEqual([
      ['small', small],
      ['large', large],
    ]);
  });
});
