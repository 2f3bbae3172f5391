/** What the death of a thread is called. */

import { describe, expect, it } from 'vitest';
import {
  deathOf,
  endsThread,
  exitError,
  startError,
} from '../../../../../src/main/executor/threads/thread-errors.js';

const MEMORY = Object.assign(new Error('heap limit'), { code: 'ERR_WORKER_OUT_OF_MEMORY' });
const EXIT = new Error('worker exited with code: 7');
const CRASH = new TypeError('no');

it.each([
  ['by its heap limit, whatever it said last', MEMORY, CRASH, 'out-of-memory'],
  ['by an uncaught error', EXIT, CRASH, 'uncaught'],
  ['by an exit', EXIT, undefined, 'exit'],
  ['of nothing known', null, undefined, 'exit'],
])('a thread ended %s', (_, error, crash, expected) => {
  expect(deathOf(error, crash)).toBe(expected);
});

describe('the error of the task', () => {
  it.each([
    ['out-of-memory', MEMORY, undefined, 'HEDDLE_OUT_OF_MEMORY', MEMORY, /memory limit/],
    ['uncaught', EXIT, CRASH, 'HEDDLE_WORKER_EXIT', CRASH, /TypeError: no/],
    ['exit', EXIT, undefined, 'HEDDLE_WORKER_EXIT', EXIT, /exit code 7/],
    ['exit', 'odd', undefined, 'HEDDLE_WORKER_EXIT', 'odd', /odd/],
  ] as const)('of %s', (death, error, crash, code, cause, message) => {
    const made = exitError(death, error, crash);

    expect(made).toMatchObject({ code, cause });
    expect(made.message).toMatch(message);
  });
});

it('a module that ended its thread cannot be loaded; a thread that did not come up could not start', () => {
  expect(startError('m.js', EXIT)).toMatchObject({ code: 'HEDDLE_TASK_MODULE_LOAD', cause: EXIT });
  expect(startError('m.js', new Error('EAGAIN'))).toMatchObject({ code: 'HEDDLE_WORKER_START' });
});

it.each([[MEMORY], [EXIT]])('%s is the death of a thread', (error) => {
  expect(endsThread(error)).toBe(true);
});

it.each([[new Error('other')], [null], [undefined], ['text']])('%s is not, and has a message', (error) => {
  expect(endsThread(error)).toBe(false);
});
