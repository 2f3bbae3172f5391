/** What is shown on standard error while a run goes on. */

import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BIN, fixture, heddle, jsonLines, startHeddle, tempFolder } from '../fixtures/cli/run-cli.js';

/** Gives a command a terminal of its own. */
const SCRIPT = 'script';
const WAIT = fixture('wait.js');
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f]/;

function hasScript(): boolean {
  try {
    execFileSync(SCRIPT, ['--version']);
    return process.platform === 'linux';
  } catch {
    return false;
  }
}

describe('progress', () => {
  it('is plain lines without control characters in a file, also when a bar was asked for', async () => {
    using folder = tempFolder();
    const run = async (mode: string) => {
      const file = openSync(folder.at(mode), 'w');
      await startHeddle(['run', fixture('logs.js'), 'a', '--progress', mode, '--verbose'], {
        stdio: ['ignore', 'ignore', file],
      }).ended;
      closeSync(file);
      return readFileSync(folder.at(mode), 'utf8');
    };

    const texts = await Promise.all(['auto', 'plain', 'bar'].map(run));

    for (const text of texts) {
      expect(text).toMatch(/^logs\.js: 1 task, \d+ threads?\n/);
      expect(text).not.toMatch(CONTROLS);
    }
  });

  it('is at most one plain line a second', async () => {
    const { stderr } = await heddle([
      'run',
      WAIT,
      ...Array(22).fill('100'),
      '-t',
      '1',
      '--progress',
      'plain',
    ]);

    const lines = stderr.split('\n').filter((line) => line.includes(' of 22'));
    expect(lines.length).toBeGreaterThanOrEqual(1);
    expect(lines.length).toBeLessThanOrEqual(4);
    expect(lines[0]).toMatch(/^wait\.js: \d+ %, \d+ of 22, [\d.]+\/s/);
  });

  it('is versioned JSON events, and nothing else, with json', async () => {
    const { stderr } = await heddle(
      ['run', fixture('logs.js'), '-i', '-', '--format', 'jsonl', '--progress', 'json'],
      { input: 'bad\n"a"\n' },
    );

    const events = jsonLines(stderr);
    for (const event of events) {
      expect(event).toMatchObject({ v: 1, type: expect.any(String) });
      expect(new Date(event.t).toISOString()).toBe(event.t);
    }
    const types = events.map(({ type }) => type);
    expect(types[0]).toBe('starting');
    expect(types).toContain('run-started');
    expect(types).toContain('progress');
    expect(
      events.filter(({ type }) => type === 'task-log').map(({ level, index }) => [level, index]),
    ).toEqual([
      ['debug', 1],
      ['info', 1],
      ['warn', 1],
      ['error', 1],
    ]);
    expect(events.at(-1)).toMatchObject({
      type: 'run-ended',
      summary: { succeeded: 1, failed: 1, exit: { code: 1 } },
    });
  });

  it('tells failures and retries as JSON events', async () => {
    const { stderr } = await heddle([
      'run',
      fixture('flaky.js'),
      'a',
      '--retries',
      '1',
      '--backoff',
      '0',
      '--progress',
      'json',
    ]);

    const events = jsonLines(stderr);
    expect(events.find(({ type }) => type === 'task-retry')).toMatchObject({
      index: 0,
      attempt: 1,
      error: { message: 'attempt 1 failed' },
    });
    expect(events.find(({ type }) => type === 'task-failed')).toMatchObject({
      attempts: 2,
      error: { message: 'attempt 2 failed' },
    });
  });

  it('shows warnings and errors of tasks, all levels with --verbose, nothing with --quiet', async () => {
    const logs = fixture('logs.js');
    const [normal, verbose, quiet, none] = await Promise.all([
      heddle(['run', logs, 'a']),
      heddle(['run', logs, 'a', '--verbose']),
      heddle(['run', logs, 'a', '--quiet']),
      heddle(['run', logs, 'a', '--progress', 'none']),
    ]);

    expect(normal.stderr).toContain('warn: task 0 (a): a warn line {"input":"a"}');
    expect(normal.stderr).toContain('error: task 0 (a): an error line \\x1b[31mred\\x07');
    expect(normal.stderr).not.toContain('an info line');
    expect(verbose.stderr).toContain('debug: task 0 (a): a debug line');
    expect(quiet.stderr).toBe('');
    expect(none.stderr).not.toContain('1 task,');
    expect(none.stderr).toContain('1 succeeded');
  });

  it.runIf(hasScript())(
    'is one live line on a terminal, and the cursor comes back on every way out',
    async () => {
      using folder = tempFolder();
      const onTerminal = (args: string, env = '') =>
        execFileSync(
          SCRIPT,
          [
            '-qec',
            `env -u CI -u NO_COLOR TERM=xterm ${env} '${process.execPath}' '${BIN}' ${args}`,
            '/dev/null',
          ],
          {
            cwd: folder.path,
            encoding: 'utf8',
            stdio: ['ignore', 'pipe', 'ignore'],
            input: '',
          },
        );

      const done = onTerminal(`run '${WAIT}' 150 150 150 -t 1 -o /dev/null`);
      const killed = onTerminal(
        `run '${WAIT}' 60000 -o /dev/null --grace 0 & pid=$!; sleep 1; kill -TERM $pid; wait $pid; true`,
      );
      const inCi = onTerminal(`run '${WAIT}' 1 -o /dev/null`, 'CI=1');

      expect(done).toMatch(/33 %.*1\/3/);
      expect(done.indexOf('\u001b[?25l')).toBeLessThan(done.indexOf('\u001b[?25h'));
      expect(done.split('\u001b[?25h')[1]).toContain('3 succeeded');
      expect(killed).toContain('\u001b[?25h');
      expect(inCi).not.toContain('\u001b[?25l');
      expect(inCi).toContain('1 task');
    },
  );
});
