/**
 * The real command, killed with -9 at random moments and at every operation on the session's files, or with a
 * file system that fails. In the end each task has exactly one outcome, everything that was printed is there
 * unchanged, and the results equal those of an undisturbed run.
 *
 * HEDDLE_SOAK=1 makes it 200 kills over 20,000 tasks, and every operation instead of every ninth.
 */

import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { heddle } from '../fixtures/cli/run-cli.js';
import { fault, type Life, live, remember, start } from '../support/lives.js';

const SOAK = process.env['HEDDLE_SOAK'] === '1';
const TASKS = SOAK ? 20_000 : 1200;
const KILLS = SOAK ? 200 : 10;
const MAX_DELAY_MS = 300;
const STEP = SOAK ? 1 : 9;
const TASK = fileURLToPath(new URL('../fixtures/session/slow-square.js', import.meta.url));

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'heddle-kill9-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function inputs(count: number, ms: number): string {
  const path = join(root, `inputs-${ms}.jsonl`);
  writeFileSync(path, Array.from({ length: count }, (_, n) => `${JSON.stringify({ n, ms })}\n`).join(''));
  return path;
}

it(`${KILLS} kills at random moments over ${TASKS} tasks`, { timeout: 900_000 }, async () => {
  const path = inputs(TASKS, 20);
  const session = join(root, 'session');
  const args = [TASK, '-i', path, '--key', 'n', '--session', session, '-c', '10', '--order', 'completion'];
  const seen = new Map<number, string>();
  let kills = 0;
  let atLast = 0;
  while (kills < KILLS) {
    const { child, ended } = start(args);
    // Most lives are killed while they print, the others while they start.
    if (Math.random() < 0.7) await Promise.race([once(child.stdout as Readable, 'data'), ended]);
    const timer = setTimeout(() => child.kill('SIGKILL'), Math.random() * MAX_DELAY_MS);
    const { code, lines } = await ended;
    clearTimeout(timer);
    if (code !== null) break;
    kills++;
    atLast = Math.max(atLast, lines.length);
    remember(seen, lines);
  }
  const end = await live(args);
  remember(seen, end.lines);
  console.log(`  kill -9: ${kills} kills, ${atLast} of ${TASKS} tasks printed before the last run`);

  expect(kills).toBeGreaterThan(KILLS * 0.7);
  expect(atLast).toBeGreaterThan(0);
  expect(end.code).toBe(1);
  expect(end.lines.length).toBe(TASKS);
  expect(seen.size).toBe(TASKS);
  const calm = await heddle(['run', TASK, '-i', inputs(TASKS, 0), '--no-session', '--values', '--quiet']);
  const results = await heddle(['results', session, '--values']);
  expect(results.stdout).toBe(calm.stdout);
  expect((await heddle(['verify', session])).code).toBe(0);
});

describe('each operation on the files of a session', () => {
  /** Disturbs the n-th operation, then lets the command finish; for every STEP-th n. */
  async function disturb(
    how: string,
    check: (disturbed: Life) => void,
  ): Promise<{ operations: number; hits: number }> {
    const path = inputs(6, 0);
    const log = join(root, 'log');
    const args = (folder: string) => [TASK, '-i', path, '--session', folder, '-t', '1', '--chunk', '2'];
    const calm = join(root, 'calm');
    const whole = await live(args(calm), fault(calm, 0, how, log));
    const operations = readFileSync(log, 'utf8').trim().split('\n').length;
    let hits = 0;
    const one = async (n: number) => {
      const folder = join(root, `session-${n}`);
      const disturbed = await live(args(folder), fault(folder, n, how));
      if (disturbed.code !== whole.code) hits++;
      check(disturbed);
      const end = await live(args(folder));
      const seen = new Map<number, string>();
      remember(seen, disturbed.lines);
      remember(seen, end.lines);
      expect(end.code, `after ${how} at operation ${n}: ${end.stderr}`).toBe(whole.code);
      expect(end.lines.map((line) => line.value)).toEqual(whole.lines.map((line) => line.value));
    };
    const numbers = Array.from({ length: Math.ceil(operations / STEP) }, (_, i) => 1 + i * STEP);
    for (let i = 0; i < numbers.length; i += 2) await Promise.all(numbers.slice(i, i + 2).map(one));
    console.log(
      `  ${how}: ${operations} operations, ${numbers.length} disturbed, ${hits} of them ended the run`,
    );
    return { operations, hits };
  }

  it.each(['kill-before', 'kill-after'])('%s', { timeout: 900_000 }, async (how) => {
    const { operations, hits } = await disturb(how, () => {});

    expect(operations).toBeGreaterThan(40);
    expect(hits).toBeGreaterThan((operations / STEP) * 0.8);
  });

  it.each(['ENOSPC', 'EIO', 'EACCES'])('fails with %s', { timeout: 900_000 }, async (how) => {
    const { hits } = await disturb(how, ({ code, stderr, lines }) => {
      // Hints and tidying up may fail without harm; then the run ends as if nothing had been.
      if (code === 0) expect(lines.length).toBe(6);
      else expect([74, 7], stderr).toContain(code);
      expect(stderr).not.toContain('bug in heddle');
    });

    expect(hits).toBeGreaterThan(5);
  });
});
