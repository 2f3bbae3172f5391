/**
 * A run against its model: any batch of tasks that behave and misbehave, with any options, ends as a loop over the same tasks would,
 * with retries counted. The model knows nothing of threads. HEDDLE_SOAK=1 plays more batches.
 */

import fc from 'fast-check';
import { createRuntime, type Outcome, type Runtime } from 'heddle';
import { afterAll, expect, it } from 'vitest';
import { fixture } from '../support/tasks.js';

const runtime: Runtime = createRuntime({ threads: 2 });
afterAll(() => runtime.close());

const RUNS = process.env['HEDDLE_SOAK'] === undefined ? 25 : 200;

const FAILS: Record<string, string> = {
  throw: 'E_CUSTOM',
  rejectLate: 'E_CUSTOM',
  returnFunction: 'HEDDLE_NOT_CLONEABLE',
  exit: 'HEDDLE_WORKER_EXIT',
  exitAsync: 'HEDDLE_WORKER_EXIT',
  uncaught: 'HEDDLE_WORKER_EXIT',
};

const kind = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom('ok', 'okAsync') },
  { weight: 10, arbitrary: fc.constant('slow') },
  { weight: 4, arbitrary: fc.constantFrom('throw', 'rejectLate', 'returnFunction') },
  { weight: 1, arbitrary: fc.constantFrom('exit', 'exitAsync', 'uncaught') },
);
const options = fc.record({
  concurrency: fc.integer({ min: 1, max: 6 }),
  chunk: fc.oneof(fc.constant('auto' as const), fc.integer({ min: 1, max: 20 })),
  order: fc.constantFrom('input' as const, 'completion' as const),
  window: fc.oneof(fc.constant('auto' as const), fc.integer({ min: 1, max: 50 })),
  attempts: fc.integer({ min: 1, max: 3 }),
  isStreamed: fc.boolean(),
});

async function* stream<T>(values: readonly T[]): AsyncGenerator<T> {
  for (const [i, value] of values.entries()) {
    if (i % 7 === 3) await new Promise((resolve) => setImmediate(resolve));
    yield value;
  }
}

function model(kinds: readonly string[], attempts: number): object[] {
  return kinds.map((name, index) => {
    const code = FAILS[name];
    return code === undefined
      ? { index, status: 'succeeded', value: index, attempts: 1 }
      : { index, status: 'failed', code, attempts };
  });
}

function observed(outcome: Outcome): object {
  const { index, status, attempts } = outcome;
  return outcome.status === 'succeeded'
    ? { index, status, value: outcome.value, attempts }
    : { index, status, code: (outcome.error as { code?: string }).code, attempts };
}

it('ends as its model says', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(kind, { maxLength: 120, size: 'max' }),
      options,
      async (kinds, { attempts, isStreamed, ...rest }) => {
        const inputs = kinds.map((name, id) => ({ id, do: name, ms: 1 }));
        const retry = { attempts, backoffMs: 1 };
        const seen: object[] = [];

        const run = runtime.run(fixture('chaos.js'), isStreamed ? stream(inputs) : inputs, {
          ...rest,
          retry,
        });
        for await (const outcome of run) seen.push(observed(outcome));
        const report = await run.report();

        if (rest.order === 'completion') seen.sort((a, b) => (a as Outcome).index - (b as Outcome).index);
        expect(seen).toEqual(model(kinds, attempts));
        expect(report.succeeded + report.failed).toBe(kinds.length);
        expect(run.progress).toMatchObject({ running: 0, waiting: 0, read: kinds.length });
      },
    ),
    { numRuns: RUNS },
  );
}, 300_000);
