import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { onAbortOf } from '../../../../src/main/run/abort-signals.js';

it('any number of runs use one listener of a signal', () => {
  const control = new AbortController();
  const log: number[] = [];
  const stops = Array.from({ length: 20 }, (_, i) => onAbortOf(control.signal, () => log.push(i)));
  expect(getEventListeners(control.signal, 'abort')).toHaveLength(1);
  for (const stop of stops.slice(2)) stop();
  control.abort();

  expect(log).toEqual([0, 1]);
});

it('a callback that was removed is not called, and can be given again', () => {
  const control = new AbortController();
  const log: string[] = [];
  onAbortOf(control.signal, () => log.push('first'))();
  onAbortOf(control.signal, () => log.push('second'));
  control.abort();

  expect(log).toEqual(['second']);
});

it('signals are told apart', () => {
  const [one, other] = [new AbortController(), new AbortController()];
  const log: string[] = [];
  onAbortOf(one.signal, () => log.push('one'));
  onAbortOf(other.signal, () => log.push('other'));
  other.abort();

  expect(log).toEqual(['other']);
});
