import { expect, it } from 'vitest';
import { Wake } from '../../../../src/main/run/wake.js';
import { nextTurn } from '../../../../src/protocol/turn.js';

/** Writes down when a wait is over. */
function waitOf(wake: Wake, log: string[], name: string): void {
  void wake.wait().then(() => log.push(name));
}

it('a wait ends after the next call, and not before', async () => {
  const wake = new Wake();
  const log: string[] = [];
  waitOf(wake, log, 'awake');
  await nextTurn();
  expect(log).toEqual([]);
  wake.fire();
  expect(log, 'not within the call').toEqual([]);
  await nextTurn();

  expect(log).toEqual(['awake']);
});

it('calls before the wait end it at once, once', async () => {
  const wake = new Wake();
  const log: string[] = [];
  wake.fire();
  wake.fire();
  waitOf(wake, log, 'first');
  await nextTurn();
  waitOf(wake, log, 'second');
  await nextTurn();

  expect(log).toEqual(['first']);
});

it('a call between the end of a wait and its continuation is not lost', async () => {
  const wake = new Wake();
  const log: string[] = [];
  waitOf(wake, log, 'first');
  wake.fire();
  wake.fire();
  await nextTurn();
  expect(log).toEqual(['first']);
  waitOf(wake, log, 'second');
  wake.fire();
  await nextTurn();

  expect(log).toEqual(['first', 'second']);
});
