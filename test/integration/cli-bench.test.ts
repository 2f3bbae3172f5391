/** `heddle bench`: structure of the report, equality of results, refusals and endings. No figure is asserted: machines differ. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createRuntime, type TaskContext } from 'heddle';
import { describe, expect, it } from 'vitest';
import { LoopContext } from '../../src/compare/loop-context.js';
import { type Ended, fixture, heddle, startHeddle, tempFolder } from '../fixtures/cli/run-cli.js';

const SAME = fixture('same.js');
const INPUTS = Array.from({ length: 40 }, (_, i) => `in${i}`);
/** As little work as there can be. */
const QUICK = ['--rounds', '2', '-t', '2', '--chunk', '4'];

const bench = (args: readonly string[], options: Parameters<typeof heddle>[1] = {}): Promise<Ended> =>
  heddle(['bench', ...args], options);

describe('heddle bench', () => {
  it('prints a table of the variants and the command to use, and records nothing', async () => {
    using folder = tempFolder({ 'in.txt': INPUTS.join('\n') });

    const { code, stdout } = await bench([SAME, '-i', 'in.txt', ...QUICK], { cwd: folder.path });

    expect(code).toBe(0);
    const lines = stdout.split('\n');
    expect(lines[0]).toBe(`${SAME}: all 40 inputs, 2 rounds`);
    expect(lines[2]).toMatch(/^variant +time +± +speed-up +eff\. +tasks\/s +task p95 +memory$/);
    expect(lines.slice(3, 8).map((line) => line.split(/ {2,}/)[0])).toEqual([
      'plain loop',
      'inline',
      '2 threads',
      '2 threads, chunk 4',
      '',
    ]);
    expect(lines.at(-2)).toMatch(new RegExp(`^ {2}heddle run ${SAME} -i in\\.txt( --?[a-z]\\S*( \\d+)?)*$`));
    expect(readdirSync(folder.path)).toEqual(['in.txt']);
  });

  it('keeps what tasks print out of its own output, and counts the tasks that fail', async () => {
    const { code, stdout, stderr } = await bench([fixture('square.js'), '1', '2', '3', '4', ...QUICK]);

    expect(code).toBe(0);
    expect(stdout).not.toContain('working on');
    expect(stderr).toContain('working on 1');
    expect(stdout).toContain('1 of 4 tasks fails, in every variant');
  });

  it('gives one JSON object, with samples, machine and recommendation', async () => {
    const { code, stdout, stderr } = await bench([SAME, ...INPUTS, ...QUICK, '--json', '--quiet']);

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      v: 1,
      task: SAME,
      machine: { node: process.versions.node },
      sample: { count: 40, total: 40, how: 'all' },
      rounds: 2,
      failed: 0,
      leftOut: [],
    });
    for (const variant of report.variants) {
      expect(variant.samplesMs).toHaveLength(2);
      expect(variant.medianMs).toBeGreaterThan(0);
      expect(variant.peakBytes).toBeGreaterThan(1e6);
      expect(variant.taskP95Ms).toBeGreaterThan(0);
      expect(variant.startMs).toBeGreaterThan(0);
    }
    expect(report.recommendation.command).toContain(`heddle run ${SAME}`);
    expect(report.recommendation.text).not.toBe('');
  });

  it('writes Markdown to a file', async () => {
    using folder = tempFolder();

    const { code, stdout } = await bench([SAME, ...INPUTS, ...QUICK, '--markdown', '-o', 'bench.md'], {
      cwd: folder.path,
    });

    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(readFileSync(folder.at('bench.md'), 'utf8')).toContain('\n| 2 threads, chunk 4 | ');
    expect(readdirSync(folder.path)).toEqual(['bench.md']);
  });

  it('spreads its sample over a file, and takes the head of standard input', async () => {
    using folder = tempFolder({ 'in.txt': INPUTS.join('\n') });
    const args = [SAME, '--sample', '4', ...QUICK, '--json'];

    const [file, stream] = await Promise.all([
      bench([...args, '-i', 'in.txt'], { cwd: folder.path }),
      bench(args, { input: INPUTS.join('\n') }),
    ]);

    expect(JSON.parse(file.stdout).sample).toEqual({ count: 4, total: 40, how: 'evenly spread' });
    expect(JSON.parse(stream.stdout).sample).toEqual({ count: 4, how: 'head' });
  });

  it('compares more tasks at once where tasks wait', async () => {
    using folder = tempFolder({
      'waits.mjs': 'export default (x) => new Promise((resolve) => setTimeout(resolve, 8, x));',
    });

    const { code, stdout } = await bench(
      ['waits.mjs', ...INPUTS, '--sample', '20', '--rounds', '2', '-t', '2', '--json'],
      { cwd: folder.path },
    );

    expect(code).toBe(0);
    const { variants } = JSON.parse(stdout);
    expect(variants.map(({ name }: { name: string }) => name)).toEqual([
      ...['plain loop', 'inline', 'inline, -c 8'],
      ...['2 threads', '2 threads, -c 8'],
    ]);
  });

  it('gives every variant the same context', async () => {
    using folder = tempFolder({
      'context.mjs': `export default async (input, ctx) => {
        ctx.progress(0.5);
        ctx.log('info', 'said');
        ctx.observe({ headers: { 'retry-after': '1' }, used: { calls: 1 } });
        const { index, key, attempt, account, signal } = ctx;
        const service = await ctx.services.ask().catch(({ code }) => code);
        const job = typeof ctx.submitted({ id: index });
        return ctx.transfer({ index, key, attempt, account, service, job, isAborted: signal.aborted }, []);
      };`,
    });

    const { code, stdout, stderr } = await bench(['context.mjs', ...INPUTS, ...QUICK], { cwd: folder.path });

    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining('error') });
    expect(stdout).not.toMatch(/differ|fails?,/);
  });

  it('gives the loop every member that the context of a run has', async () => {
    const all: Record<keyof TaskContext, true> = {
      ...{ account: true, attempt: true, index: true, key: true, log: true, observe: true },
      ...{ progress: true, services: true, signal: true, submitted: true, transfer: true },
    };
    await using runtime = createRuntime();

    const [members] = await runtime.run((_: unknown, ctx) => memberNames(ctx), [0]).values();

    const own = memberNames(new LoopContext(0, 0));
    expect(own).toEqual(Object.keys(all).sort());
    // How the runtime itself asks for aborts; no part of TaskContext.
    expect(members).toEqual([...own, 'pollAbort'].sort());
  });

  it('runs TypeScript where heddle run does', async () => {
    const typed = fileURLToPath(new URL('../fixtures/tasks/typed.ts', import.meta.url));

    expect(await bench([typed, '1', '2', '3', ...QUICK])).toMatchObject({ code: 0 });
  });
});

