/** `heddle run --rate-limit`: what it holds, what it says, and that a resumed run keeps to it. */

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { fixture, heddle, jsonLines, tempFolder } from '../fixtures/cli/run-cli.js';

const SAME = fixture('same.js');
const NAMES = Array.from({ length: 30 }, (_, i) => `in${i}`);

it('holds the starts to it, and the summary says so', async () => {
  using folder = tempFolder();
  const run = await heddle(['run', SAME, ...NAMES, '-c', '8', '--rate-limit', '10/s', '--burst', '10'], {
    cwd: folder.path,
  });

  expect(run.code).toBe(0);
  const lines = jsonLines(run.stdout) as { startedAt: string }[];
  const starts = lines.map(({ startedAt }) => Date.parse(startedAt)).sort((a, b) => a - b);
  expect(starts).toHaveLength(30);
  // The guard is 50 ms; the first of a window and the first of the next are further apart than the window.
  expect((starts[29] as number) - (starts[0] as number)).toBeGreaterThanOrEqual(1900);
  expect(run.stderr).toContain('bound by 10 calls/s');
});

it.each([
  [['--rate-limit', '0/s'], /Expected a rate such as 20\/s/],
  [['--rate-limit', 'fast'], /Expected a rate such as 20\/s/],
  [['--burst', '3'], /add --rate-limit/],
  [['--rate-limit', '5/s', '--burst', '6'], /--burst 6 is more than the 5 starts/],
])('%j is refused before anything runs', async (flags, message) => {
  using folder = tempFolder();
  const run = await heddle(['run', SAME, 'a', ...flags], { cwd: folder.path });
  expect(run.code).toBe(2);
  expect(run.stderr).toMatch(message);
  expect(run.stdout).toBe('');
});

it('is kept by heddle resume', async () => {
  using folder = tempFolder();
  const cut = await heddle(
    [
      'run',
      SAME,
      ...NAMES,
      '--session',
      's',
      '-c',
      '8',
      '--rate-limit',
      '10/s',
      '--burst',
      '10',
      '--deadline',
      '600ms',
    ],
    { cwd: folder.path },
  );
  expect(cut.code).toBe(3);
  const recorded = JSON.parse(readFileSync(folder.at('.heddle/sessions/s/session.json'), 'utf8')) as object;
  expect(JSON.stringify(recorded)).toContain('"rateLimit":{"limit":10,"perMs":1000}');

  const resumed = await heddle(['resume', 's', '--deadline', '1m'], { cwd: folder.path });

  expect(resumed.code).toBe(0);
  expect(resumed.stderr).toContain('bound by 10 calls/s');
});
