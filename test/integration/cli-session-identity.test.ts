/**
 * Which tasks a resumed or divided run executes, and what it says of the whole. The first group are rows of what GNU parallel does wrong
 * (batch-runners.md, section 3).
 */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fixture, jsonLines } from '../fixtures/cli/run-cli.js';
import { brief, LEDGER, workFolder } from '../fixtures/cli/work-folder.js';

const SAME = fixture('same.js');

describe('what GNU parallel gets wrong (section 3)', () => {
  it('the exit code of a resume speaks of the whole session, also the second time', async () => {
    using folder = workFolder(['a', 'bad 1', 'hold', 'bad 2']);
    const started = folder.start([
      'run',
      LEDGER,
      '-i',
      'in.txt',
      '--session',
      's',
      '-t',
      '1',
      '--order',
      'completion',
    ]);
    await started.said('started hold');
    await started.said('bad 1 is bad');
    started.child.kill('SIGKILL');
    await started.ended;
    folder.put('go');

    const first = await folder.heddle(['resume', 's']);
    const second = await folder.heddle(['resume', 's']);

    expect([first.code, second.code]).toEqual([1, 1]);
    expect(second.stderr).toContain('2 succeeded   2 failed   4 resumed');
    expect(folder.executed().filter((name) => name === 'bad 1')).toHaveLength(1);
  });

  it('--retry-failed runs the failed tasks and those that never ran', async () => {
    using folder = workFolder(['a', 'bad', 'b', 'c']);
    await folder.heddle(['run', LEDGER, 'a', 'bad', '--session', 's']);
    folder.put('mended');

    const { code, stderr } = await folder.heddle([
      'run',
      LEDGER,
      '-i',
      'in.txt',
      '--session',
      's',
      '--retry-failed',
    ]);

    expect(code).toBe(0);
    expect(stderr).toContain('4 succeeded   0 failed   1 resumed');
    expect(folder.executed()).toEqual(['a', 'b', 'bad', 'bad', 'c']);
    const results = await folder.heddle(['results', 's']);
    expect(brief(results.stdout)).toEqual([
      [0, 'A'],
      [1, 'BAD'],
      [2, 'B'],
      [3, 'C'],
    ]);
  });

  it('a line on top of the input runs, and no other', async () => {
    using folder = workFolder(['a', 'b', 'c']);
    await folder.heddle(['run', LEDGER, '-i', 'in.txt', '--session', 's']);
    folder.put('in.txt', 'new\na\nb\nc\n');

    const { code, stdout } = await folder.heddle(['resume', 's']);

    expect(code).toBe(0);
    expect(brief(stdout)).toEqual([
      [0, 'NEW'],
      [1, 'A'],
      [2, 'B'],
      [3, 'C'],
    ]);
    expect(folder.executed()).toEqual(['a', 'b', 'c', 'new']);
  });

  it('a line that is gone is told, and does not count any more', async () => {
    using folder = workFolder(['a', 'bad']);
    await folder.heddle(['run', LEDGER, '-i', 'in.txt', '--session', 's']);
    folder.put('in.txt', 'a\n');

    const { code, stderr } = await folder.heddle(['resume', 's']);

    expect(code).toBe(0);
    expect(stderr).toContain('1 task of the session is not in this batch any more');
  });

  it('another task, other keys or another batch is refused with 7, and --force goes on', async () => {
    using folder = workFolder(['a', 'b']);
    await folder.heddle(['run', LEDGER, '-i', 'in.txt', '--session', 's']);
    folder.put('other.txt', 'x\ny\n');
    folder.put('other.csv', 'id\nx\n');

    const task = await folder.heddle(['run', SAME, '-i', 'in.txt', '--session', 's']);
    const keys = await folder.heddle(['run', LEDGER, '-i', 'in.txt', '--key', '{}', '--session', 's']);
    const batch = await folder.heddle(['run', LEDGER, '-i', 'other.txt', '--session', 's']);
    const csv = await folder.heddle(['run', LEDGER, '-i', 'other.csv', '--session', 's']);
    const forced = await folder.heddle(['run', LEDGER, '-i', 'other.txt', '--session', 's', '--force']);

    expect([task, keys, batch, csv, forced].map(({ code }) => code)).toEqual([7, 7, 7, 7, 0]);
    expect(task.stderr).toContain(`belongs to the task ${LEDGER}, not to ${SAME}`);
    expect(keys.stderr).toContain('names its tasks by the hash of the input, this run by the key {}');
    expect(batch.stderr).toContain('No input of this batch is among the 2 tasks');
    expect(batch.stderr).toContain('--force');
    expect(folder.executed()).toEqual(['a', 'b', 'x', 'y']);
  });

  it('a changed task module is told', async () => {
    using folder = workFolder(['a', 'b']);
    folder.put('task.mjs', 'export default (x) => x;');
    await folder.heddle(['run', 'task.mjs', 'a', '--session', 's']);
    folder.put('task.mjs', 'export default (x) => x + x;');

    const { code, stdout, stderr } = await folder.heddle([
      'run',
      'task.mjs',
      'a',
      'b',
      '--session',
      's',
      '--values',
    ]);

    expect({ code, stdout }).toEqual({ code: 0, stdout: '"a"\n"bb"\n' });
    expect(stderr).toMatch(/note: the task .*task\.mjs has changed/);
  });

  it('two at once: the second is refused with 6 and told by whom, and nothing runs twice', async () => {
    using folder = workFolder(['a', 'hold']);
    const first = folder.start(['run', LEDGER, '-i', 'in.txt', '--session', 's']);
    await first.said('started hold');

    const second = await folder.heddle(['resume', 's']);
    const third = await folder.heddle(['run', LEDGER, '-i', 'in.txt', '--session', 's', '--shard', '1/2']);
    folder.put('go');
    const { code } = await first.ended;

    expect([second.code, third.code, code]).toEqual([6, 6, 0]);
    for (const { stderr } of [second, third]) {
      expect(stderr).toContain(`is in use by process ${first.child.pid} on `);
      expect(stderr).toMatch(/since \d{4}-\d\d-\d\dT/);
      expect(stderr).not.toContain('resume with');
    }
    expect(folder.executed()).toEqual(['a', 'hold']);
  });

  it('equal inputs have an outcome each', async () => {
    using folder = workFolder(['a', 'a', 'b', 'a']);
    const args = ['run', LEDGER, '-i', 'in.txt', '--session', 's'];
    const first = await folder.heddle(args);
    const second = await folder.heddle(args);

    expect(new Set(jsonLines(first.stdout).map(({ key }) => key)).size).toBe(4);
    expect(second.stdout).toBe(first.stdout);
    expect(folder.executed()).toEqual(['a', 'a', 'a', 'b']);
  });

  it('keys name tasks, whatever else of the input changes', async () => {
    using folder = workFolder([]);
    const args = ['run', LEDGER, '-i', 'in.jsonl', '--key', 'id', '--session', 's', '--values'];
    folder.put('in.jsonl', '{"id":"a","n":1}\n{"id":"b","n":1}\n');
    await folder.heddle(args);
    folder.put('in.jsonl', '{"id":"c"}\n{"id":"b","n":2}\n{"id":"a","n":2}\n');

    const { code, stdout } = await folder.heddle(args);

    expect(code).toBe(0);
    expect(stdout).toBe('{"id":"c"}\n{"id":"b","n":1}\n{"id":"a","n":1}\n');
    expect(folder.executed()).toEqual(['a', 'b', 'c']);
  });
});

