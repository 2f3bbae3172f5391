/** K8 and K9: an input that is too deep, shared too often, or throws when it is looked at fails alone. */

import { afterAll, describe, expect, it } from 'vitest';
import { freshPath } from '../support/hostile/folders.js';
import { HostileHost } from '../support/hostile/host.js';
import type {
  Executor,
  HostileInput,
  Plan,
  Played,
  PlayedOutcome,
  ValueSpec,
} from '../support/hostile/plan.js';

const host = new HostileHost();
afterAll(() => host[Symbol.asyncDispose]());

const EXECUTORS: readonly Executor[] = ['threads', 'inline'];
const REFUSED = ['HEDDLE_INVALID_KEY', 'HEDDLE_NOT_CLONEABLE'];

const good = (value: string): HostileInput => ({ do: 'return', value: { is: 'plain', value } });
const carrying = (carried: ValueSpec): HostileInput => ({ do: 'describe', carried });

const play = (plan: Plan): Promise<Played> => host.play({ boundMs: 5000, threads: 1, ...plan });

/** The guilty one has its value, or is refused alone; the others have theirs. */
function expectAlone(played: Played, guilty: number, count: number): void {
  expect({ hung: played.hung, ended: played.ended }).toEqual({ hung: [], ended: undefined });
  expect(played.outcomes.map(({ index }) => index)).toEqual(Array.from({ length: count }, (_, i) => i));
  for (const outcome of played.outcomes) {
    expect(outcome.unreadable).toEqual([]);
    if (outcome.index === guilty && outcome.status === 'failed') expect(REFUSED).toContain(outcome.code);
    else expect(outcome.status).toBe('succeeded');
  }
}

const DEEP: readonly ValueSpec[] = [
  { is: 'deep', depth: 400 },
  { is: 'deep', depth: 3000 },
  { is: 'deep', depth: 100_000 },
  { is: 'shared', levels: 40 },
];

describe.each(EXECUTORS)('K8: deep and shared inputs: %s', (executor) => {
  it.each(DEEP)('%o', async (carried) => {
    const inputs = [good('a'), carrying(carried), good('b')];

    expectAlone(await play({ executor, inputs }), 1, 3);
  });

  it.each(DEEP)('%o, with a session that is resumed', async (carried) => {
    const inputs = [good('a'), carrying(carried), good('b')];
    const session = freshPath();

    const first = await play({ executor, inputs, session });
    const second = await play({ executor, inputs, session });

    expectAlone(first, 1, 3);
    expectAlone(second, 1, 3);
    expect(second.report?.resumed).toBeGreaterThanOrEqual(2);
    expect(brief(second.outcomes)).toEqual(brief(first.outcomes));
  });
});

const brief = (outcomes: readonly PlayedOutcome[]) =>
  outcomes.map(({ status, value, code }) => [status, value ?? code]);

const UNREADABLE = [
  'getter',
  'nestedGetter',
  'revoked',
  'throwingProxy',
  'lyingProxy',
  'thenThrows',
  'toJsonThrows',
];
const PLACES = [0, 3, 7];

describe.each(EXECUTORS)('K9: inputs that throw when they are looked at: %s', (executor) => {
  const batch = (is: string, place: number) =>
    Array.from({ length: 8 }, (_, i) => (i === place ? carrying({ is }) : good(`v${i}`)));

  it.each(UNREADABLE)('%s, at any place of a chunk', async (is) => {
    for (const place of PLACES) {
      const options = { chunk: 8, concurrency: 2 };
      expectAlone(await play({ executor, inputs: batch(is, place), options }), place, 8);
    }
  });

  it.each(UNREADABLE)('%s, one by one, and with a lane', async (is) => {
    const options = { chunk: 1, concurrency: 1 };
    expectAlone(await play({ executor, inputs: batch(is, 3), options, lane: true }), 3, 8);
  });

  it.each(UNREADABLE)('%s, with a session that is resumed', async (is) => {
    const session = freshPath();
    const inputs = batch(is, 3);

    const first = await play({ executor, inputs, session });
    const second = await play({ executor, inputs, session });

    expectAlone(first, 3, 8);
    expectAlone(second, 3, 8);
    expect(second.report?.resumed).toBeGreaterThanOrEqual(7);
  });

  it.each(UNREADABLE)('%s, from an iterable that is the input itself', async (is) => {
    const source = { kind: 'asyncGenerator' };
    expectAlone(await play({ executor, inputs: batch(is, 0), source, events: true }), 0, 8);
  });
});

const VALUES: readonly ValueSpec[] = [
  ...UNREADABLE.map((is) => ({ is })),
  { is: 'deep', depth: 3000 },
  { is: 'deep', depth: 100_000 },
  { is: 'shared', levels: 40 },
  { is: 'function' },
  { is: 'symbol' },
  { is: 'thenRejects' },
];

describe.each(EXECUTORS)('K9: values that throw when they are looked at: %s', (executor) => {
  it.each(VALUES)('%o: the neighbours have theirs', async (value) => {
    for (const session of [undefined, freshPath()]) {
      const inputs = [good('a'), { do: 'return', value }, { do: 'returnLater', value }, good('b')];
      const { outcomes, hung, ended } = await play({ executor, inputs, session, options: { chunk: 4 } });

      expect({ hung, ended }).toEqual({ hung: [], ended: undefined });
      expect(outcomes.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
      expect([outcomes[0]?.value, outcomes[3]?.value]).toEqual(['"a"', '"b"']);
      // Both attempts meet the same fate, of which the outcome can be read.
      expect(outcomes[1]?.status).toBe(outcomes[2]?.status);
      expect(outcomes.flatMap(({ unreadable }) => unreadable)).toEqual([]);
    }
  });
});
