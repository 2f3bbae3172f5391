/** The log of call starts: what a later process takes over, what it leaves, and which damage it survives. */

import fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { CallLog } from '../../src/session/call-log.js';
import { temporaryFolder } from '../support/session-lives.js';

const root = temporaryFolder('calls');
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

let folders = 0;
function folder(): string {
  const path = join(root, `s${folders++}`);
  fs.mkdirSync(path);
  return path;
}

const WHOLE = { index: 1, count: 1 };
const call = (at: number, account?: string) => ({ lane: 'api', account, at, costs: [3] });
const files = (path: string) => fs.readdirSync(path).filter((file) => file.startsWith('calls-'));

it('gives a later process the calls that are young enough, also of a process that was killed', () => {
  const path = folder();
  const now = Date.now();
  const killed = new CallLog(path, WHOLE, 10_000);
  for (const at of [now - 20_000, now - 5000, now - 5000, now]) killed.add(call(at, 'key'));

  const next = new CallLog(path, WHOLE, 10_000);

  expect(next.earlier).toEqual([call(now - 5000, 'key'), call(now - 5000, 'key'), call(now, 'key')]);
  expect(files(path)).toHaveLength(1);
  const third = new CallLog(path, WHOLE, 10_000);
  expect(third.earlier).toEqual(next.earlier);
});

it('leaves the calls of other shards to them, and takes those of other divisions', () => {
  const path = folder();
  const now = Date.now();
  new CallLog(path, { index: 1, count: 2 }, 10_000).add(call(now - 2));
  new CallLog(path, { index: 2, count: 2 }, 10_000).add(call(now - 1));

  expect(new CallLog(path, { index: 2, count: 2 }, 10_000).earlier).toEqual([call(now - 1)]);
  expect(files(path)).toHaveLength(2);
  expect(new CallLog(path, WHOLE, 10_000).earlier).toEqual([call(now - 2), call(now - 1)]);
  expect(files(path)).toHaveLength(1);
});

it('passes over lines that are torn or mean nothing', () => {
  const path = folder();
  const now = Date.now();
  new CallLog(path, WHOLE, 10_000).add(call(now));
  const [file] = files(path);
  fs.appendFileSync(
    join(path, file as string),
    `[1]\nnull\n{"a":1}\n["api",null,"x",[]]\n["api",null,${now},[`,
  );

  expect(new CallLog(path, WHOLE, 10_000).earlier).toEqual([call(now)]);
});

it('does not grow without end', () => {
  const path = folder();
  const log = new CallLog(path, WHOLE, 10_000);
  const old = Date.now() - 60_000;
  for (let i = 0; i < 150_000; i++) log.add(call(old));
  log.add(call(Date.now()));

  expect(files(path)).toHaveLength(1);
  expect(fs.statSync(join(path, files(path)[0] as string)).size).toBeLessThan(5 * 2 ** 20);
  log.close();
  expect(new CallLog(path, WHOLE, 10_000).earlier).toHaveLength(1);
});
