/** Runs with a session, as users have them: cut off, resumed, ended early, refused. */

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fixture, heddle, jsonLines } from '../fixtures/cli/run-cli.js';
import { brief, LEDGER, workFolder } from '../fixtures/cli/work-folder.js';

const SAME = fixture('same.js');

describe('the session of a run', () => {
  it('is a new one, named by date and task, for its owner alone, and git leaves it alone', async () => {
    using folder = workFolder(['a']);
    const [one, two] = await Promise.all([
      folder.heddle(['run', LEDGER, '-i', 'in.txt']),
      folder.heddle(['run', LEDGER, '-i', 'in.txt']),
    ]);

    expect([one.code, two.code]).toEqual([0, 0]);
    const names = readdirSync(folder.at('.heddle/sessions'));
    expect(names).toHaveLength(2);
    for (const name of names) {
      expect(name).toMatch(/^\d{4}-\d\d-\d\d-\d{4}-ledger(-2)?$/);
      expect(`${one.stderr}${two.stderr}`).toContain(`\nsession ${name}\n`);
    }
    expect(readFileSync(folder.at('.heddle/.gitignore'), 'utf8')).toBe('*\n');
    for (const path of ['.heddle', '.heddle/sessions', `.heddle/sessions/${names[0]}`])
      expect(statSync(folder.at(path)).mode & 0o777).toBe(0o700);
  });

  it('is none with --no-session, and with --dry-run', async () => {
    using folder = workFolder(['a']);
    await folder.heddle(['run', LEDGER, 'a', '--no-session']);
    await folder.heddle(['run', LEDGER, 'a', '--dry-run']);
    const named = await folder.heddle(['run', LEDGER, 'a', '--dry-run', '--session', 'x']);

    expect(named.stdout).toContain('session x would be new');
    expect(existsSync(folder.at('.heddle'))).toBe(false);
  });

  it('is taken away again when there was nothing to do', async () => {
    using folder = workFolder([]);
    const { code, stderr } = await folder.heddle(['run', LEDGER, '-i', 'in.txt']);

    expect(code).toBe(0);
    expect(stderr).toContain('Nothing to do');
    expect(readdirSync(folder.at('.heddle/sessions'))).toEqual([]);
  });

  it('is told by --json and by events', async () => {
    using folder = workFolder(['a', 'b']);
    await folder.heddle(['run', LEDGER, 'a', 'gone', '--session', './s']);
    const { stderr } = await folder.heddle([
      'run',
      LEDGER,
      'a',
      'b',
      '--session',
      './s',
      '--progress',
      'json',
    ]);

    const events = jsonLines(stderr.replaceAll(/^started.*$/gm, ''));
    expect(events.find(({ type }) => type === 'starting')).toMatchObject({ session: folder.at('s') });
    expect(events.at(-1).summary).toMatchObject({
      session: folder.at('s'),
      succeeded: 2,
      resumed: 1,
      removed: 1,
      reused: 0,
    });
  });

  it.each([
    ['a name that climbs out', ['--session', 'x/../../y'], 'is not the name of a session'],
    ['a name with a blank', ['--session', 'a b'], 'is not the name of a session'],
    ['a shard alone', ['--shard', '1/2'], 'shards need a session they share: add --session <name>'],
    ['a shard beyond', ['--session', 'x', '--shard', '3/2'], 'Expected i/n such as 1/4'],
    ['a retry of nothing', ['--retry-failed'], '--retry-failed needs the session of the earlier run'],
    ['force without a session', ['--force', '--no-session'], '--force needs the session'],
  ])('is refused as wrong usage: %s', async (_name, args, message) => {
    using folder = workFolder(['a']);
    const { code, stderr } = await folder.heddle(['run', SAME, 'a', ...args]);

    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(readdirSync(folder.path)).toEqual(['in.txt']);
  });

  it('cannot be where a file is, or where other files are: exit code 7, nothing changed', async () => {
    using folder = workFolder(['a']);
    mkdirSync(folder.at('mine'));
    folder.put('mine/letter', 'dear');
    const ends = await Promise.all([
      folder.heddle(['run', SAME, 'a', '--session', './in.txt']),
      folder.heddle(['run', SAME, 'a', '--session', './in.txt/x']),
      folder.heddle(['run', SAME, 'a', '--session', './mine']),
    ]);
    folder.put('.heddle', 'a file');
    const home = await folder.heddle(['run', SAME, 'a']);

    for (const { code, stderr, stdout } of [...ends, home]) {
      expect({ code, stdout }).toEqual({ code: 7, stdout: '' });
      expect(stderr.match(/error:/g)).toHaveLength(1);
      expect(stderr).not.toContain('    at ');
    }
    expect(ends[0]?.stderr).toContain('a file stands where a folder should');
    expect(ends[2]?.stderr).toContain('holds other files and no session');
    expect(home.stderr).toContain('run without a session with --no-session');
    expect(readdirSync(folder.at('mine'))).toEqual(['letter']);
  });
});

