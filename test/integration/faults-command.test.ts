/** K17 and K18: the command counts as the library does, and `heddle bench` runs what the library runs. */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createRuntime, type RunOptions, type Runtime } from 'heddle';
import { afterAll, describe, expect, it } from 'vitest';
import { heddle, jsonLines, tempFolder } from '../fixtures/cli/run-cli.js';
import { LEDGER, workFolder } from '../fixtures/cli/work-folder.js';
import { hostileScript } from '../support/hostile/fixtures.js';
import { freshPath } from '../support/hostile/folders.js';

const runtime: Runtime = createRuntime({ threads: 1 });
afterAll(() => runtime.close());

describe('K17: a limit of failures counts those of this run', () => {
  const EARLIER = ['bad1', 'bad2', 'bad3', 'a'];
  const RUN = ['run', LEDGER, '-i', 'in.txt', '--session', 's', '-t', '1', '--quiet'];

  it.each([
    { limit: ['--max-failures', '1'], added: ['bad4', 'b', 'c'] },
    { limit: ['--max-failures', '2'], added: ['bad4', 'b', 'bad5', 'c'] },
    { limit: ['--fail-fast'], added: ['b', 'c', 'd'] },
    { limit: ['--max-failures', '0'], added: ['b', 'c', 'd'] },
  ])('the command: $limit', async ({ limit, added }) => {
    using folder = workFolder(EARLIER);
    expect((await folder.heddle(RUN)).code).toBe(1);
    folder.put('in.txt', [...EARLIER, ...added].join('\n'));

    const { code, stdout } = await folder.heddle([...RUN, ...limit]);

    expect(code).toBe(1);
    expect(folder.executed()).toEqual([...EARLIER, ...added].sort());
    expect(jsonLines(stdout)).toHaveLength(EARLIER.length + added.length);
  });

  it('the command: a resume', async () => {
    using folder = workFolder(EARLIER);
    await folder.heddle(RUN);
    folder.put('in.txt', [...EARLIER, 'b', 'bad4', 'c'].join('\n'));

    const { code } = await folder.heddle(['resume', 's', '--max-failures', '1', '--quiet']);

    expect(code).toBe(1);
    expect(folder.executed()).toEqual([...EARLIER, 'b', 'bad4', 'c'].sort());
  });

  it('the command: more failures than that end the run', async () => {
    using folder = workFolder(EARLIER);
    await folder.heddle(RUN);
    const added = ['bad4', 'bad5', ...Array.from({ length: 300 }, (_, i) => `hold${i}`)];
    folder.put('in.txt', [...EARLIER, ...added].join('\n'));

    const { code } = await folder.heddle([...RUN, '--max-failures', '1', '-c', '1']);

    expect(code).toBe(1);
    // A task may have been on its way.
    expect(folder.executed().filter((name) => name.startsWith('hold')).length).toBeLessThan(20);
  });

  it.each([
    { limit: ['--max-failures', '2'], bad: ['{broken', '{"id":"bad9"}'] },
    { limit: ['--max-failures', '1'], bad: ['{broken'] },
    { limit: ['--max-failures', '1'], bad: ['{"id":"bad9"}'] },
  ])('the command, with lines that cannot be read: $limit $bad', async ({ limit, bad }) => {
    using folder = workFolder([]);
    const args = ['run', LEDGER, '-i', '-', '--format', 'jsonl', '--session', 's', '-t', '1', '--quiet'];
    const earlier = ['{"id":"bad1"}', '{"id":"bad2"}', '{"id":"a"}'];
    await folder.heddle(args, earlier.join('\n'));

    const lines = [...bad, ...earlier, '{"id":"b"}', '{"id":"c"}'];
    const { code, stdout } = await folder.heddle([...args, ...limit], lines.join('\n'));

    expect(code).toBe(1);
    expect(folder.executed().filter((name) => ['b', 'c'].includes(name))).toEqual(['b', 'c']);
    expect(jsonLines(stdout)).toHaveLength(lines.length);
  });

  const run = async (inputs: readonly number[], options: RunOptions<number>) => {
    const executed: number[] = [];
    const work = (n: number) => {
      executed.push(n);
      if (n < 0) throw new Error(`negative ${n}`);
      return n;
    };
    const report = await runtime.run(work, inputs, options).report();
    return { executed, status: report.status };
  };

  it.each<RunOptions<number>>([{ maxFailures: 1 }, { maxFailures: '30%' }])(
    'the library: %o',
    async (limit) => {
      const session = freshPath();
      await run([-1, -2, -3, 4], { session });

      const { executed, status } = await run([-1, -2, -3, 4, 5, -6, 7, 8], { session, ...limit });

      expect({ executed, status }).toEqual({ executed: [5, -6, 7, 8], status: 'failed' });
    },
  );

  it('the library: fail-fast', async () => {
    const session = freshPath();
    await run([-1, 2], { session });

    expect((await run([-1, 2, 3, 4], { session, failFast: true })).executed).toEqual([3, 4]);
  });
});

describe('K18: heddle bench runs what the library runs', () => {
  const QUICK = ['--rounds', '2', '-t', '1', '--chunk', '4', '--json', '--quiet'];

  it('a task that uses all of its context', async () => {
    using folder = tempFolder({
      'task.mjs': `
        export default async function work(input, ctx) {
          ctx.observe({ headers: { 'x-ratelimit-limit': '100' }, used: { tokens: 3 } });
          ctx.progress(0.5, 'half');
          ctx.log('info', 'line', { input });
          const members = [ctx.signal.aborted, ctx.index, ctx.key, ctx.attempt, ctx.account, ctx.services];
          const text = [input, members.length, typeof ctx.account, typeof ctx.submitted].join();
          return ctx.transfer(text, []);
        }`,
    });

    const { code, stdout, stderr } = await heddle(['bench', 'task.mjs', '1', '2', '3', '4', ...QUICK], {
      cwd: folder.path,
    });

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ failed: 0 });
  });

  it('a task that submits jobs is refused with the reason: its time is that of the other side', async () => {
    using folder = tempFolder({ done: '' });
    const input = { mark: folder.at('mark'), until: folder.at('done'), pollMs: 1 };
    const lines = Array.from({ length: 4 }, (_, id) => JSON.stringify({ ...input, id })).join('\n');
    const task = fileURLToPath(hostileScript('submits.mjs'));

    const { code, stdout, stderr } = await heddle(
      ['bench', task, '-i', '-', '--format', 'jsonl', '--max-time', '20s', ...QUICK],
      { cwd: folder.path, input: lines },
    );

    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('a task that returns ctx.submitted cannot be compared');
    expect(existsSync(folder.at('mark'))).toBe(true);
  });
});