describe('shards', () => {
  it('of three processes run each task once, and the results are all there in order', async () => {
    const inputs = Array.from({ length: 90 }, (_, i) => `n${i}`);
    using folder = workFolder(inputs);
    const ends = await Promise.all(
      [1, 2, 3].map((i) =>
        folder.heddle([
          'run',
          LEDGER,
          '-i',
          'in.txt',
          '--session',
          's',
          '--shard',
          `${i}/3`,
          '-o',
          `${i}.jsonl`,
          '-t',
          '1',
        ]),
      ),
    );

    expect(ends.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(folder.executed()).toEqual([...inputs].sort());
    const files = [1, 2, 3].map((i) => jsonLines(readFileSync(folder.at(`${i}.jsonl`), 'utf8')));
    expect(files.every((lines) => lines.length > 10)).toBe(true);
    expect(files.flat()).toHaveLength(90);
    const results = await folder.heddle(['results', 's', '--values']);
    expect(jsonLines(results.stdout)).toEqual(inputs.map((name) => name.toUpperCase()));
    const whole = await folder.heddle(['resume', 's', '-o', 'all.jsonl']);
    expect(whole.stderr).toContain('90 succeeded   0 failed   90 resumed');
    const status = await folder.heddle(['status', 's', '--json']);
    expect(JSON.parse(status.stdout)).toMatchObject({ state: 'completed', succeeded: 90, failed: 0 });
  });

  it('need no session to divide a batch, and forget inputs of others in any order', async () => {
    using folder = workFolder(['a', 'b', 'c', 'd', 'e', 'f']);
    const run = (...args: string[]) =>
      folder.heddle(['run', LEDGER, '-i', 'in.txt', '--no-session', '--values', ...args]);
    const parts = await Promise.all([run('--shard', '1/2'), run('--shard', '2/2', '--order', 'completion')]);

    expect(parts.flatMap(({ stdout }) => jsonLines(stdout)).sort()).toEqual(['A', 'B', 'C', 'D', 'E', 'F']);
  });
});

describe('the cache', () => {
  it('gives values to other sessions', async () => {
    using folder = workFolder(['a', 'b']);
    await folder.heddle(['run', LEDGER, 'a', '--cache', 'cache']);

    const { code, stdout, stderr } = await folder.heddle([
      'run',
      LEDGER,
      '-i',
      'in.txt',
      '--cache',
      'cache',
      '--values',
    ]);

    expect({ code, stdout }).toEqual({ code: 0, stdout: '"A"\n"B"\n' });
    expect(stderr).toContain('2 succeeded   0 failed   1 reused');
    expect(folder.executed()).toEqual(['a', 'b']);
  });
});
