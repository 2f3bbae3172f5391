/**
 * Whatever tasks and sources do: each task has one outcome, values are equal with and without a session, the process lives, and
 * close() ends. The runs are played in another process, which a fault may end. HEDDLE_SOAK=1 plays more of them, each time others.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hostilePlan, sourcePlan } from '../support/hostile/arbitraries.js';
import { expectSame, expectSound } from '../support/hostile/fates.js';
import { freshPath } from '../support/hostile/folders.js';
import { HostileHost } from '../support/hostile/host.js';
import type { Plan, Played } from '../support/hostile/plan.js';

const isSoak = process.env['HEDDLE_SOAK'] !== undefined;
const LIMIT_MS = 60_000;

/** Checks a property of plans. The failure names the seed and the smallest plan. */
async function check(
  plans: fc.Arbitrary<Plan>,
  numRuns: number,
  holds: (plan: Plan, play: (plan: Plan) => Promise<Played>) => Promise<void>,
): Promise<void> {
  await using host = new HostileHost();
  const play = (plan: Plan) => host.play({ boundMs: 6000, ...plan });
  await fc.assert(
    fc.asyncProperty(plans, (plan) => holds(plan, play)),
    {
      ...(isSoak ? { numRuns: numRuns * 30 } : { numRuns, seed: 20_260_701 }),
      includeErrorInReport: true,
      interruptAfterTimeLimit: LIMIT_MS,
      // A machine that is too busy for all runs has still found no fault.
      markInterruptAsFailure: false,
    },
  );
}

describe('hostile tasks', () => {
  it.each([
    ['threads', 5],
    ['inline', 8],
    ['module', 4],
  ] as const)(
    'have one outcome each, the same with a session and when it is resumed: %s',
    async (executor, numRuns) => {
      await check(hostilePlan(executor), numRuns, async (plan, play) => {
        const session = freshPath();

        const without = await play(plan);
        const kept = await play({ ...plan, session });
        const resumed = await play({ ...plan, session });

        for (const played of [without, kept, resumed]) expectSound(plan, played);
        expectSame(plan, without, kept);
        expectSame(plan, kept, resumed);
      });
    },
    LIMIT_MS * 2,
  );
});

describe('hostile sources', () => {
  it('never hang or end the process, and are released, however the run is read', async () => {
    await check(sourcePlan, 30, async (plan, play) => {
      const { source, inputs, read } = plan;
      const isWaiting = source?.fail?.how === 'hang' && source.fail.at <= inputs.length;
      // Only a run that is stopped ends when its source waits.
      const reading = isWaiting ? { by: 'abort', after: 0 } : read;

      const played = await play({ ...plan, ...(reading !== undefined && { read: reading }) });

      expect({ hung: played.hung, refused: played.refused }).toEqual({ hung: [], refused: undefined });
      const indexes = played.settled.map(([index]) => index);
      expect(new Set(indexes).size).toBe(indexes.length);
      expect(indexes.length).toBe(played.progress?.read);
      expect(played.progress).toMatchObject({ running: 0, waiting: 0, failed: 0 });
      // A generator that waits cannot be released by anybody.
      if (!(isWaiting && source?.kind.endsWith('enerator'))) expect(played.isReleased).not.toBe(false);
      if (source?.fail === undefined && !['break', 'abort'].includes(reading?.by ?? ''))
        expect(played.progress?.succeeded).toBe(inputs.length);
    });
  }, 120_000);
});
