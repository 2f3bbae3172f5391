/** K10 and K11: values are equal with and without a session, and own no more memory than they show. */

import { afterAll, describe, expect, it } from 'vitest';
import { freshPath } from '../support/hostile/folders.js';
import { HostileHost } from '../support/hostile/host.js';
import type { Executor, HostileInput, Plan, Played, ValueSpec } from '../support/hostile/plan.js';

const host = new HostileHost();
afterAll(() => host[Symbol.asyncDispose]());

const TYPES = ['Uint8Array', 'Int8Array', 'Uint8ClampedArray', 'Int16Array', 'Float32Array', 'BigInt64Array'];

const VALUES: readonly ValueSpec[] = [
  { is: 'plain', value: { a: [1, 'ü', null, true], b: {} } },
  { is: 'undefined' },
  { is: 'number', text: '-0' },
  { is: 'number', text: 'NaN' },
  { is: 'number', text: '-Infinity' },
  { is: 'bigint', text: '9007199254740993' },
  { is: 'date', ms: 5 },
  { is: 'date', ms: Number.NaN },
  { is: 'regexp' },
  { is: 'map', entries: [['a', 1]] },
  { is: 'set', items: ['a', 1] },
  { is: 'hole' },
  { is: 'arrayWithFields', fields: { page: 1 } },
  { is: 'boxed', value: 'text' },
  { is: 'boxed', value: 1 },
  { is: 'boxed', value: false },
  { is: 'cycle' },
  { is: 'deep', depth: 100 },
  { is: 'nullPrototype' },
  { is: 'point', x: 3, y: 4 },
  { is: 'otherRealm' },
  { is: 'error', how: 'plain' },
  { is: 'pooled', text: 'abc' },
  { is: 'pooled', text: '' },
  { is: 'nestedBuffer', text: 'abc' },
  { is: 'bytes', length: 0 },
  { is: 'bytes', length: 100_000 },
  ...TYPES.map((type) => ({ is: 'view', type, bytes: 64 })),
  ...TYPES.map((type) => ({ is: 'view', type, bytes: 640, from: 64, length: 2 })),
  { is: 'view', type: 'DataView', bytes: 64, from: 3, length: 5 },
];

const inputsOf = (values: readonly ValueSpec[]): HostileInput[] =>
  values.map((value) => ({ do: 'return', value }));

const play = (plan: Plan): Promise<Played> => host.play({ boundMs: 5000, ...plan });
/** A function's own value is given out as it is when nothing keeps it; of that, what a copy would keep. */
const valuesOf = ({ outcomes }: Played, executor: Executor) =>
  outcomes.map(({ value, copy, code }, i) => [
    JSON.stringify(VALUES[i]),
    (executor === 'threads' ? value : copy) ?? code,
  ]);

describe.each<Executor>(['threads', 'inline', 'module'])('K10: values of %s', (executor) => {
  it('are the same with a session, without one, and when it is resumed', async () => {
    const session = freshPath();
    const inputs = inputsOf(VALUES);

    const without = await play({ executor, inputs });
    const first = await play({ executor, inputs, session });
    const resumed = await play({ executor, inputs, session });

    expect(valuesOf(first, executor)).toEqual(valuesOf(without, executor));
    expect(valuesOf(resumed, executor)).toEqual(valuesOf(without, executor));
    expect(resumed.report?.resumed).toBe(VALUES.length);
  });

  it.each([true, false])('hold only the memory that they show (session: %s)', async (isKept) => {
    const session = isKept ? freshPath() : undefined;
    const bytes = VALUES.filter(({ is }) => ['pooled', 'nestedBuffer'].includes(is));

    for (const { value } of (await play({ executor, inputs: inputsOf(bytes), session })).outcomes) {
      if (!isKept && executor !== 'threads') continue;
      expect(value).not.toMatch(/of [1-9]\d{3}/);
    }
  });
});

describe('K11: views of large buffers', () => {
  it.each([true, false])('do not fill the memory while nobody reads (session: %s)', async (isKept) => {
    const value = { is: 'view', type: 'Uint8Array', bytes: 4_000_000, from: 0, length: 16 };
    const inputs = Array.from({ length: 120 }, () => ({ do: 'return', value }));
    const session = isKept ? freshPath() : undefined;

    const { outcomes, peak } = await play({
      executor: 'threads',
      inputs,
      session,
      read: { by: 'late' },
      boundMs: 20_000,
    });

    expect(outcomes.map(({ status }) => status)).toEqual(inputs.map(() => 'succeeded'));
    expect((peak ?? 0) / 1e6).toBeLessThan(160);
  });
});
