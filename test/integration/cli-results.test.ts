/** Where results go: outcome lines, files, failed inputs, the summary, exit codes. */

import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fixture, heddle, jsonLines, startHeddle, tempFolder } from '../fixtures/cli/run-cli.js';

const SQUARE = fixture('square.js');
const FAILS = fixture('fails.js');
const SAME = fixture('same.js');

describe('standard output', () => {
  it('carries one outcome a line and nothing else, whatever tasks print', async () => {
    const [threads, inline] = await Promise.all([
      heddle(['run', SQUARE, '1', '2', '3', '4']),
      heddle(['run', SQUARE, '--inline', '1', '2', '3', '4']),
    ]);

    for (const { code, stdout, stderr } of [threads, inline]) {
      expect(code).toBe(1);
      const lines = jsonLines(stdout);
      expect(lines.map(({ index, status, value }) => [index, status, value])).toEqual([
        [0, 'succeeded', 1],
        [1, 'succeeded', 4],
        [2, 'failed', undefined],
        [3, 'succeeded', 16],
      ]);
      expect(Object.keys(lines[0])).toEqual([
        'index',
        'key',
        'status',
        'value',
        'attempts',
        'startedAt',
        'durationMs',
      ]);
      expect(lines[0].startedAt).toMatch(/^\d{4}-\d\d-\d\dT/);
      expect(lines[2].error).toMatchObject({ name: 'RangeError', message: 'three is refused' });
      expect(stderr).toContain('working on 3');
      expect(stderr).toContain('3 succeeded   1 failed');
      expect(stderr).toContain('1× RangeError: three is refused   (input 3)');
    }
  });

  it('carries only values with --values, null for undefined', async () => {
    const { code, stdout } = await heddle([
      'run',
      fixture('shapes.js'),
      '--values',
      'a',
      'undefined',
      'date',
      'b',
    ]);

    expect(code).toBe(0);
    expect(stdout).toBe('"a"\nnull\n"1970-01-01T00:00:00.000Z"\n"b"\n');
  });

  it('says failed where JSON or a thread cannot carry the value, and the run goes on', async () => {
    using folder = tempFolder();
    const { code, stdout, stderr } = await heddle(
      ['run', fixture('shapes.js'), 'a', 'bigint', 'cycle', 'function', 'b', '--failed-out', 'failed.jsonl'],
      { cwd: folder.path },
    );

    expect(code).toBe(1);
    expect(jsonLines(stdout).map(({ status, value, error }) => value ?? [status, error.code])).toEqual([
      'a',
      ['failed', 'HEDDLE_OUTPUT'],
      ['failed', 'HEDDLE_OUTPUT'],
      ['failed', 'HEDDLE_NOT_CLONEABLE'],
      'b',
    ]);
    expect(stderr).toContain('2 succeeded   3 failed');
    expect(stderr).toContain('2× HeddleError [HEDDLE_OUTPUT]: The value cannot be written as JSON');
    expect(jsonLines(readFileSync(folder.at('failed.jsonl'), 'utf8')).map(({ input }) => input)).toEqual([
      'bigint',
      'cycle',
      'function',
    ]);
  });

  it('that cannot hold a value counts for --fail-fast', async () => {
    const { code, stderr } = await heddle([
      ...['run', fixture('shapes.js'), 'bigint', 'a', '--fail-fast', '--no-session', '-t', '1'],
    ]);

    expect(code).toBe(1);
    expect(stderr).toContain('1 value could not be written, more than the 0 allowed');
  });

  it('that is closed ends the run quietly', async () => {
    const started = startHeddle(['run', SAME, '-i', '-', '--order', 'completion']);
    started.child.stdin?.on('error', () => {});
    started.child.stdin?.write('first\n');
    await started.said('"first"');

    started.child.stdout?.destroy();
    const more = setInterval(() => started.child.stdin?.write('more\n'), 5);
    const { code, signal, stderr } = await started.ended;
    clearInterval(more);

    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(stderr.split('\n').filter((line) => line !== '')).toEqual([
      expect.stringContaining('inputs from stdin'),
    ]);
  });

  it.runIf(existsSync('/dev/full'))('that cannot be written is exit code 74', async () => {
    using folder = tempFolder({ 'sh.sh': '' });
    const { openSync, closeSync } = await import('node:fs');
    const full = openSync('/dev/full', 'w');
    const ended = await heddle(['run', SAME, 'a'], { stdio: ['pipe', full, 'pipe'], cwd: folder.path });
    closeSync(full);

    expect(ended.code).toBe(74);
    expect(ended.stderr).toContain('standard output cannot be written: no space left on device');
  });
});