describe('resume', () => {
  it('after kill -9 gives each outcome once, in the same file, and nothing done runs again', async () => {
    using folder = workFolder(['a', 'b', 'hold', 'c', 'd']);
    const first = folder.start([
      'run',
      LEDGER,
      '-i',
      'in.txt',
      '-o',
      'out.jsonl',
      '--session',
      'n',
      '-t',
      '1',
    ]);
    await first.said('started hold');
    while (!(await folder.heddle(['status', 'n'])).stdout.includes('2 succeeded')) {}
    first.child.kill('SIGKILL');
    await first.ended;
    const killed = await folder.heddle(['status', 'n']);
    folder.put('go');

    const { code, stdout, stderr } = await folder.heddle(['resume', 'n']);

    expect(killed.stdout).toMatch(/killed: process \d+ on .* was cut off/);
    expect(killed.stdout).toContain('resume with: heddle resume n');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(/5 succeeded {3}0 failed {3}2 resumed/);
    expect(brief(readFileSync(folder.at('out.jsonl'), 'utf8'))).toEqual([
      [0, 'A'],
      [1, 'B'],
      [2, 'HOLD'],
      [3, 'C'],
      [4, 'D'],
    ]);
    expect(folder.executed()).toEqual(['a', 'b', 'c', 'd', 'hold', 'hold']);
  });

  it('from another folder goes to the first one; what is given counts, and is relative to here', async () => {
    using folder = workFolder(['a', 'bad', 'b']);
    mkdirSync(folder.at('sub'));
    await folder.heddle([
      'run',
      LEDGER,
      '-i',
      'in.txt',
      '-o',
      'out.jsonl',
      '--session',
      './s',
      '--threads',
      '1',
    ]);
    folder.put('mended');

    const { code, stderr } = await heddle(
      ['resume', '../s', '--retry-failed', '--values', '-o', 'values.jsonl', '-t', '2'],
      { cwd: folder.at('sub') },
    );

    expect(code).toBe(0);
    expect(stderr).toContain('2 threads');
    expect(readFileSync(folder.at('sub/values.jsonl'), 'utf8')).toBe('"A"\n"BAD"\n"B"\n');
    expect(folder.executed()).toEqual(['a', 'b', 'bad', 'bad']);
  });

  it('takes inputs of standard input from there again, and says so when there are none', async () => {
    using folder = workFolder([]);
    const first = await folder.heddle(['run', LEDGER, '--session', 's'], 'a\nbad\n');
    const none = await folder.heddle(['resume', 's']);
    folder.put('mended');
    const again = await folder.heddle(['resume', 's', '--retry-failed'], 'a\nbad\nc\n');

    expect(first.code).toBe(1);
    expect(none.code).toBe(2);
    expect(none.stderr).toContain('inputs came from standard input; pipe them again');
    expect(again.code).toBe(0);
    expect(brief(again.stdout)).toEqual([
      [0, 'A'],
      [1, 'BAD'],
      [2, 'C'],
    ]);
    expect(folder.executed()).toEqual(['a', 'bad', 'bad', 'c']);
  });

  it('without a session lists what can be resumed', async () => {
    using folder = workFolder(['a']);
    const none = await folder.heddle(['resume']);
    await folder.heddle(['run', LEDGER, 'a', '--session', 'done']);
    await folder.heddle(['run', LEDGER, 'bad', '--session', 'open']);
    const listed = await folder.heddle(['resume']);

    expect([none.code, listed.code]).toEqual([2, 2]);
    expect(none.stderr).toContain('no session in .heddle/sessions has tasks left');
    expect(listed.stderr).toMatch(/\nopen +failed +1\/1 +1 /);
    expect(listed.stderr).not.toContain('\ndone');
  });

  it('of what is no session, or of a program, is exit code 7', async () => {
    using folder = workFolder(['a']);
    const { createRuntime } = await import('heddle');
    await using runtime = createRuntime();
    await runtime.run(async () => 1, [1], { session: folder.at('mine') }).report();

    const [unknown, file, program] = await Promise.all([
      folder.heddle(['resume', 'nowhere']),
      folder.heddle(['resume', './in.txt']),
      folder.heddle(['resume', './mine']),
    ]);

    expect([unknown.code, file.code, program.code]).toEqual([7, 7, 7]);
    expect(unknown.stderr).toContain('There is no session at');
    expect(program.stderr).toContain('was made by a program');
  });

  it('of failed tasks shows their index, their input and their error as the first run did', async () => {
    using folder = workFolder(['a', 'bad 1', 'b', 'bad 2']);
    const args = ['run', LEDGER, '-i', 'in.txt', '--session', 's', '--failed-out'];
    const first = await folder.heddle([...args, 'f1.jsonl']);
    const second = await folder.heddle([...args, 'f2.jsonl']);

    expect([first.code, second.code]).toEqual([1, 1]);
    expect(second.stdout).toBe(first.stdout);
    expect(readFileSync(folder.at('f2.jsonl'), 'utf8')).toBe(readFileSync(folder.at('f1.jsonl'), 'utf8'));
    expect(second.stderr).toContain('2 succeeded   2 failed   4 resumed');
    expect(second.stderr).toContain('(inputs bad 1, bad 2)');
    expect(second.stderr).toContain('retry the failed ones with: heddle resume s --retry-failed');
    expect(folder.executed()).toEqual(['a', 'b', 'bad 1', 'bad 2']);
  });
});