describe('results', () => {
  it('that depend on the variant end the command, with both of them', async () => {
    const { code, stdout, stderr } = await bench([fixture('where.js'), 'a', 'b', ...QUICK]);

    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(
      '"2 threads" gives other results than a plain loop on the main thread, first at input 0 (a):\n' +
        '  plain loop: value true\n  2 threads: value false',
    );
  });

  it('that no thread can send do so with the words of heddle', async () => {
    using folder = tempFolder({ 'function.mjs': 'export default () => () => 1;' });

    const { code, stderr } = await bench(['function.mjs', 'a', 'b', ...QUICK], { cwd: folder.path });

    expect(code).toBe(1);
    expect(stderr).toContain('2 threads: HeddleError [HEDDLE_NOT_CLONEABLE]');
  });

  it('that differ from run to run are told, and the table comes all the same', async () => {
    using folder = tempFolder({
      'random.mjs': 'export default (x) => x === "in3" ? Math.random() : x;',
    });

    const { code, stdout } = await bench(['random.mjs', ...INPUTS, ...QUICK], { cwd: folder.path });

    expect(code).toBe(0);
    expect(stdout).toContain('2 threads, chunk 4 ');
    expect(stdout).toContain('warning: results differ from run to run, first at input 3 (in3)');
  });
});

