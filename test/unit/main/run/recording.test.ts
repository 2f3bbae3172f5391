/** The recording of a run: nothing without a session, and what a session, a cache and shards are opened with. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunOptions } from '../../../../src/main/options/options.js';
import { resolveRunOptions } from '../../../../src/main/options/resolve-options.js';
import { SucceededBlock } from '../../../../src/main/run/outcome-block.js';
import {
  hashOf,
  type Memory,
  noMemory,
  noRecording,
  notesOf,
  openMemory,
  type Recording,
} from '../../../../src/main/run/recording.js';
import { encodeValue } from '../../../../src/protocol/encoded-value.js';
import { transfer } from '../../../../src/protocol/transfer.js';
import { chunk } from '../../../support/run-rig.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-recording-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const TASK = { name: 'task', hash: 'a'.repeat(64) };
const ENDED = { status: 'completed', total: 2, reason: undefined } as const;

function open(options: RunOptions, inputs: unknown[] = ['a', 'b']): Promise<Memory> {
  return openMemory(resolveRunOptions(options), () => TASK as never, inputs, inputs.length);
}

function succeeded(index: number, key: string, value: unknown): SucceededBlock {
  const tasks = chunk(index, { keys: [key] });
  const columns = {
    from: 0,
    length: 1,
    values: [encodeValue(value)],
    times: new Float64Array([0, 1]),
    offset: 0,
  };
  return new SucceededBlock(tasks, { ...columns, origin: 0, workerId: 1, isEncoded: true });
}

async function close({ recording }: Memory): Promise<void> {
  await recording.close(ENDED, true);
  recording.release();
}

describe('without a session', () => {
  it('nothing is known and nothing is kept', async () => {
    expect(noRecording.see('a', 0, true)).toEqual({
      key: 'a',
      slot: -1,
      status: undefined,
      interrupted: false,
      job: undefined,
    });
    expect(noRecording.record(succeeded(0, 'a', 1))).toBeUndefined();
    expect(noRecording.submit('a', { handle: '1', account: undefined })).toBeUndefined();
    await noRecording.begin('a', 1);
    await noRecording.takeBack('a');
    await noRecording.close(ENDED, true);

    expect(() => noRecording.recorded.read(0)).toThrow();
    expect(notesOf(noRecording)).toEqual([]);
    expect(noMemory).toMatchObject({ isResuming: false, cache: undefined, shard: undefined });
  });
});

describe('with a session', () => {
  it('an outcome is known to the next run, by its key', async () => {
    const session = join(folder, 'session');
    const first = await open({ session });
    expect(first.isResuming).toBe(false);
    const key = hashOf('a');
    first.recording.see(key, 0, true);
    await first.recording.record(succeeded(0, key, { n: 1 }));
    await close(first);
    const second = await open({ session });
    const seen = second.recording.see(key, 5, true);

    expect(second.isResuming).toBe(true);
    expect(seen).toMatchObject({ key, status: 'succeeded', interrupted: false });
    expect(second.recording.recorded.read(seen.slot)).toMatchObject({ key, value: { n: 1 } });
    expect(second.recording.see(hashOf('b'), 1, true).status).toBeUndefined();
    await close(second);
  });

  it('an attempt that was cut off, and a job, are known to the next run', async () => {
    const options = { session: join(folder, 'session'), key: (input: unknown) => String(input) };
    const first = await open(options);
    for (const [index, key] of ['a', 'b', 'c'].entries()) {
      first.recording.see(key, index, false);
      await first.recording.begin(key, 1);
    }
    await first.recording.takeBack('b');
    await first.recording.submit('c', { handle: '{"id":7}', account: 'x' });
    await close(first);
    const second = await open(options);
    const [a, b, c] = ['a', 'b', 'c'].map((key, index) => second.recording.see(key, index, false));

    expect([a?.interrupted, b?.interrupted, c?.job]).toEqual([
      true,
      false,
      { handle: '{"id":7}', account: 'x' },
    ]);
    await close(second);
  });

  it('the same input twice is two tasks', async () => {
    const { recording } = await open({ session: join(folder, 'session') }, ['a', 'a']);
    const keys = [recording.see(hashOf('a'), 0, true).key, recording.see(hashOf('a'), 1, true).key];

    expect(new Set(keys).size).toBe(2);
    await recording.close(ENDED, true);
    recording.release();
  });

  it('tasks that are not in the batch any more are noted', () => {
    const recording = { notes: ['damaged'], gone: 1 } as unknown as Recording;

    expect(notesOf(recording)).toEqual(['damaged', expect.stringMatching(/^1 task of the session is/)]);
    expect(notesOf({ ...recording, gone: 2 })[1]).toMatch(/^2 tasks of the session are/);
  });
});

it('a cache alone keeps values and no outcomes', async () => {
  const memory = await open({ cache: join(folder, 'cache') });
  memory.cache?.put(hashOf('a'), '1');

  expect(memory.recording).toBe(noRecording);
  expect(memory.cache?.get(hashOf('a'))).toEqual({ content: '1' });
  expect(memory.cache?.get(hashOf('b'))).toBeUndefined();
});

it('each task falls to one shard', async () => {
  const memories = await Promise.all(
    [1, 2, 3].map((index) => open({ shard: { index, count: 3 }, key: (input) => String(input) })),
  );
  const keys = Array.from({ length: 60 }, (_, i) => `key ${i}`);
  const owners = keys.map((key) => memories.filter(({ shard }) => shard?.isElsewhere(key) === false).length);

  expect(new Set(owners)).toEqual(new Set([1]));
});

describe('the default key', () => {
  it('of a moved input is that of the input', () => {
    const buffer = new ArrayBuffer(8);

    expect(hashOf(transfer(new Uint8Array(buffer), [buffer]))).toBe(hashOf(new Uint8Array(8)));
  });

  it('of what cannot be hashed is refused', () => {
    expect(() => hashOf(() => {})).toThrowError(expect.objectContaining({ code: 'HEDDLE_INVALID_KEY' }));
  });
});