describe('-o', () => {
  it('is written beside and put in place at the end; the old content stays until then', async () => {
    using folder = tempFolder({ 'real.jsonl': 'old\n' });
    chmodSync(folder.at('real.jsonl'), 0o600);
    symlinkSync('real.jsonl', folder.at('out.jsonl'));
    const started = startHeddle(
      ['run', SAME, '-i', '-', '-o', 'out.jsonl', '--json', '--order', 'completion'],
      {
        cwd: folder.path,
      },
    );
    started.child.stdin?.write('a\n');
    await started.said('inputs from stdin');
    const before = readFileSync(folder.at('out.jsonl'), 'utf8');
    started.child.stdin?.end('b\n');
    const { code, stdout } = await started.ended;

    expect(before).toBe('old\n');
    expect(code).toBe(0);
    expect(jsonLines(readFileSync(folder.at('real.jsonl'), 'utf8'))).toHaveLength(2);
    expect(lstatSync(folder.at('out.jsonl')).isSymbolicLink()).toBe(true);
    expect(statSync(folder.at('real.jsonl')).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder.path).sort()).toEqual(['.heddle', 'out.jsonl', 'real.jsonl']);
    expect(JSON.parse(stdout)).toMatchObject({ v: 1, status: 'completed', succeeded: 2, exit: { code: 0 } });
  });

  it('that cannot be written fails before anything runs', async () => {
    using folder = tempFolder({ 'in.txt': 'a\n' });
    mkdirSync(folder.at('sub'));
    const run = (...args: string[]) => heddle(['run', SAME, ...args], { cwd: folder.path });

    const [missing, isFolder, same, linked, failedSame, module] = await Promise.all([
      run('a', '-o', 'nowhere/out.jsonl'),
      run('a', '-o', 'sub'),
      run('-i', 'in.txt', '-o', './sub/../in.txt'),
      run('-i', 'in.txt', '--failed-out', 'in.txt'),
      run('a', '-o', 'x.jsonl', '--failed-out', 'x.jsonl'),
      run('a', '-o', SAME),
    ]);

    for (const ended of [missing, isFolder, same, linked, failedSame, module])
      expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(missing.stderr).toContain('the folder nowhere does not exist');
    expect(isFolder.stderr).toContain('is a folder');
    expect(same.stderr).toContain('is the same file as -i in.txt');
    expect(linked.stderr).toContain('is the same file as -i in.txt');
    expect(failedSame.stderr).toContain('is the same file as -o x.jsonl');
    expect(module.stderr).toContain('is the same file as the task module');
    expect(readFileSync(folder.at('in.txt'), 'utf8')).toBe('a\n');
    expect(readdirSync(folder.path).sort()).toEqual(['in.txt', 'sub']);
  });

  it.runIf(existsSync('/dev/full'))('on a full device is exit code 74', async () => {
    const { code, stderr } = await heddle(['run', SAME, 'a', '-o', '/dev/full']);

    expect(code).toBe(74);
    expect(stderr).toContain('-o /dev/full cannot be written: no space left on device');
  });

  it('keeps the old file when the run is impossible', async () => {
    using folder = tempFolder({ 'out.jsonl': 'old\n' });

    const { code } = await heddle(['run', fixture('throws-at-load.js'), 'a', '-o', 'out.jsonl'], {
      cwd: folder.path,
    });

    expect(code).toBe(2);
    expect(readFileSync(folder.at('out.jsonl'), 'utf8')).toBe('old\n');
    expect(readdirSync(folder.path)).toEqual(['.heddle', 'out.jsonl']);
    expect(readdirSync(folder.at('.heddle/sessions'))).toEqual([]);
  });
});

