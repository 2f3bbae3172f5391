/** When failures end a run. */

import { describe, expect, it } from 'vitest';
import { type FailureLimit, FailureWatch } from '../../../../src/main/figures/failure-watch.js';

/** After how many failures a run is ended; undefined: it is not. */
function endsAfter(limit: FailureLimit, total: number | undefined, most = 100): number | undefined {
  const watch = new FailureWatch(limit);
  for (let failed = 1; failed <= most; failed++)
    if (watch.add(failed, new Error('x'), total, failed) !== undefined) return failed;
  return undefined;
}

describe('a run is ended', () => {
  it.each([
    ['never without a limit', undefined, 10, undefined],
    ['by the first failure', { count: 0 }, 10, 1],
    ['by one more than allowed', { count: 3 }, undefined, 4],
    ['by more than its share of the batch', { share: 0.1 }, 50, 6],
    ['by any failure with a share of 0', { share: 0 }, 50, 1],
    ['never with a share of 1', { share: 1 }, 100, undefined],
    ['not before enough tasks settled, if the length is unknown', { share: 0.5 }, undefined, 20],
  ] as const)('%s', (_, limit, total, expected) => {
    expect(endsAfter(limit, total)).toBe(expected);
  });

  it('with a share of what was settled, if the length is unknown', () => {
    const watch = new FailureWatch({ share: 0.1 });

    expect(watch.add(1, new Error('x'), undefined, 10)).toBeUndefined();
    expect(watch.add(2, new Error('x'), undefined, 20)).toBeUndefined();
    expect(watch.add(3, new Error('x'), undefined, 29)).toMatchObject({ code: 'HEDDLE_TOO_MANY_FAILURES' });
  });
});

it('failures of earlier runs are listed, and end nothing', () => {
  const watch = new FailureWatch({ count: 1 });
  for (const index of [0, 1, 2]) watch.addEarlier(index, new Error('earlier'));

  expect(watch.add(3, new Error('now'), 9, 4)).toBeUndefined();
  expect(watch.add(4, new Error('now'), 9, 5)).toBeDefined();
  expect(watch.list().map(({ message, count }) => [message, count])).toEqual([
    ['earlier', 3],
    ['now', 2],
  ]);
});

it('the reason names the count, the limit and the error', () => {
  const cause = new Error('no such host');
  const reason = new FailureWatch({ count: 0 }).add(0, cause, 1, 1);

  expect(reason).toMatchObject({
    cause,
    message: expect.stringMatching(/1 task failed.*\b0 allowed.*no such host/),
  });
});

// 0.07 * 100 is 7.000000000000001.
it.fails('the reason shows a share as it was given', () => {
  expect(new FailureWatch({ share: 0.07 }).add(0, new Error('x'), 1, 1)?.message).toContain(
    'the 7 % allowed',
  );
});