describe('there is no report', () => {
  const MODULES = {
    'once.mjs': "export const execution = 'at-most-once'; export default (x) => x;",
    'submits.mjs': 'export default (x, ctx) => ctx.submitted({ x }); export const poll = ({ x }) => x;',
    'exits.mjs': 'export default (x) => (x === "in7" ? process.exit(3) : x);',
    'stray.mjs': 'export default (x) => { setTimeout(() => { throw new Error("stray"); }); return x; };',
    'blocks.mjs': 'export default (x) => { for (;;); };',
    'never.mjs': 'export default () => new Promise(() => {});',
  };
  const CASES: readonly (readonly [name: string, code: number, args: readonly string[], message: string])[] =
    [
      ['of a missing module', 2, ['nowhere.js', 'a', 'b'], 'the task module nowhere.js does not exist'],
      ['of no function', 2, [fixture('no-function.js'), 'a', 'b'], 'it exports task. Add `export default'],
      ['of a module that throws', 2, [fixture('throws-at-load.js'), 'a', 'b'], 'cannot load'],
      ['without inputs', 2, [SAME], 'there are no inputs; give at least two inputs'],
      ['of an empty file', 2, [SAME, '-i', '/dev/null'], 'there are no inputs'],
      ['when no file matches', 2, [SAME, '--glob', '*.none'], 'no file matches --glob *.none'],
      ['of one input', 2, [SAME, 'a'], 'one input cannot show'],
      ['of one round', 2, [SAME, 'a', 'b', '--rounds', '1'], 'Expected an integer from 2'],
      ['of a bad list', 2, [SAME, 'a', 'b', '-t', '1,,2'], 'Expected a list such as 1,2,4'],
      ['in two formats', 2, [SAME, 'a', 'b', '--json', '--markdown'], 'cannot be used with option'],
      ['in a missing folder', 2, [SAME, 'a', 'b', '-o', 'no/x'], 'the folder no does not exist'],
      ['of tasks that must run once', 2, ['once.mjs', 'a', 'b'], 'use --force to run it anyway'],
      ['of a task that submits jobs', 1, ['submits.mjs', 'a', 'b'], 'ctx.submitted cannot be compared'],
      ['when all tasks fail', 1, [fixture('fails.js'), 'a', 'b'], 'the first: Error [ENOPE]: no "a"'],
      ['of a task that exits', 1, ['exits.mjs', ...INPUTS], '(plain loop, exit code 3)'],
      ['of a task that throws from a timer', 1, ['stray.mjs', ...INPUTS], '(plain loop, exit code 1)'],
      ['of a task that blocks', 1, ['blocks.mjs', 'a', 'b', '--max-time', '1s'], 'raise --max-time'],
      ['of a task that never ends', 1, ['never.mjs', 'a', 'b', '--max-time', '1s'], 'raise --max-time'],
    ];

  it.each(CASES)('%s', async (_name, expected, args, message) => {
    using folder = tempFolder(MODULES);

    const { code, stdout, stderr } = await bench(args, { cwd: folder.path });

    expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr.match(/^error:/gm)).toHaveLength(1);
    expect(readdirSync(folder.path)).toHaveLength(Object.keys(MODULES).length);
  });

  it('unless --force is given, for tasks that must run once', async () => {
    using folder = tempFolder(MODULES);

    expect(await bench(['once.mjs', ...INPUTS, ...QUICK, '--force'], { cwd: folder.path })).toMatchObject({
      code: 0,
    });
  });
});

describe.runIf(process.platform !== 'win32')('the processes of a bench', () => {
  /** Writes down in which process it blocks. */
  const BLOCKS = `import { writeFileSync } from 'node:fs';
    export default () => { writeFileSync('pid', String(process.pid)); console.error('blocked'); for (;;); };`;

  it('end at once with Ctrl-C, and the command ends by the signal', async () => {
    using folder = tempFolder({ 'blocks.mjs': BLOCKS });
    const started = startHeddle(['bench', 'blocks.mjs', 'a', 'b'], { cwd: folder.path });
    await started.said('blocked');

    started.child.kill('SIGINT');
    const { signal, stderr } = await started.ended;

    expect(signal).toBe('SIGINT');
    expect(stderr).not.toContain('error');
    await ended(readFileSync(folder.at('pid'), 'utf8'));
  });

  it('end when the command is killed, even while a task blocks them', async () => {
    using folder = tempFolder({ 'blocks.mjs': BLOCKS });
    const started = startHeddle(['bench', 'blocks.mjs', 'a', 'b'], { cwd: folder.path });
    await started.said('blocked');

    started.child.kill('SIGKILL');

    await ended(readFileSync(folder.at('pid'), 'utf8'));
  });

  it('are gone when it is over', async () => {
    using folder = tempFolder({
      'pids.mjs': `import { appendFileSync } from 'node:fs';
        export default (x) => { appendFileSync('pids', process.pid + '\\n'); return x; };`,
    });

    const { code } = await bench(['pids.mjs', 'a', 'b', ...QUICK], { cwd: folder.path });

    expect(code).toBe(0);
    const pids = new Set(readFileSync(folder.at('pids'), 'utf8').trim().split('\n'));
    // The scout, the loop, inline and two variants with threads.
    expect(pids.size).toBe(5);
    for (const pid of pids) await ended(pid);
  });
});

/** Members that a task can read, its own and those of its class. */
function memberNames(context: object): string[] {
  const names = [context, Object.getPrototypeOf(context)].flatMap(Object.getOwnPropertyNames);
  return names.filter((name) => name !== 'constructor').sort();
}

/** Waits until a process is gone. There is nothing to be told by, so it looks again and again; the test's time bounds it. */
async function ended(pid: string): Promise<void> {
  while (isAlive(Number(pid))) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** A process that was killed and that nobody has waited for yet is not alive. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || !/^\d+ \(.*\) Z/.test(readFileSync(stat, 'utf8'));
}
