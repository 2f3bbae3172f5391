/** Looking at sessions: `heddle status`, `results`, `sessions`, `verify`. */

import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  fixture,
  heddle,
  jsonLines,
  type Started,
  startHeddle,
  tempFolder,
} from '../fixtures/cli/run-cli.js';

const LEDGER = fixture('ledger.js');

function workFolder() {
  const folder = tempFolder();
  return Object.assign(folder, {
    heddle: (...args: readonly string[]) => heddle(args, { cwd: folder.path }),
    start: (...args: readonly string[]) => startHeddle(args, { cwd: folder.path }),
    run: (...args: readonly string[]) => heddle(['run', LEDGER, ...args], { cwd: folder.path }),
    put: (name: string, content = '') => writeFileSync(folder.at(name), content),
    session: (name: string) => folder.at(`.heddle/sessions/${name}`),
    /** A run of `a` and `hold` that has recorded the one and executes the other. */
    hold: async (...args: readonly string[]): Promise<Started> => {
      const started = startHeddle(
        ['run', LEDGER, 'a', 'hold', '--order', 'completion', '--chunk', '1', ...args],
        {
          cwd: folder.path,
        },
      );
      await Promise.all([started.said('"A"'), started.said('started hold')]);
      return started;
    },
  });
}

describe('heddle status', () => {
  it('of a session that a program made does not advise heddle resume, which cannot continue it', async () => {
    using folder = workFolder();
    const { createRuntime } = await import('heddle');
    await using runtime = createRuntime();
    const fails = async () => Promise.reject(new Error('no'));
    await runtime.run(fails, [1], { session: folder.session('mine') }).report();

    const status = await folder.heddle('status', 'mine');
    const listed = await folder.heddle('resume');

    expect(status.stdout).toMatch(/^session +mine +failed\n/);
    expect(status.stdout).toContain('\nto continue, run the program that made this session again\n');
    expect(status.stdout).not.toContain('heddle resume');
    expect(listed.stderr).toContain('no session in .heddle/sessions has tasks left');
  });

  it('of a run in progress says what is done and by which process; after kill -9 that it was cut off', async () => {
    using folder = workFolder();
    const run = await folder.hold('--session', 's');
    let live = await folder.heddle('status', 's', '--json');
    // The run says it a moment after its start.
    while (!live.stdout.includes('"total"')) live = await folder.heddle('status', 's', '--json');
    const text = await folder.heddle('status', 's');
    run.child.kill('SIGKILL');
    await run.ended;
    const dead = await folder.heddle('status', 's', '--json');
    const list = await folder.heddle('status');

    expect([live.code, text.code, dead.code, list.code]).toEqual([0, 0, 0, 0]);
    expect(JSON.parse(live.stdout)).toMatchObject({
      v: 1,
      name: 's',
      path: folder.session('s'),
      state: 'running',
      succeeded: 1,
      failed: 0,
      total: 2,
      runs: [{ part: '1of1', status: 'running', pid: run.child.pid, isAlive: true }],
      damages: [],
    });
    expect(text.stdout).toContain('done      1/2 (50 %): 1 succeeded, 0 failed');
    expect(text.stdout).toMatch(/run {7}running: process \d+ on .+ since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d/);
    expect(JSON.parse(dead.stdout)).toMatchObject({ state: 'killed', runs: [{ isAlive: false }] });
    expect(list.stdout).toMatch(/^NAME +STATE +DONE +FAILED +CHANGED\ns +killed +1\/2 +0 +\d+ s ago\n$/);
  });

  it('--watch says a line now and then, and ends with the page when the run has ended', async () => {
    using folder = workFolder();
    const run = await folder.hold('--session', 's');
    const watch = folder.start('status', 's', '--watch');
    const json = folder.start('status', 's', '--watch', '--json');
    await watch.said('running  1/2,');
    await json.said('"running"');
    folder.put('go');
    await run.ended;
    const [{ code, stdout }, objects] = await Promise.all([watch.ended, json.ended]);

    expect([code, objects.code]).toEqual([0, 0]);
    expect(stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}running {2}1(\/2)?, 0 failed/);
    expect(stdout).toMatch(/\nsession {3}s {3}completed\n/);
    expect(stdout).not.toContain('\u001b');
    expect(jsonLines(objects.stdout).at(-1)).toMatchObject({ state: 'completed', succeeded: 2 });
  });

  it.runIf(process.platform !== 'win32')('--watch is ended by Ctrl-C', async () => {
    using folder = workFolder();
    const run = await folder.hold('--session', 's');
    const watch = folder.start('status', 's', '--watch');
    await watch.said('running  1');
    watch.child.kill('SIGINT');

    expect(await watch.ended).toMatchObject({ signal: 'SIGINT', stderr: '' });
    run.child.kill('SIGKILL');
    await run.ended;
  });

  it('has a line for each shard, and knows when one was never started', async () => {
    using folder = workFolder();
    const inputs = Array.from({ length: 20 }, (_, i) => `n${i}`);
    const args = [...inputs, '--session', 's'];
    await folder.run(...args, '--shard', '1/2');
    const half = await folder.heddle('status', 's');
    await folder.run(...args, '--shard', '2/2');
    const whole = await folder.heddle('status', 's');

    expect(half.stdout).toContain('session   s   unfinished');
    expect(half.stdout).toContain('shard 1/2 completed at');
    expect(half.stdout).toContain('resume with: heddle resume s');
    expect(whole.stdout).toContain('session   s   completed');
    expect(whole.stdout).toContain('shard 2/2 completed at');
    expect(whole.stdout).toContain('done      20/20 (100 %): 20 succeeded, 0 failed\n');
  });

  it('without sessions says so; of an unknown one is 7; --watch of all is wrong usage', async () => {
    using folder = workFolder();
    const [list, json, unknown, watch] = await Promise.all([
      folder.heddle('status'),
      folder.heddle('sessions', '--json'),
      folder.heddle('status', 'x'),
      folder.heddle('status', '--watch'),
    ]);

    expect([list.code, json.code, unknown.code, watch.code]).toEqual([0, 0, 7, 2]);
    expect(list.stdout).toContain('There are no sessions in .heddle/sessions');
    expect(JSON.parse(json.stdout)).toEqual([]);
    expect(unknown.stderr).toMatch(/^error: There is no session at .*\n$/);
  });
});

