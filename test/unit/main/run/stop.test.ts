/** How a run stops: the first cause, the way from a drain to an abort, and what is kept beside the state. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { asked, Stop } from '../../../../src/main/run/stop.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const first = asked(new Error('first'));
const second = asked(new Error('second'));

/** A stop whose changes are written down. */
function watched(): { stop: Stop; changes: string[] } {
  const stop = new Stop();
  const changes: string[] = [];
  stop.onChange((state, isFirst) => {
    const cause = 'cause' in state ? state.cause?.error.message : undefined;
    changes.push(`${state.kind} ${cause}${isFirst ? ', first' : ''}`);
  });
  return { stop, changes };
}

describe('the state', () => {
  it('is running until something happens', () => {
    const { stop, changes } = watched();

    expect(stop.state).toEqual({ kind: 'running' });
    expect([stop.isStopping, stop.cause, stop.reason, stop.fatal]).toEqual([
      false,
      undefined,
      undefined,
      undefined,
    ]);
    expect(changes).toEqual([]);
  });

  it('keeps the first cause when a drain becomes an abort', () => {
    const { stop, changes } = watched();
    stop.drain(first, Number.POSITIVE_INFINITY);
    stop.abort(second);

    expect(stop.state).toEqual({ kind: 'aborting', cause: first });
    expect(changes).toEqual(['draining first, first', 'aborting first']);
  });

  it('does not go back from an abort', () => {
    const { stop, changes } = watched();
    stop.abort(first);
    stop.drain(second, 10);
    stop.abort(second);

    expect(stop.state.kind).toBe('aborting');
    expect(changes).toEqual(['aborting first, first']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is over for good', () => {
    const { stop, changes } = watched();
    stop.end();
    stop.drain(first, 10);
    stop.abort(first);

    expect(stop.state).toEqual({ kind: 'over', cause: undefined });
    expect(changes).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('keeps its cause when it is over', () => {
    const { stop } = watched();
    stop.drain(first, 10);
    stop.end();

    expect(stop.state).toEqual({ kind: 'over', cause: first });
    expect(stop.isStopping).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a drain', () => {
  it('becomes an abort after the grace time', () => {
    const { stop, changes } = watched();
    stop.drain(first, 100);
    vi.advanceTimersByTime(99);
    expect(stop.state.kind).toBe('draining');
    vi.advanceTimersByTime(1);

    expect(changes).toEqual(['draining first, first', 'aborting first']);
  });

  it('takes as long as it takes if the grace time is infinite', () => {
    const { stop } = watched();
    stop.drain(first, Number.POSITIVE_INFINITY);

    expect(vi.getTimerCount()).toBe(0);
    expect(stop.state.kind).toBe('draining');
  });

  it('does not end at once for a grace time beyond what a timer can wait', () => {
    const { stop } = watched();
    stop.drain(first, 3e9);
    vi.advanceTimersByTime(1000);

    expect(stop.state.kind).toBe('draining');
  });

  it('that is asked for again has the new grace time and the first cause', () => {
    const { stop } = watched();
    stop.drain(first, 100);
    stop.drain(second, 10);
    vi.advanceTimersByTime(10);

    expect(stop.state).toEqual({ kind: 'aborting', cause: first });
  });

  it('that a listener turns into an abort leaves no timer', () => {
    const stop = new Stop();
    stop.onChange(({ kind }) => kind === 'draining' && stop.abort(second));
    stop.drain(first, 100);

    expect(stop.state).toEqual({ kind: 'aborting', cause: first });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('what waits for the stop', () => {
  it('is released by a drain', async () => {
    const { stop } = watched();
    stop.drain(first, Number.POSITIVE_INFINITY);

    await expect(stop.requested).resolves.toBeUndefined();
  });

  it('is notified no more once it has unsubscribed', () => {
    const stop = new Stop();
    let calls = 0;
    const unsubscribe = stop.onChange(() => {
      calls++;
    });
    unsubscribe();
    stop.abort(first);

    expect(calls).toBe(0);
  });
});

describe('errors', () => {
  it('a reason that is an error is the error of the tasks, and what the caller catches', () => {
    const error = new TypeError('mine');

    expect(asked(error)).toEqual({ kind: 'asked', error, thrown: error });
  });

  it.each([[null], ['words'], [0], [false]])(
    'the reason %s is caught as it is, and wrapped for tasks',
    (reason) => {
      const { error, thrown } = asked(reason);

      expect(error).toMatchObject({ code: 'HEDDLE_ABORTED', cause: reason });
      expect(thrown).toBe(reason);
    },
  );

  it('no reason gives an error of its own', () => {
    const { error, thrown } = asked(undefined);

    expect(error).toMatchObject({ code: 'HEDDLE_ABORTED' });
    expect(thrown).toBe(error);
  });

  it('a fatal error makes the run reject, whatever stopped it first', () => {
    const { stop } = watched();
    const fatal = new Error('fatal');
    stop.drain(first, 100);
    stop.fail(fatal);

    expect(stop.state).toEqual({ kind: 'aborting', cause: first });
    expect(stop.fatal).toEqual({ error: fatal });
    expect(stop.reason).toBe(first.error);
  });

  it('the first fatal error is kept, also when it is no error', () => {
    const { stop } = watched();
    stop.fail(null);
    stop.fail(new Error('later'));

    expect(stop.fatal).toEqual({ error: null });
    expect(stop.cause).toMatchObject({ kind: 'fatal', error: { code: 'HEDDLE_ABORTED', cause: null } });
  });

  it('a fatal error of undefined is still one', () => {
    const { stop } = watched();
    stop.fail(undefined);

    expect(stop.fatal?.error).toMatchObject({ code: 'HEDDLE_ABORTED' });
  });

  it('a run that rejects in the end goes on until then', () => {
    const { stop } = watched();
    const error = new Error('the source broke');
    stop.reject(error);

    expect(stop.state.kind).toBe('running');
    expect(stop.fatal).toEqual({ error });
    expect(stop.reason).toBe(error);
  });

  it('a task that was left is the reason only if nothing stopped the run', () => {
    const left = new Error('left');
    const { stop } = watched();
    stop.leave(left);
    stop.leave(new Error('later'));
    expect([stop.isStopping, stop.reason]).toEqual([false, left]);
    stop.abort(first);

    expect(stop.reason).toBe(first.error);
  });

  it('tasks have an error even if nothing stopped the run', () => {
    expect(watched().stop.error).toMatchObject({ code: 'HEDDLE_ABORTED' });
  });
});