describe('--failed-out', () => {
  it('gives the very same inputs when it is used as -i, of every kind, again and again', async () => {
    const inputs = [
      { id: 1 },
      { id: 2, error: 'own' },
      'text',
      5,
      null,
      [1, 2],
      { nested: { error: {} } },
      'a\nb',
      true,
    ];
    using folder = tempFolder({ 'in.jsonl': inputs.map((input) => JSON.stringify(input)).join('\n') });
    const options = { cwd: folder.path };

    const first = await heddle(['run', FAILS, '-i', 'in.jsonl', '--failed-out', 'f1.jsonl'], options);
    const again = await heddle(
      ['run', FAILS, '-i', 'f1.jsonl', '--failed-out', 'f2.jsonl', '--quiet'],
      options,
    );
    const same = await heddle(['run', SAME, '-i', 'f2.jsonl', '--quiet', '--values'], options);
    const original = await heddle(['run', SAME, '-i', 'in.jsonl', '--quiet', '--values'], options);

    expect([first.code, again.code, same.code]).toEqual([1, 1, 0]);
    expect(first.stderr).toContain('failed inputs are in f1.jsonl; run them again with -i f1.jsonl');
    expect(jsonLines(same.stdout).map(({ input }) => input)).toEqual(inputs);
    // The same keys as well.
    expect(same.stdout).toBe(original.stdout);
    const [line] = jsonLines(readFileSync(folder.at('f1.jsonl'), 'utf8'));
    expect(line).toMatchObject({
      id: 1,
      error: { name: 'Error', message: 'no {"id":1}', code: 'ENOPE', attempts: 1 },
    });
  });

  it('is a list of lines when inputs are lines and the name is not .jsonl', async () => {
    using folder = tempFolder({ 'in.txt': '1\n3\n 3\n4\n' });
    const options = { cwd: folder.path };

    const first = await heddle(['run', SQUARE, '-i', 'in.txt', '--failed-out', 'failed.txt'], options);
    const again = await heddle(['run', SAME, '-i', 'failed.txt', '--values', '--quiet'], options);

    expect(first.code).toBe(1);
    expect(readFileSync(folder.at('failed.txt'), 'utf8')).toBe('3\n 3\n');
    expect(jsonLines(again.stdout).map(({ input }) => input)).toEqual(['3', ' 3']);
  });

  it('is empty when nothing failed, and leaves out what could not be read', async () => {
    using folder = tempFolder({ 'failed.jsonl': 'of another run\n' });
    const options = { cwd: folder.path };

    const good = await heddle(['run', SQUARE, '1', '--failed-out', 'failed.jsonl'], options);
    const content = readFileSync(folder.at('failed.jsonl'), 'utf8');
    const bad = await heddle(
      ['run', SQUARE, '-i', '-', '--format', 'jsonl', '--failed-out', 'failed.jsonl'],
      { ...options, input: 'nope\n{"n":3}\n' },
    );

    expect([good.code, content]).toEqual([0, '']);
    expect(bad.code).toBe(1);
    expect(bad.stderr).toContain('1 input could not be read and is not in failed.jsonl');
    expect(jsonLines(readFileSync(folder.at('failed.jsonl'), 'utf8'))).toMatchObject([{ n: 3 }]);
  });

  it('refuses a name that would be read back as something else', async () => {
    using folder = tempFolder({ 'in.jsonl': '{"n":1}\n' });
    const run = (file: string) =>
      heddle(['run', SQUARE, '-i', 'in.jsonl', '--failed-out', file], { cwd: folder.path });

    const [json, text] = await Promise.all([run('failed.json'), run('failed.txt')]);

    expect([json.code, text.code]).toEqual([2, 2]);
    expect(json.stderr).toContain('give it a name that ends in .jsonl');
    expect(text.stderr).toContain('give it a name that ends in .jsonl');
  });
});

describe('the end of a run', () => {
  it('is told by the exit code', async () => {
    const wait = fixture('wait.js');
    const [ok, failed, fast, limit, share, within] = await Promise.all([
      heddle(['run', SQUARE, '1']),
      heddle(['run', SQUARE, '3']),
      heddle(['run', SQUARE, '3', '1', '1', '--fail-fast']),
      heddle(['run', FAILS, '1', '2', '3', '4', '--max-failures', '1', '-t', '1']),
      heddle(['run', FAILS, '1', '2', '3', '4', '--max-failures', '25%', '-t', '1']),
      heddle(['run', SQUARE, '3', '1', '--max-failures', '1']),
    ]);
    // Not too short: a deadline includes the loading of the task. Inline, since it would include the start of threads too.
    const long = (count: number) => Array<string>(count).fill('60000');
    const until = ['--inline', '--deadline', '4s', '-t'];
    const [deadline, failedAndDeadline] = await Promise.all([
      heddle(['run', wait, '1', ...long(3), ...until, '2']),
      heddle(['run', wait, ...long(60), '--timeout', '100ms', ...until, '1']),
    ]);

    expect([ok, failed, fast, limit, share, within].map(({ code }) => code)).toEqual([0, 1, 1, 1, 1, 1]);
    expect(fast.stderr).toContain('more than the 0 allowed');
    expect(limit.stderr).toContain('more than the 1 allowed');
    expect(share.stderr).toContain('more than the 25 % allowed');
    expect(within.stderr).toContain('1 succeeded   1 failed');
    expect(deadline.code).toBe(3);
    expect(deadline.stderr).toMatch(/1 succeeded {3}0 failed {3}\d aborted/);
    expect(deadline.stderr).toContain('The run reached its deadline of 4000 ms');
    expect(failedAndDeadline.code).toBe(1);
  });

  it('is told by --json, as one object', async () => {
    const { code, stderr } = await heddle(['run', SQUARE, '1', '3', '--json', '--quiet', '-t', '1']);

    expect(code).toBe(1);
    expect(JSON.parse(stderr.split('\n').find((line) => line.startsWith('{')) ?? '')).toMatchObject({
      v: 1,
      heddle: expect.stringMatching(/^\d+\.\d+\.\d+/),
      status: 'failed',
      exit: { code: 1 },
      total: 2,
      succeeded: 1,
      failed: 1,
      aborted: 0,
      skipped: 0,
      notRead: 0,
      threads: 1,
      failures: [{ name: 'RangeError', count: 1, indexes: [1], inputs: ['3'] }],
    });
  });
});

