/**
 * Eight processes share one session, each with a shard of the batch. Three of them are killed and restarted
 * at random moments, and the others do not notice. In the end every task has one outcome, which is what was
 * printed.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSession } from 'heddle';
import { afterAll, expect, it } from 'vitest';
import { heddle, type Line } from '../fixtures/cli/run-cli.js';
import { start, told } from '../support/lives.js';

const SOAK = process.env['HEDDLE_SOAK'] === '1';
const TASKS = SOAK ? 8000 : 800;
const SHARDS = 8;
/** Shards that are killed, and how often each. */
const KILLED = [2, 5, 7];
const KILLS = SOAK ? 8 : 2;
const TASK = fileURLToPath(new URL('../fixtures/session/slow-square.js', import.meta.url));

const root = mkdtempSync(join(tmpdir(), 'heddle-shards-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

it(`${SHARDS} shards, ${KILLED.length} of them killed ${KILLS} times each`, {
  timeout: 600_000,
}, async () => {
  const inputs = join(root, 'inputs.jsonl');
  writeFileSync(
    inputs,
    Array.from({ length: TASKS }, (_, n) => `${JSON.stringify({ n, ms: 30 })}\n`).join(''),
  );
  const session = join(root, 'session');
  const printed: Line[] = [];
  let kills = 0;
  const shard = async (index: number) => {
    const args = [
      TASK,
      '-i',
      inputs,
      '--session',
      session,
      '--shard',
      `${index}/${SHARDS}`,
      '-t',
      '1',
      '-c',
      '2',
      '--order',
      'completion',
    ];
    for (let left = KILLED.includes(index) ? KILLS : 0; ; left--) {
      const { child, ended } = start(args);
      if (left > 0)
        child.stdout?.once('data', () => setTimeout(() => child.kill('SIGKILL'), Math.random() * 300));
      const { code, lines, stderr } = await ended;
      printed.push(...lines);
      if (code !== null) return code > 1 ? stderr : code;
      kills++;
    }
  };

  const codes = await Promise.all(Array.from({ length: SHARDS }, (_, i) => shard(i + 1)));
  console.log(`  shards: ${kills} kills, ${printed.length} lines for ${TASKS} tasks`);

  expect(codes.filter((code) => code !== 0 && code !== 1)).toEqual([]);
  expect(kills).toBeGreaterThan(0);
  const recorded = new Map<number, string>();
  for await (const outcome of openSession(session).outcomes()) {
    expect(recorded.has(outcome.index)).toBe(false);
    recorded.set(outcome.index, told(JSON.parse(JSON.stringify(outcome))));
  }
  expect([...recorded.keys()]).toEqual(Array.from({ length: TASKS }, (_, i) => i));
  for (const line of printed) expect(told(line)).toBe(recorded.get(line.index));
  const whole = await heddle(['run', TASK, '-i', inputs, '--session', session, '--values']);
  expect(whole.code).toBe(1);
  expect(whole.stderr.replace(/(\d) (\d)/g, '$1$2')).toContain(`${TASKS} resumed`);
});
