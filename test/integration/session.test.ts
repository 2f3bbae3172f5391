/**
 * What a run with a session promises: outcomes are kept, and a later run of the same batch executes what has none, whatever became of
 * the order of the inputs.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createRuntime,
  type Outcome,
  openSession,
  type Report,
  type RunOptions,
  type Runtime,
  task,
  transfer,
} from 'heddle';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AnyTask, fixture } from '../support/tasks.js';

const runtime: Runtime = createRuntime({ threads: 2 });
afterAll(() => runtime.close());

let root = '';
let folder = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'heddle-session-'));
  folder = join(root, 'session');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const sessionTask = (name: string) => task<AnyTask>(new URL(`../fixtures/session/${name}`, import.meta.url));

interface Result {
  readonly executed: unknown[];
  readonly outcomes: Outcome[];
  readonly report: Report;
}

/** Runs a batch on this thread and tells which inputs were executed. Negative inputs fail. */
async function run(
  inputs: Iterable<unknown> | AsyncIterable<unknown>,
  options: RunOptions = {},
): Promise<Result> {
  const executed: unknown[] = [];
  const running = runtime.run(
    async function work(input: unknown) {
      executed.push(input);
      if (typeof input === 'number' && input < 0) throw new Error(`negative ${input}`);
      return input;
    },
    inputs,
    { session: folder, ...options },
  );
  const outcomes = await running.outcomes();
  return { executed, outcomes, report: await running.report() };
}

async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of list) items.push(item);
  return items;
}

const values = (outcomes: readonly Outcome[]) =>
  outcomes.map((outcome) => (outcome.status === 'succeeded' ? outcome.value : outcome.status));

