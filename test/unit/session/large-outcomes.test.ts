/**
 * Outcomes that are large: alone, and together with others in one block. The real limit is about 512 MB, so
 * tests lower it.
 */

import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeValue } from '../../../src/protocol/encoded-value.js';
import { ValueCache } from '../../../src/session/cache.js';
import { FRAME_BYTES, scanFrames } from '../../../src/session/frames.js';
import { sizeError } from '../../../src/session/record.js';
import type { SessionWriter } from '../../../src/session/session-writer.js';
import {
  block,
  closeWriter,
  contentOf,
  openWriter,
  outcome,
  put,
  temporaryFolder,
} from '../../support/session-lives.js';

const LIMIT = 10_000;
const TOO_LARGE = 'x'.repeat(LIMIT);

let folder = '';
beforeEach(() => {
  folder = temporaryFolder('large');
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

/** The length of each frame in the only file whose name begins so. */
async function framesIn(start: string): Promise<number[]> {
  const [file, ...others] = fs.readdirSync(folder).filter((name) => name.startsWith(start));
  expect(others).toEqual([]);
  const fd = fs.openSync(join(folder, file as string), 'r');
  const lengths: number[] = [];
  try {
    const all = { sealedAt: undefined, atLeast: 0 };
    await scanFrames(fd, file as string, all, ({ body }) => lengths.push(body.length));
  } finally {
    fs.closeSync(fd);
  }
  return lengths;
}

describe('a block of large outcomes', () => {
  const value = 'y'.repeat(FRAME_BYTES * 0.6);
  const keys = ['a', 'b', 'c', 'd', 'e'];

  it('is written as several frames, none of which holds more than it may', async () => {
    const writer = await openWriter(folder);
    await writer.record(block(...keys.map((key) => outcome(key, value))));
    await closeWriter(writer);

    const lengths = await framesIn('l-');
    expect(Math.max(...lengths)).toBeLessThanOrEqual(FRAME_BYTES);
    expect(lengths.filter((length) => length > value.length)).toHaveLength(keys.length);
    const { values, damages } = await contentOf(folder);
    expect(damages).toEqual([]);
    expect(values).toEqual(new Map(keys.map((key) => [key, value])));
  });

  it('is compacted into frames of the same size', async () => {
    for (let life = 0; life < 9; life++) {
      const writer = await openWriter(folder);
      await put(writer, `key ${life}`, value);
      await closeWriter(writer);
    }

    const lengths = await framesIn('base-');
    expect(Math.max(...lengths)).toBeLessThanOrEqual(FRAME_BYTES);
    expect((await contentOf(folder)).values.size).toBe(9);
  });
});

describe('an outcome that is too large for one line', () => {
  let writer: SessionWriter;
  beforeEach(async () => {
    writer = await openWriter(folder, { maxLineBytes: LIMIT });
  });

  it('rejects, names its task, and leaves the session usable', async () => {
    const whole = block(outcome('small', 1), outcome('big', TOO_LARGE));
    await expect(writer.record(whole)).rejects.toMatchObject({
      code: 'HEDDLE_SESSION_WRITE',
      message: expect.stringContaining('the task big'),
    });
    expect(writer.recorded.counts).toEqual({ succeeded: 0, failed: 0 });

    await put(writer, 'after', 2);
    await closeWriter(writer);
    const { values, damages } = await contentOf(folder);
    expect(damages).toEqual([]);
    expect(values).toEqual(new Map([['after', 2]]));
  });

  it('can be found before it is handed over', async () => {
    expect(writer.sizeError(outcome('small', 1))).toBeUndefined();
    expect(writer.sizeError(outcome('big', TOO_LARGE))?.message).toContain('value of the task big');
    expect(writer.sizeError(outcome('big', new Error(TOO_LARGE)))?.message).toContain(
      'error of the task big',
    );
    await closeWriter(writer);
  });

  it('is refused as the handle of a job, too', async () => {
    await expect(
      writer.submit('big', { handle: JSON.stringify(TOO_LARGE), account: undefined }),
    ).rejects.toThrow('job handle of the task big');
    expect(writer.recorded.jobs.size).toBe(0);
    await closeWriter(writer);
  });

  it('rejects when the block itself throws', async () => {
    const broken = {
      length: 1,
      recordAt: () => {
        throw new RangeError('Invalid string length');
      },
    };
    await expect(writer.record(broken)).rejects.toThrow('Invalid string length');
    await put(writer, 'after', 2);
    await closeWriter(writer);
  });
});

it('a line is measured in bytes of UTF-8, which is what is read back', () => {
  const limit = 3_000;
  const check = (value: unknown) => sizeError('value', 'key', encodeValue(value), limit);

  expect(check('a'.repeat(2_000))).toBeUndefined();
  expect(check('é'.repeat(2_000))).toBeDefined();
  expect(check(new Uint8Array(1_800))).toBeUndefined();
  expect(check(new Uint8Array(2_400))).toBeDefined();
  expect(check(undefined)).toBeUndefined();
});

it('a value that cannot be written as text is left out of the cache', () => {
  const cache = new ValueCache(join(folder, 'cache'), 'task');
  // Throws when it is made text, as a value does that is too long for a string.
  const unwritable = Object.create(null) as never;

  expect(() => cache.put('0'.repeat(32), unwritable)).not.toThrow();
  expect(cache.get('0'.repeat(32))).toBeUndefined();
});

it('a long key is shortened in the message', () => {
  const error = sizeError('value', 'k'.repeat(5_000), '1', 3_000);

  expect(error?.message.length).toBeLessThan(400);
});
