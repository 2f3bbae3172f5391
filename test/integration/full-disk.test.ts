/**
 * A disk that is really full: a small tmpfs, filled in mid-run. The run stops with an error that says so, shows nothing that it could not
 * record, and goes on once there is room. Needs the right to mount; told and left out where it is missing.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSession } from 'heddle';
import { afterAll, expect, it } from 'vitest';
import { heddle, jsonLines } from '../fixtures/cli/run-cli.js';

const TASK = fileURLToPath(new URL('../fixtures/session/slow-square.js', import.meta.url));
const place = mkdtempSync(join(tmpdir(), 'heddle-full-'));
const mounted =
  process.platform === 'linux' &&
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', place]).status === 0;
afterAll(() => {
  if (mounted) execFileSync('umount', ['-l', place]);
  rmSync(place, { recursive: true, force: true });
});

const inputs = Array.from({ length: 3000 }, (_, n) => `${JSON.stringify({ n, ms: 0 })}\n`).join('');

it.skipIf(!mounted)(
  'stops with exit 74, keeps what was recorded, and goes on later (needs the right to mount)',
  async () => {
    const session = join(place, 'session');
    const args = ['run', TASK, '-i', '-', '--format', 'jsonl', '--session', session, '--chunk', '20'];

    const full = await heddle(args, { input: inputs });

    expect(full.code).toBe(74);
    expect(full.stderr).toContain('no space left on the device');
    expect(full.stderr).toContain('heddle resume');
    const printed = jsonLines(full.stdout);
    const status = await openSession(session).status();
    expect(status.succeeded + status.failed).toBeGreaterThanOrEqual(printed.length);
    expect(printed.length).toBeGreaterThan(100);
    const recorded = new Map<number, unknown>();
    for await (const { index, key } of openSession(session).outcomes()) recorded.set(index, key);
    for (const { index, key } of printed) expect(recorded.get(index)).toBe(key);

    execFileSync('mount', ['-o', 'remount,size=16m', place]);
    const end = await heddle(args, { input: inputs });
    expect(end.code).toBe(1);
    expect(jsonLines(end.stdout).length).toBe(3000);
    expect(end.stderr.replace(/(\d) (\d)/g, '$1$2')).toContain(`${status.succeeded + status.failed} resumed`);
  },
);

it.skipIf(!mounted)(
  'the document is as before when its update finds no room (needs the right to mount)',
  async () => {
    execFileSync('mount', ['-o', 'remount,size=16m', place]);
    const session = openSession(join(place, 'document'));
    await session.update(() => ({ text: 'small' }));
    const filler = join(place, 'filler');
    execFileSync('sh', ['-c', `head -c 16m /dev/zero > ${filler} 2>/dev/null || true`]);

    await expect(session.update(() => ({ text: 'x'.repeat(100_000) }))).rejects.toMatchObject({
      code: 'HEDDLE_SESSION_WRITE',
    });

    expect(session.state()).toEqual({ text: 'small' });
    rmSync(filler);
    await session.update(() => ({ text: 'later' }));
    expect(session.state()).toEqual({ text: 'later' });
  },
);

it.skipIf(!mounted)(
  'a read-only file system is told before anything runs (needs the right to mount)',
  async () => {
    execFileSync('mount', ['-o', 'remount,ro', place]);
    writeFileSync(join(tmpdir(), 'heddle-ro-inputs.jsonl'), '{"n":1,"ms":0}\n');

    const ended = await heddle([
      'run',
      TASK,
      '-i',
      join(tmpdir(), 'heddle-ro-inputs.jsonl'),
      '--session',
      join(place, 'new'),
    ]);

    expect(ended.code).toBe(74);
    expect(ended.stdout).toBe('');
    expect(ended.stderr).toContain('read-only');
    rmSync(join(tmpdir(), 'heddle-ro-inputs.jsonl'));
  },
);