describe('flags of execution', () => {
  it('--retries are attempts more', async () => {
    const flaky = fixture('flaky.js');
    const [enough, few] = await Promise.all([
      heddle(['run', flaky, 'x', '--retries', '2', '--backoff', '1']),
      heddle(['run', flaky, 'x', '--retries', '1', '--backoff', '1ms', '--verbose']),
    ]);

    expect(enough.code).toBe(0);
    expect(jsonLines(enough.stdout)[0]).toMatchObject({ value: 'x at attempt 3', attempts: 3 });
    expect(enough.stderr).toContain('2 retries');
    expect(few.code).toBe(1);
    expect(few.stderr).toMatch(/retry: task 0 \(x\): attempt 1 failed, next in .*: Error: attempt 1 failed/);
    expect(few.stderr).toMatch(/failed: task 0 \(x\): Error: attempt 2 failed\n {4}at /);
  });

  it('--timeout, --memory-limit, --order, -c, --chunk and --window reach the runtime', async () => {
    const wait = fixture('wait.js');
    const [timeout, memory, order, wide] = await Promise.all([
      heddle(['run', wait, '60000', '1', '--timeout', '200ms', '--grace', '0', '-t', '2']),
      heddle(['run', fixture('hungry.js'), 'a', 'eat', 'b', '--memory-limit', '32', '-t', '1']),
      heddle(['run', wait, '900', '1', '--order', 'completion', '-t', '2', '--values']),
      heddle([
        'run',
        wait,
        ...Array(20).fill('300'),
        '-t',
        '1',
        '-c',
        '20',
        '--chunk',
        '1',
        '--window',
        '40',
        '--json',
      ]),
    ]);

    expect(jsonLines(timeout.stdout).map(({ value, error }) => value ?? error.code)).toEqual([
      'HEDDLE_TIMEOUT',
      '1',
    ]);
    expect(jsonLines(memory.stdout).map(({ value, error }) => value ?? error.code)).toEqual([
      'a',
      'HEDDLE_OUT_OF_MEMORY',
      'b',
    ]);
    expect(order.stdout).toBe('"1"\n"900"\n');
    const summary = JSON.parse(wide.stderr.split('\n').find((line) => line.startsWith('{"v"')) ?? '');
    expect(summary).toMatchObject({ succeeded: 20, concurrency: 20, threads: 1 });
    expect(summary.speedup).toBeGreaterThan(4);
  });

  it('--inline runs the task on the main thread', async () => {
    const [inline, threads] = await Promise.all([
      heddle(['run', fixture('where.js'), 'a', '--inline', '--values']),
      heddle(['run', fixture('where.js'), 'a', '--values']),
    ]);

    expect([inline.stdout, threads.stdout]).toEqual(['true\n', 'false\n']);
    expect(inline.stderr).toContain('to standard output');
  });

  it('--inline with a task that throws outside of its attempts ends with a message and no leftovers', async () => {
    using folder = tempFolder({
      'stray.mjs':
        'export default () => { setTimeout(() => { throw new Error("stray"); }); return new Promise(() => {}); };',
    });
    const { code, stderr } = await heddle(['run', 'stray.mjs', 'a', '--inline', '-o', 'out.jsonl'], {
      cwd: folder.path,
    });

    expect(code).toBe(1);
    expect(stderr).toContain('an exception outside of any attempt');
    expect(stderr).toContain('stray.mjs:1');
    expect(readdirSync(folder.path)).toEqual(['.heddle', 'stray.mjs']);
  });

  it('finds the module relative to the working folder, by path or file URL', async () => {
    using folder = tempFolder({ 'my task.mjs': 'export default (x) => x;' });
    writeFileSync(folder.at('100%#.mjs'), 'export default (x) => x;');
    const run = (module: string) => heddle(['run', module, 'a', '--values', '--quiet'], { cwd: folder.path });

    const ends = await Promise.all([
      run('my task.mjs'),
      run('./my task.mjs'),
      run(folder.at('100%#.mjs')),
      run(`file://${folder.path}/my%20task.mjs`),
    ]);

    expect(ends).toEqual(ends.map(() => expect.objectContaining({ code: 0, stdout: '"a"\n', stderr: '' })));
  });
});