describe('resume by identity', () => {
  it('executes nothing twice and gives the same outcomes again', async () => {
    const first = await run([1, 2, -3, 4]);
    const second = await run([1, 2, -3, 4]);

    expect(second.executed).toEqual([]);
    expect(JSON.stringify(second.outcomes)).toBe(JSON.stringify(first.outcomes));
    expect(second.report).toMatchObject({ succeeded: 3, failed: 1, resumed: 4, status: 'failed' });
    expect(second.report.failures[0]).toMatchObject({ count: 1, message: 'negative -3' });
  });

  it('an input put on top runs, the others keep their outcomes at their new places', async () => {
    await run(['a', 'b', 'c']);

    const { executed, outcomes } = await run(['new', 'a', 'b', 'c']);

    expect(executed).toEqual(['new']);
    expect(outcomes.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(values(outcomes)).toEqual(['new', 'a', 'b', 'c']);
  });

  it('shuffled inputs do not run again; results follow the newest order', async () => {
    await run([1, 2, 3, 4, 5]);

    const { executed, outcomes } = await run([5, 3, 1, 2, 4]);

    expect(executed).toEqual([]);
    expect(values(outcomes)).toEqual([5, 3, 1, 2, 4]);
    const recorded = await all(openSession(folder).outcomes());
    expect(values(recorded)).toEqual([5, 3, 1, 2, 4]);
  });

  it('a changed input is a new task, and the one that is gone is told', async () => {
    await run([{ id: 1, text: 'old' }, { id: 2 }]);

    const { executed, report } = await run([{ id: 1, text: 'new' }, { id: 2 }]);

    expect(executed).toEqual([{ id: 1, text: 'new' }]);
    expect(report).toMatchObject({ removed: 1, succeeded: 2, resumed: 1 });
    expect(report.notes.join()).toContain('1 task of the session is not in this batch any more');
  });

  it('a failed task that is removed does not count any more, and counts again when it is back', async () => {
    await run([1, -2]);
    const without = await run([1]);
    const again = await run([1, -2]);

    expect(without.report).toMatchObject({ status: 'completed', failed: 0, removed: 1 });
    expect(again.report).toMatchObject({ status: 'failed', failed: 1, removed: 0, resumed: 2 });
    expect(again.executed).toEqual([]);
    expect(await openSession(folder).status()).toMatchObject({ succeeded: 1, failed: 1, removed: 0 });
  });

  it('equal inputs are told apart by how many there are', async () => {
    const first = await run(['x', 'x', 'y', 'x']);
    const more = await run(['x', 'y', 'x', 'x', 'x']);

    expect(first.executed).toEqual(['x', 'x', 'y', 'x']);
    expect(new Set(first.outcomes.map(({ key }) => key)).size).toBe(4);
    expect(more.executed).toEqual(['x']);
    expect(more.outcomes.length).toBe(5);
  });

  it('the key option names tasks: the rest of the input may change', async () => {
    const key = (input: unknown) => (input as { id: string }).id;
    await run(
      [
        { id: 'a', n: 1 },
        { id: 'b\n"', n: 1 },
      ],
      { key },
    );

    const { executed, outcomes } = await run([{ id: 'b\n"', n: 2 }, { id: 'a', n: 2 }, { id: 'c' }], { key });

    expect(executed).toEqual([{ id: 'c' }]);
    expect(outcomes.map((outcome) => outcome.key)).toEqual(['b\n"', 'a', 'c']);
  });

  it('failed tasks run again only when asked for, and the newer outcome counts', async () => {
    let fails = true;
    const attempt = async (options: RunOptions) => {
      const running = runtime.run(
        async function flaky(n: number) {
          if (fails && n === 2) throw new Error('no');
          return n;
        },
        [1, 2, 3],
        { session: folder, ...options },
      );
      return [values(await running.outcomes()), (await running.report()).failed];
    };

    expect(await attempt({})).toEqual([[1, 'failed', 3], 1]);
    fails = false;
    expect(await attempt({})).toEqual([[1, 'failed', 3], 1]);
    expect(await attempt({ retryFailed: true })).toEqual([[1, 2, 3], 0]);
    expect(await attempt({})).toEqual([[1, 2, 3], 0]);
  });

  it('failures of an earlier run do not end this one', async () => {
    await run([-1, -2, -3]);

    const { report } = await run([-1, -2, -3, 4, 5], { maxFailures: 1 });

    expect(report).toMatchObject({ failed: 3, succeeded: 2, resumed: 3 });
  });

  it.each(['input', 'completion'] as const)('streams and long batches, in %s order', async (order) => {
    const inputs = Array.from({ length: 5000 }, (_, i) => i);
    await run(inputs.filter((i) => i % 3 !== 0));
    async function* stream() {
      yield* inputs;
    }

    const { executed, outcomes, report } = await run(stream(), { order, window: 10 });

    expect(executed.length).toBe(1667);
    expect(outcomes.map(({ index }) => index).sort((a, b) => a - b)).toEqual(inputs);
    if (order === 'input') expect(values(outcomes)).toEqual(inputs);
    expect(report).toMatchObject({ succeeded: 5000, resumed: 3333 });
  });

  it('refuses another batch, another task and another way to name tasks, and changes nothing', async () => {
    await run([1, 2]);
    const before = await openSession(folder).status();
    const other = runtime.run(async function other() {}, [1, 2], { session: folder });

    await expect(run([8, 9])).rejects.toMatchObject({ code: 'HEDDLE_SESSION_MISMATCH' });
    await expect(other.outcomes()).rejects.toThrow(
      'belongs to the task function work, not to function other',
    );
    await expect(run([1, 2], { key: String })).rejects.toThrow('names its tasks by the hash of the input');
    expect(await openSession(folder).status()).toMatchObject({ succeeded: before.succeeded, removed: 0 });
    const forced = await run([8, 9], { session: { path: folder, force: true } });
    expect(forced.report).toMatchObject({ succeeded: 2, removed: 2 });
  });

  it('a changed task module is told, and recorded outcomes are kept', async () => {
    const module = join(root, 'work.mjs');
    writeFileSync(module, 'export default (n) => n;');
    await runtime.run(task(module), [1, 2], { session: folder }).outcomes();
    appendFileSync(module, '\n// changed');

    const again = runtime.run(task(module), [1, 2, 3], { session: folder });
    const report = await again.report();

    expect(report).toMatchObject({ resumed: 2, succeeded: 3 });
    expect(report.notes.join()).toContain('has changed since the session');
  });
});

describe('keys', () => {
  it('of the user are never mistaken for each other or for hashes', async () => {
    const hash = 'd41d8cd98f00b204e9800998ecf8427e';
    const keys = [
      hash,
      `${hash}-1`,
      `${hash}-2`,
      'd41d8cd98f00b204e9800998ecf8427f',
      '\ud800',
      '\ud801',
      'a-2',
      'a',
    ];
    const key = (input: unknown) => keys[input as number] as string;
    const inputs = keys.map((_, i) => i);
    await run(inputs.slice(0, 4), { key });

    const { executed, outcomes } = await run(inputs, { key });

    expect(executed).toEqual([4, 5, 6, 7]);
    expect(values(outcomes)).toEqual(inputs);
    expect(outcomes.map((outcome) => outcome.key)).toEqual(keys);
  });

  it('of many equal inputs are told apart', async () => {
    const inputs = Array.from({ length: 50_000 }, () => null);

    const { outcomes } = await run(inputs);

    expect(new Set(outcomes.map(({ key }) => key)).size).toBe(50_000);
  });
});

describe('outcomes of an earlier run', () => {
  it('are all there for a consumer that is slower than the run, also after the run has ended', async () => {
    const inputs = Array.from({ length: 6000 }, (_, i) => i);
    await run(inputs);

    const running = runtime.run(async function work() {}, inputs, { session: folder });
    const ended = new Promise<void>((resolve) => {
      void (async () => {
        for await (const event of running.events()) if (event.type === 'run-ended') resolve();
      })();
    });
    const seen: unknown[] = [];
    for await (const outcome of running) {
      if (seen.length === 10) await ended;
      seen.push(outcome.status === 'succeeded' ? outcome.value : outcome.status);
    }

    expect(seen).toEqual(inputs);
  });

  it('that cannot be read any more are an error, never left out', async () => {
    await run(Array.from({ length: 3000 }, (_, i) => i));
    const own = createRuntime({ threads: 1 });
    const running = own.run(
      async function work() {},
      Array.from({ length: 3000 }, (_, i) => i),
      { session: folder },
    );
    const iterator = running[Symbol.asyncIterator]();
    await iterator.next();
    await own.close();

    const drain = async () => {
      while ((await iterator.next()).done !== true);
    };
    await expect(drain()).rejects.toMatchObject({ code: 'HEDDLE_CLOSED' });
  });

  it('that failed are all listed by values()', async () => {
    await run([-1, -2, -3, 4]);

    const again = runtime.run(async function work() {}, [-1, -2, -3, 4], { session: folder });

    await expect(again.values()).rejects.toMatchObject({ indexes: [0, 1, 2] });
  });

  it('stay when the source fails, and what was read is finished', async () => {
    await run([1, 2, 3, 4, 5, 6]);
    const shown: unknown[] = [];
    function* broken() {
      yield* [1, 2, 'new'];
      throw new Error('broken pipe');
    }
    const running = runtime.run(
      async function work(input: unknown) {
        return input;
      },
      broken(),
      { session: folder, onOutcome: ({ index, status }) => shown.push([index, status]) },
    );

    await expect(running.outcomes()).rejects.toMatchObject({ code: 'HEDDLE_INPUT_SOURCE' });

    expect(shown.sort()).toEqual([0, 1, 2].map((index) => [index, 'succeeded']));
    expect(await openSession(folder).status()).toMatchObject({ succeeded: 7, removed: 0 });
  });

  it('an input that cannot be hashed fails alone, in this run and in the next', async () => {
    let deep: unknown = 1;
    for (let i = 0; i < 20_000; i++) deep = [deep];

    for (const resumed of [0, 2]) {
      const { outcomes, report } = await run([1, deep, 3]);
      expect(outcomes.map(({ status }) => status)).toEqual(['succeeded', 'failed', 'succeeded']);
      expect(outcomes[1]).toMatchObject({ attempts: 0, error: { code: 'HEDDLE_INVALID_KEY' } });
      expect(report).toMatchObject({ failed: 1, resumed });
    }
  });

  it('do not make a window of the caller larger', async () => {
    await run([1, 2, 3]);
    let read = 0;
    function* counted() {
      for (let i = 0; i < 100; i++) {
        read++;
        yield `new ${i}`;
      }
    }
    const running = runtime.run(async function work() {}, counted(), {
      session: folder,
      window: 4,
    });
    const iterator = running[Symbol.asyncIterator]();
    await iterator.next();

    expect(read).toBeLessThan(12);
    await running.close();
  });
});

describe('values and errors', () => {
  const names = ['date', 'map', 'big', 'nan', 'hole', 'nothing', 'bytes', 'text', 'plain'];

  it.each([false, true])('come back as they were given, inline: %s', async (inline) => {
    const module = task<AnyTask>(new URL('../fixtures/session/values.js', import.meta.url), { inline });
    const first = await runtime.run(module, names, { session: folder }).values();
    const plain = await runtime.run(module, names).values();
    const second = await runtime.run(module, names, { session: folder }).values();

    expect(first).toEqual(plain);
    expect(second).toEqual(plain);
  });

  it('errors keep name, code, cause and fields; what cannot be kept fails its task alone', async () => {
    const module = sessionTask('values.js');
    const first = await runtime.run(module, ['error', 'plain', 'function'], { session: folder }).outcomes();
    const second = await runtime.run(module, ['error', 'plain', 'function'], { session: folder }).outcomes();

    expect(second).toEqual(first);
    expect(first.map(({ status }) => status)).toEqual(['failed', 'succeeded', 'failed']);
    expect(second[0]).toMatchObject({
      error: { name: 'RangeError', code: 'E_FAR', at: '7 (bigint)', cause: { message: 'deep' } },
    });
    expect(second[2]).toMatchObject({ error: { code: 'HEDDLE_NOT_CLONEABLE' } });
  });

  it('a transferred input is known by its content', async () => {
    const inputs = () => [1, 2].map((n) => transfer(new Uint8Array([n]), []));
    await runtime.run(fixture('echo.js'), inputs(), { session: folder }).outcomes();

    const report = await runtime.run(fixture('echo.js'), inputs().reverse(), { session: folder }).report();

    expect(report).toMatchObject({ resumed: 2, removed: 0 });
  });
});

describe('what is not final is not recorded', () => {
  it('an aborted run keeps what was shown, and the rest runs later', async () => {
    const controller = new AbortController();
    const shown: string[] = [];
    const running = runtime.run(
      async function work(n: number, { signal }) {
        if (n >= 5)
          await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
        return n;
      },
      [1, 2, 3, 4, 5, 6, 7, 8],
      { session: folder, signal: controller.signal, concurrency: 2, order: 'completion' },
    );
    await expect(
      (async () => {
        for await (const { status, key } of running) {
          if (status === 'succeeded') shown.push(key);
          if (shown.length === 4) controller.abort();
        }
      })(),
    ).rejects.toThrow();

    const { executed, report } = await run([1, 2, 3, 4, 5, 6, 7, 8]);

    expect(executed).toEqual([5, 6, 7, 8]);
    expect(report).toMatchObject({ succeeded: 8, resumed: 4 });
  });
});

describe('shards', () => {
  it('divide the batch by key: each task runs once, whatever the order', async () => {
    const inputs = Array.from({ length: 300 }, (_, i) => i);
    const shard = (index: number, list = inputs) => run(list, { shard: { index, count: 3 } });

    const results = await Promise.all([shard(1), shard(2, inputs.toReversed()), shard(3)]);

    const executed = results.flatMap((result) => result.executed as number[]);
    expect(executed.sort((a, b) => a - b)).toEqual(inputs);
    expect(results.every((result) => result.executed.length > 60)).toBe(true);
    expect(values(results[0].outcomes)).toEqual((results[0].executed as number[]).sort((a, b) => a - b));
    const whole = await run(inputs);
    expect(whole).toMatchObject({ executed: [], report: { resumed: 300 } });
  });

  it('divide without a session as well, and values() leaves no holes', async () => {
    const echo = fixture('echo.js');
    const parts = await Promise.all(
      [1, 2].map((index) =>
        runtime.run(echo, ['a', 'b', 'c', 'd', 'e'], { shard: { index, count: 2 } }).values(),
      ),
    );

    expect(parts.map((part) => Object.keys(part).length)).toEqual(parts.map((part) => part.length));
    expect(parts.flat().sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('a second run of a shard is refused while the first lives, another shard is not', async () => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const slow = (index: number) =>
      runtime.run(
        async function slow(n: number) {
          await gate;
          return n;
        },
        [1, 2, 3, 4],
        { session: folder, shard: { index, count: 2 } },
      );
    const first = slow(1);
    const events = first.events();
    await events.next();

    await expect(slow(1).outcomes()).rejects.toMatchObject({ code: 'HEDDLE_SESSION_BUSY' });
    await expect(slow(1).outcomes()).rejects.toThrow(`in use by process ${process.pid}`);
    await expect(
      runtime.run(async function slow() {}, [1], { session: folder }).outcomes(),
    ).rejects.toMatchObject({ code: 'HEDDLE_SESSION_BUSY' });
    const second = slow(2);
    go();
    expect((await first.outcomes()).length + (await second.outcomes()).length).toBe(4);
  });
});

describe('the cache', () => {
  /** A task module that writes down what it executes. Negative inputs fail. */
  function module(
    name: string,
    text = '',
  ): { readonly task: ReturnType<typeof task<AnyTask>>; executed(): number[] } {
    const path = join(root, `${name}.mjs`);
    const ledger = join(root, `${name}.ledger`);
    writeFileSync(ledger, '');
    writeFileSync(
      path,
      `import { appendFileSync } from 'node:fs';
      export default (n) => {
        appendFileSync(${JSON.stringify(ledger)}, n + '\\n');
        if (n < 0) throw new Error('negative');
        return ${text === '' ? 'n' : text};
      };`,
    );
    const executed = () => readFileSync(ledger, 'utf8').split('\n').filter(Boolean).map(Number);
    return { task: task<AnyTask>(path), executed };
  }

  it('gives values of identical tasks across sessions, and failures are not kept', async () => {
    const cache = join(root, 'cache');
    const work = module('work');
    await runtime.run(work.task, [1, 2, -3], { cache, session: folder, chunk: 1 }).outcomes();
    const second = runtime.run(work.task, [2, -3, 4, 1], { cache, session: join(root, 'other') });
    const outcomes = await second.outcomes();
    const third = runtime.run(work.task, [1, 2], { cache });

    expect(values(outcomes)).toEqual([2, 'failed', 4, 1]);
    expect(await second.report()).toMatchObject({ reused: 2, succeeded: 3, failed: 1 });
    expect(await third.values()).toEqual([1, 2]);
    expect(work.executed().sort((a, b) => a - b)).toEqual([-3, -3, 1, 2, 4]);
  });

  it('is not used for another module, and a damaged entry is computed again', async () => {
    const cache = join(root, 'cache');
    const work = module('work');
    expect(await runtime.run(work.task, [1], { cache }).values()).toEqual([1]);
    expect(await runtime.run(module('more', 'n + 1').task, [1], { cache }).values()).toEqual([2]);
    const entries = readdirSync(cache, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.json'),
    );
    expect(entries.length).toBe(2);
    for (const entry of entries) {
      const bytes = readFileSync(join(cache, entry));
      bytes[bytes.length - 3] = (bytes.at(-3) as number) ^ 1;
      writeFileSync(join(cache, entry), bytes);
    }

    expect(await runtime.run(work.task, [1], { cache }).values()).toEqual([1]);
    expect(work.executed()).toEqual([1, 1]);
  });

  it('goes by the input as it was given, moved or not, and keeps to the window', async () => {
    const cache = join(root, 'cache');
    const bytes = () => transfer(new Uint8Array([3, 1, 2]), []);
    const echo = fixture('echo.js');
    await runtime.run(echo, [bytes()], { cache }).values();
    const second = runtime.run(echo, [bytes()], { cache });
    expect(await second.values()).toEqual([new Uint8Array([3, 1, 2])]);
    expect(await second.report()).toMatchObject({ reused: 1 });

    const inputs = Array.from({ length: 500 }, (_, i) => i);
    await runtime.run(echo, inputs, { cache }).values();
    let read = 0;
    function* counted() {
      for (const input of inputs) {
        read++;
        yield input;
      }
    }
    const running = runtime.run(echo, counted(), { cache, window: 4 });
    const iterator = running[Symbol.asyncIterator]();
    await iterator.next();
    expect(read).toBeLessThan(12);
    await running.close();
  });

  it('is refused for a function: nobody can see what it closes over', () => {
    expect(() => runtime.run(async () => 1, [1], { cache: root })).toThrow('needs a task module');
  });
});

/** Runs a batch in a process of its own. */
class Batch {
  readonly child: ChildProcess;
  said = '';
  readonly ended: Promise<string>;

  constructor(spec: { module: string; inputs: unknown[]; options?: RunOptions }) {
    const script = fileURLToPath(new URL('../fixtures/session/run-batch.js', import.meta.url));
    this.child = spawn(process.execPath, [script, folder, JSON.stringify(spec)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.said += text;
    });
    this.ended = new Promise((resolve) => this.child.on('close', () => resolve(this.said)));
  }
}

/** Waits until a file holds a text. */
async function holds(path: string, text: string): Promise<void> {
  while (!existsSync(path) || !readFileSync(path, 'utf8').includes(text))
    await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('attempts that were cut off', () => {
  const spec = (module: string, ledger: string, hang: boolean) => ({
    module,
    inputs: ['a', 'b', 'c', 'd'].map((name) => ({ ledger, name, action: hang && name > 'b' ? 'hang' : '' })),
    options: { concurrency: 2, key: undefined } as RunOptions,
  });

  it('at-most-once: after kill -9 they fail and are not executed again, what never began runs', async () => {
    const ledger = join(root, 'ledger');
    const names = ['a', 'b', 'c', 'd', 'e'];
    const inputs = names.map((name) => ({
      ledger,
      name,
      action: name === 'b' || name === 'c' ? 'hang' : '',
    }));
    const first = new Batch({ module: 'once.js', inputs });
    await holds(ledger, 'b\n');
    await holds(ledger, 'c\n');
    first.child.kill('SIGKILL');
    await first.ended;

    const report = await runtime.run(sessionTask('once.js'), inputs, { session: folder }).outcomes();

    expect(
      report.map((outcome) =>
        outcome.status === 'failed' ? (outcome.error as { code?: string }).code : outcome.status,
      ),
    ).toEqual(['succeeded', 'HEDDLE_INTERRUPTED', 'HEDDLE_INTERRUPTED', 'succeeded', 'succeeded']);
    expect(readFileSync(ledger, 'utf8').trim().split('\n').sort()).toEqual(names);
  });

  it('at-most-once: a thread that dies or a timeout fails the task, whatever the retries', async () => {
    const ledger = join(root, 'ledger');
    const inputs = [
      { ledger, name: 'dies', action: 'die' },
      { ledger, name: 'hangs', action: 'hang' },
      { ledger, name: 'fine' },
    ];

    const outcomes = await runtime
      .run(sessionTask('once.js'), inputs, { timeoutMs: 300, retry: { attempts: 5, backoffMs: 1 } })
      .outcomes();

    expect(outcomes.map(({ status }) => status)).toEqual(['failed', 'failed', 'succeeded']);
    expect(outcomes[0]).toMatchObject({ error: { code: 'HEDDLE_INTERRUPTED' } });
    expect(outcomes[1]).toMatchObject({
      error: { code: 'HEDDLE_INTERRUPTED', cause: { code: 'HEDDLE_TIMEOUT' } },
    });
    expect(readFileSync(ledger, 'utf8').trim().split('\n').sort()).toEqual(['dies', 'fine', 'hangs']);
  });

  it('adopt: is asked after kill -9, and the task runs only when nothing came of it', async () => {
    const ledger = join(root, 'ledger');
    const first = new Batch(spec('adopts.js', ledger, true));
    await holds(ledger, 'c\n');
    await holds(ledger, 'd\n');
    first.child.kill('SIGKILL');
    await first.ended;
    writeFileSync(`${ledger}.c`, '');
    const { inputs } = spec('adopts.js', ledger, true);
    writeFileSync(ledger, '');

    const running = runtime.run(sessionTask('adopts.js'), inputs, { session: folder, timeoutMs: 2000 });
    const outcomes = await running.outcomes();

    expect(values(outcomes)).toEqual(['ran a', 'ran b', 'adopted c', 'failed']);
    expect(readFileSync(ledger, 'utf8').trim().split('\n').sort()).toEqual(['asked c', 'asked d', 'd']);
  });

  it('at-most-once: an attempt that ended by itself was not cut off, though the run ended before its retry', async () => {
    let fails = true;
    const charge = Object.assign(
      async function charge() {
        if (fails) throw new Error('card declined');
        return 'charged';
      },
      { execution: 'at-most-once' },
    );
    const controller = new AbortController();
    const running = runtime.run(charge, [1], {
      session: folder,
      signal: controller.signal,
      retry: { attempts: 2, backoffMs: 60_000, jitter: 'none' },
    });
    for await (const event of running.events()) if (event.type === 'task-retry') controller.abort();
    await expect(running.outcomes()).rejects.toThrow();
    fails = false;

    expect(await runtime.run(charge, [1], { session: folder }).values()).toEqual(['charged']);
  });

  it('a declaration that makes no sense is refused', async () => {
    const module = join(root, 'wrong.mjs');
    writeFileSync(module, "export const execution = 'twice'; export default () => 1;");

    await expect(runtime.run(task(module), [1]).values()).rejects.toMatchObject({
      code: 'HEDDLE_TASK_MODULE_INVALID',
    });
  });
});