describe('--max-failures', () => {
  it('counts the failures of this run only, those of unreadable inputs included', async () => {
    using folder = workFolder([]);
    const args = ['run', LEDGER, '-i', '-', '--format', 'jsonl', '--session', 's'];
    const inputs = '"bad 1"\n"bad 2"\n"a"\n';
    const first = await folder.heddle(args, inputs);
    const within = await folder.heddle([...args, '--max-failures', '1'], `${inputs}{\n`);
    const beyond = await folder.heddle([...args, '--max-failures', '1'], `${inputs}{\n[\n"b"\n`);

    expect([first.code, within.code, beyond.code]).toEqual([1, 1, 1]);
    expect(within.stderr).not.toContain('The run was ended');
    expect(brief(within.stdout)).toEqual([
      [0, 'failed'],
      [1, 'failed'],
      [2, 'A'],
      [3, 'failed'],
    ]);
    expect(within.stderr).toContain('1 succeeded   3 failed   3 resumed');
    expect(beyond.stderr).toContain('2 tasks failed, more than the 1 allowed');
  });
});

describe('a run that ends early', () => {
  it.runIf(process.platform !== 'win32')('by Ctrl-C prints the line that resumes it', async () => {
    using folder = workFolder(['a', 'hold', 'b']);
    const started = folder.start(['run', LEDGER, '-i', 'in.txt', '-t', '1', '--grace', '0']);
    await started.said('started hold');
    started.child.kill('SIGINT');
    const { signal, stderr } = await started.ended;
    const [, line = ''] = /^resume with: heddle (.*)$/m.exec(stderr) ?? [];
    folder.put('go');
    const resumed = await folder.heddle(line.split(' '));

    expect(signal).toBe('SIGINT');
    expect(line).toBe(`resume ${folder.session()}`);
    expect(resumed.code).toBe(0);
    expect(brief(resumed.stdout)).toEqual([
      [0, 'A'],
      [1, 'HOLD'],
      [2, 'B'],
    ]);
  });

  it('by fail-fast or a deadline does so, too; a shard names itself and its file', async () => {
    using folder = workFolder(['bad', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'hold']);
    const run = (...args: string[]) =>
      folder.heddle(['run', LEDGER, '-i', 'in.txt', '-t', '1', '-c', '1', ...args]);
    const fast = await run('--fail-fast', '--session', 'fast', '--chunk', '1');
    const late = await run('--deadline', '1500ms', '--grace', '0', '--session', './la te');
    const shards = await Promise.all(
      [1, 2].map((i) =>
        run(
          '--deadline',
          '1500ms',
          '--grace',
          '0',
          '--session',
          's',
          '--shard',
          `${i}/2`,
          '-o',
          `o${i}.jsonl`,
        ),
      ),
    );

    expect(fast.code).toBe(1);
    expect(fast.stderr).toContain('\nresume with: heddle resume fast\n');
    expect(fast.stderr).toContain('\nretry the failed ones with: heddle resume fast --retry-failed\n');
    expect(late.stderr).toContain("\nresume with: heddle resume './la te'\n");
    const resumeLines = shards.map(({ stderr }) => /^resume with.*$/m.exec(stderr)?.[0]).join('');
    expect(resumeLines).toMatch(/^resume with: heddle resume s --shard (\d)\/2 -o o\1\.jsonl$/);
  });

  it('by the deadline, with failures of an earlier run that it did not come to, is 1', async () => {
    using folder = workFolder(['hold', 'a', 'bad']);
    await folder.heddle(['run', LEDGER, 'a', 'bad', '--session', 's']);

    const args = ['--deadline', '1500ms', '--grace', '0', '--window', '1', '-c', '1', '-t', '1'];
    const { code } = await folder.heddle(['run', LEDGER, '-i', 'in.txt', '--session', 's', ...args]);

    expect(code).toBe(1);
  });
});
