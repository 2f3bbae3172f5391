/** Blocks: columns, one outcome, or records on the disk, all read in the same way. */

import { describe, expect, it } from 'vitest';
import {
  outcomeOf,
  RecordedBlock,
  SucceededBlock,
  taskOf,
  UnsuccessfulBlock,
} from '../../../../src/main/run/outcome-block.js';
import { encodeValue } from '../../../../src/protocol/encoded-value.js';
import { unsuccessful } from '../../../../src/protocol/outcome.js';
import { serializeError } from '../../../../src/protocol/serialized-error.js';
import { chunk, HandRecording } from '../../../support/run-rig.js';

const tasks = chunk(10, { inputs: ['a', 'b', 'c'], keys: ['A', 'B', 'C'], attempt: 2 });

/** The second and third task, which are the first and second of a message that began with the second. */
function columns(isEncoded: boolean): ConstructorParameters<typeof SucceededBlock>[1] {
  const values = ['unused', 1, new Map([[1, 2]])].map((value) => (isEncoded ? encodeValue(value) : value));
  return {
    from: 1,
    length: 2,
    offset: 1,
    values,
    times: new Float64Array([5, 7, 10, 14]),
    origin: 1000,
    workerId: 3,
    isEncoded,
  };
}

describe('tasks that succeeded', () => {
  it.each([[false], [true]])('have their values, times and names; encoded: %s', (isEncoded) => {
    const block = new SucceededBlock(tasks, columns(isEncoded));

    expect([block.first, block.length, block.status, block.isResumed]).toEqual([11, 2, 'succeeded', false]);
    expect([block.at(0), block.at(1)]).toMatchObject([
      { index: 11, key: 'B', value: 1, attempts: 2, startedAt: 1007, durationMs: 3, workerId: 3 },
      { index: 12, key: 'C', value: new Map([[1, 2]]), startedAt: 1010, durationMs: 4 },
    ]);
    expect(block.valueAt(1)).toEqual(new Map([[1, 2]]));
  });

  it('are recorded as they are given out', () => {
    const block = new SucceededBlock(tasks, columns(true));
    const { content, ...record } = block.recordAt(0);

    expect(record).toEqual({
      key: 'B',
      index: 11,
      status: 'succeeded',
      attempts: 2,
      startedAt: 1007,
      durationMs: 3,
      workerId: 3,
    });
    expect(content).toBe('1');
  });
});

it('a task without a value has its error, also in its record', () => {
  const times = { attempts: 1, startedAt: 5, durationMs: 6, workerId: 7 };
  const task = { index: 3, key: 'A', input: undefined };
  const block = new UnsuccessfulBlock(unsuccessful('failed', new TypeError('no'), times, task));

  expect([block.first, block.length, block.status, block.isResumed, block.valueAt()]).toEqual([
    3,
    1,
    'failed',
    false,
    undefined,
  ]);
  expect(block.recordAt()).toMatchObject({ key: 'A', index: 3, status: 'failed', ...times });
});

describe('outcomes of an earlier run', () => {
  it('have the places of this batch', () => {
    const block = new RecordedBlock(20, 'succeeded', [4, 9], new HandRecording().recorded);

    expect([block.at(0), block.at(1)]).toMatchObject([
      { index: 20, key: 'key 4', value: 'earlier' },
      { index: 21, key: 'key 9', value: 'earlier' },
    ]);
    expect([block.length, block.isResumed, block.valueAt(1)]).toEqual([2, true, 'earlier']);
  });

  it('that failed have their error again', () => {
    const error = serializeError(new RangeError('no'));
    const fields = { id: '', key: 'A', index: 1, attempts: 2, startedAt: 3, durationMs: 4, workerId: 5 };

    expect(outcomeOf({ ...fields, status: 'failed', value: undefined, error })).toMatchObject({
      index: 1,
      key: 'A',
      status: 'failed',
      error: { name: 'RangeError', message: 'no' },
    });
  });
});

it('a task is named by its key, or by its input', () => {
  expect(taskOf(tasks, 1)).toEqual({ index: 11, key: 'B', input: 'b' });
  expect(taskOf(chunk(3), 0)).toEqual({ index: 3, key: undefined, input: 3 });
});
