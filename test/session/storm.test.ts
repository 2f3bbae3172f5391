/**
 * The storm: four processes take one session from each other while they are stopped, continued and killed at
 * random. Everything that any of them acknowledged is recorded, and two independent readers agree.
 *
 * 8 seconds; a minute with HEDDLE_SOAK=1.
 */

import fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import {
  closeWriter,
  contentOf,
  dice,
  looksDead,
  marksIn,
  openWriter,
  SOAK,
  temporaryFolder,
} from '../support/session-lives.js';
import { endProcesses, RecorderProcess } from '../support/session-processes.js';

const root = temporaryFolder('storm');
const folder = join(root, 'session');
const SECONDS = SOAK ? 60 : 8;
const PROCESSES = 4;
afterAll(endProcesses);
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

it(`${PROCESSES} processes, ${SECONDS} s`, { timeout: 180_000 }, async () => {
  const roll = dice(Number(process.env['HEDDLE_SEED'] ?? Date.now() % 1000));
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const acknowledged = new Set<string>();
  const counts = { kills: 0, pauses: 0, takeovers: 0, fenced: 0 };
  const until = Date.now() + SECONDS * 1000;
  const strange: string[] = [];
  /** On a busy machine the storm goes on until it has done what it is for. */
  const isOver = () =>
    Date.now() > until && counts.takeovers > PROCESSES && counts.fenced > 0 && acknowledged.size > 100;

  /** Keeps one process going after the other. */
  // biome-ignore lint/complexity/noExcessiveCognitiveComplexity: the life of a process reads best in order
  const keepOne = async (i: number) => {
    for (let life = 0; !isOver(); life++) {
      looksDead(folder);
      const before = acknowledged.size;
      const one = new RecorderProcess(folder, `${i}.${life}`, { shared: 'shared' });
      const hasEnded = one.exited.then(() => true);
      // Most processes are disturbed while they record, the others while they start.
      if (roll() < 0.7) await one.reached(1);
      while (!(await Promise.race([hasEnded, wait(20 + roll() * 250)]))) {
        for (const key of one.acknowledged) acknowledged.add(key);
        if (isOver() || roll() < 0.2) {
          one.child.kill('SIGKILL');
          counts.kills++;
        } else if (roll() < 0.6) {
          one.child.kill('SIGSTOP');
          counts.pauses++;
          if (roll() < 0.7) looksDead(folder);
          await wait(roll() * 400);
          one.child.kill('SIGCONT');
        }
      }
      for (const key of one.acknowledged) acknowledged.add(key);
      if (one.found !== undefined) {
        counts.takeovers++;
        // It found everything that was acknowledged before it started, and the task that all processes share.
        if (one.found < before) strange.push(`${i}.${life} found ${one.found} of ${before}`);
      }
      if (one.end === 'HEDDLE_SESSION_FENCED') counts.fenced++;
      else if (one.end !== undefined && one.end !== 'HEDDLE_SESSION_BUSY')
        strange.push(`${i}.${life} ended: ${one.end}`);
      if (one.stderr !== '') strange.push(one.stderr);
    }
  };
  await Promise.all(Array.from({ length: PROCESSES }, (_, i) => keepOne(i)));

  const [one, two] = await Promise.all([contentOf(folder), contentOf(folder, marksIn(folder))]);
  const lost = [...acknowledged].filter((key) => !one.values.has(key));
  console.log(`  storm: ${acknowledged.size} acknowledged, ${lost.length} lost,`, counts);
  expect(lost).toEqual([]);
  expect(strange).toEqual([]);
  expect(two).toEqual(one);
  expect(one.damages).toEqual([]);
  for (const [key, value] of one.values) if (key !== 'shared') expect(value).toBe(Number(key.split(' ')[1]));

  looksDead(folder);
  await closeWriter(await openWriter(folder));
  const after = await contentOf(folder, marksIn(folder));
  expect(after.values).toEqual(one.values);
  expect(fs.readdirSync(folder).filter((file) => file.startsWith('.t-'))).toEqual([]);
});
