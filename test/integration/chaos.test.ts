/**
 * A batch in which everything goes wrong at once: exactly the guilty fail, each with the right code, in input order, with
 * attempts counted right; afterwards nothing is left of threads, timers and ports.
 */

import { createRuntime, type Failed } from 'heddle';
import { describe, expect, it } from 'vitest';
import { fixture } from '../support/tasks.js';

const GUILTY: Record<string, { code: string; attempts: number }> = {
  throw: { code: 'E_CUSTOM', attempts: 2 },
  rejectLate: { code: 'E_CUSTOM', attempts: 2 },
  returnFunction: { code: 'HEDDLE_NOT_CLONEABLE', attempts: 2 },
  exit: { code: 'HEDDLE_WORKER_EXIT', attempts: 2 },
  exitAsync: { code: 'HEDDLE_WORKER_EXIT', attempts: 2 },
  uncaught: { code: 'HEDDLE_WORKER_EXIT', attempts: 2 },
  unhandled: { code: 'HEDDLE_WORKER_EXIT', attempts: 2 },
  memory: { code: 'HEDDLE_OUT_OF_MEMORY', attempts: 2 },
  block: { code: 'HEDDLE_TIMEOUT', attempts: 2 },
  never: { code: 'HEDDLE_TIMEOUT', attempts: 2 },
};
const INNOCENT = ['ok', 'okAsync', 'slow', 'leaveTimer'];
/** These need a timeout, and running out of memory may have none: on a busy machine it takes longer than any. */
const TIMED = ['block', 'never'];
const KINDS = Object.keys(GUILTY);
const BATCHES = [
  { what: 'no timeout', kinds: KINDS.filter((kind) => !TIMED.includes(kind)), limits: {} },
  {
    what: 'a timeout',
    kinds: KINDS.filter((kind) => kind !== 'memory'),
    limits: { timeoutMs: 1000, graceMs: 50 },
  },
];
const COUNT = 1000;

function chaos(kinds: readonly string[]): { id: number; do: string; ms: number }[] {
  return Array.from({ length: COUNT }, (_, id) => {
    const isGuilty = id % 67 === 13;
    const kind = isGuilty ? kinds[Math.floor(id / 67) % kinds.length] : INNOCENT[id % 50 === 7 ? 3 : id % 3];
    return { id, do: kind as string, ms: 1 };
  });
}

describe.each(BATCHES)('chaos with $what', ({ kinds, limits }) => {
  it.each([{ concurrency: 2 }, { concurrency: 10 }])(
    'and concurrency $concurrency',
    async ({ concurrency }) => {
      const inputs = chaos(kinds);
      const runtime = createRuntime({ threads: 2, memoryLimitMb: 64 });
      const run = runtime.run(fixture('chaos.js'), inputs, {
        concurrency,
        retry: { attempts: 2, backoffMs: 1 },
        ...limits,
      });

      const outcomes = await run.outcomes();
      const report = await run.report();
      await runtime.close();

      expect(outcomes.map(({ index }) => index)).toEqual(inputs.map(({ id }) => id));
      for (const outcome of outcomes) {
        const kind = inputs[outcome.index]?.do as string;
        const expected = GUILTY[kind];
        if (expected === undefined) {
          expect([kind, outcome.index, outcome.status]).toEqual([kind, outcome.index, 'succeeded']);
          expect('value' in outcome && outcome.value).toBe(outcome.index);
        } else {
          expect([kind, outcome.status, outcome.attempts]).toEqual([kind, 'failed', expected.attempts]);
          expect((outcome as Failed).error).toMatchObject({ code: expected.code });
        }
      }
      const guilty = inputs.filter(({ do: kind }) => kind in GUILTY).length;
      expect(report).toMatchObject({
        status: 'failed',
        succeeded: COUNT - guilty,
        failed: guilty,
        retries: guilty,
      });
    },
    120_000,
  );
});