describe('heddle results', () => {
  it('prints the lines of the run, in input order, all or some', async () => {
    using folder = workFolder();
    const run = await folder.run('b', 'bad', 'a', '--session', 's');
    const results = (...args: string[]) => folder.heddle('results', 's', ...args);
    const [all, failed, succeeded, values, file] = await Promise.all([
      results(),
      results('--status', 'failed'),
      results('--status', 'succeeded'),
      results('--values'),
      results('-o', 'out.jsonl'),
    ]);

    expect([all, failed, succeeded, values, file].map(({ code }) => code)).toEqual([0, 0, 0, 0, 0]);
    expect(all.stdout).toBe(run.stdout);
    expect(jsonLines(failed.stdout).map(({ index, error }) => [index, error.message])).toEqual([
      [1, 'bad is bad'],
    ]);
    expect(jsonLines(succeeded.stdout).map(({ index, value }) => [index, value])).toEqual([
      [0, 'B'],
      [2, 'A'],
    ]);
    expect(values.stdout).toBe('"B"\n"A"\n');
    expect(readFileSync(folder.at('out.jsonl'), 'utf8')).toBe(run.stdout);
    expect(readdirSync(folder.path).sort()).toEqual(['.heddle', 'ledger', 'out.jsonl']);
  });

  it('that nobody reads any more end quietly', async () => {
    using folder = workFolder();
    folder.put('in.txt', Array.from({ length: 20_000 }, (_, i) => `line ${i} ${'x'.repeat(50)}`).join('\n'));
    await heddle(
      ['run', fixture('same.js'), '-i', 'in.txt', '-o', 'out.jsonl', '--session', 's', '--quiet'],
      {
        cwd: folder.path,
      },
    );
    const started = folder.start('results', 's');
    await started.said('"index":0');
    started.child.stdout?.destroy();

    expect(await started.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
  });

  it('of an unknown session is 7, and opens no file', async () => {
    using folder = workFolder();
    const { code, stdout } = await folder.heddle('results', 'x', '-o', 'out.jsonl');

    expect({ code, stdout }).toEqual({ code: 7, stdout: '' });
    expect(existsSync(folder.at('out.jsonl'))).toBe(false);
  });
});

describe('heddle sessions', () => {
  it('--prune deletes completed ones, --all the rest, and never one that is in use', async () => {
    using folder = workFolder();
    await folder.run('a', '--session', 'done');
    await folder.run('bad', '--session', 'failed');
    const run = await folder.hold('--session', 'live');
    const sessions = (...args: string[]) => folder.heddle('sessions', ...args);

    const list = await sessions();
    const dry = await sessions('--prune', '--all', '--dry-run');
    const young = await sessions('--prune', '--older-than', '1h');
    const pruned = await sessions('--prune');
    const left = readdirSync(folder.at('.heddle/sessions')).sort();
    const all = await sessions('--prune', '--all', '--json');
    const live = readdirSync(folder.at('.heddle/sessions'));
    folder.put('go');
    await run.ended;

    expect(
      list.stdout
        .split('\n')
        .map((line) => line.split(/\s+/).slice(0, 2))
        .slice(1, 4),
    ).toEqual([
      ['done', 'completed'],
      ['failed', 'failed'],
      ['live', 'running'],
    ]);
    expect(dry.stdout).toContain('would remove failed (failed, ');
    expect(dry.stdout).toMatch(/would remove 2 sessions, .*; 1 session kept/);
    expect(young.stdout).toContain('removed 0 sessions');
    expect(pruned.stdout).toMatch(
      /^removed done \(completed, .* k?B\)\nremoved 1 session, .*; 2 sessions kept/,
    );
    expect(pruned.stdout).toContain('--all removes');
    expect(left).toEqual(['failed', 'live']);
    expect(JSON.parse(all.stdout)).toMatchObject({ removed: [{ name: 'failed', state: 'failed' }], kept: 1 });
    expect(live).toEqual(['live']);
  });

  it('--older-than looks at when something was last recorded', async () => {
    using folder = workFolder();
    await folder.run('a', '--session', 'old');
    await folder.run('a', '--session', 'new');
    const longAgo = new Date(Date.now() - 8 * 86_400_000);
    for (const file of readdirSync(folder.session('old')))
      utimesSync(`${folder.session('old')}/${file}`, longAgo, longAgo);

    await folder.heddle('sessions', '--prune', '--older-than', '7d');

    expect(readdirSync(folder.at('.heddle/sessions'))).toEqual(['new']);
  });

  it('says what --all and the like are for without --prune', async () => {
    using folder = workFolder();
    const { code, stderr } = await folder.heddle('sessions', '--older-than', '7d');

    expect(code).toBe(2);
    expect(stderr).toContain('--older-than says what to delete: add --prune');
  });
});

describe('heddle verify', () => {
  it('finds a flipped bit; --repair sets it aside, and resume heals', async () => {
    using folder = workFolder();
    const run = await folder.run('a', 'b', 'c', '--session', 's');
    const sound = await folder.heddle('verify', 's');
    const journal = readdirSync(folder.session('s')).find((name) => name.endsWith('.log')) ?? '';
    const path = `${folder.session('s')}/${journal}`;
    const bytes = readFileSync(path);
    const at = bytes.lastIndexOf('"C"') + 1;
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(path, bytes);

    const damaged = await folder.heddle('verify', 's');
    const json = await folder.heddle('verify', 's', '--json');
    const status = await folder.heddle('status', 's');
    const repaired = await folder.heddle('verify', 's', '--repair');
    const after = await folder.heddle('verify', 's');
    const resumed = await folder.heddle('resume', 's');

    expect({ code: sound.code, stdout: sound.stdout }).toEqual({ code: 0, stdout: 's is sound\n' });
    expect(damaged.code).toBe(7);
    expect(damaged.stdout).toContain(journal);
    expect(damaged.stdout).toContain('set aside with: heddle verify s --repair');
    expect(json.code).toBe(7);
    expect(JSON.parse(json.stdout)).toMatchObject({
      v: 1,
      isSound: false,
      damages: [expect.stringContaining(journal)],
    });
    expect(status.stdout).toContain('session   s   damaged');
    expect(repaired.code).toBe(0);
    expect(repaired.stdout).toContain('run again with: heddle resume s');
    expect(readdirSync(`${folder.session('s')}/quarantine`)).not.toEqual([]);
    expect(after.code).toBe(0);
    expect(resumed.code).toBe(0);
    expect(jsonLines(resumed.stdout).map(({ value }) => value)).toEqual(
      jsonLines(run.stdout).map(({ value }) => value),
    );
  });

  it('of a session written by a newer release, and of none, is 7', async () => {
    using folder = workFolder();
    await folder.run('a', '--session', 's');
    const manifest = `${folder.session('s')}/session.json`;
    const { crc: _, ...content } = JSON.parse(readFileSync(manifest, 'utf8'));
    writeFileSync(manifest, JSON.stringify({ ...content, format: 99 }));
    const ends = await Promise.all([
      folder.heddle('verify', 's'),
      folder.heddle('status', 's'),
      folder.heddle('resume', 's'),
      folder.heddle('verify', 'none'),
    ]);
    const list = await folder.heddle('status');

    for (const { code, stderr } of ends) {
      expect(code).toBe(7);
      expect(stderr.match(/^error: /gm)).toHaveLength(1);
    }
    expect(list.code).toBe(0);
    expect(list.stdout).toMatch(/\ns +unreadable /);
  });
});
