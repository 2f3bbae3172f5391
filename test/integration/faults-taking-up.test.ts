/** K5: whatever an answer is, it is taken up once: it fails its task or rejects the run, and never ends or hangs the process. */

import { afterAll, describe, expect, it } from 'vitest';
import { fixture as cliFixture, heddle, jsonLines, tempFolder } from '../fixtures/cli/run-cli.js';
import { freshPath } from '../support/hostile/folders.js';
import { HostileHost } from '../support/hostile/host.js';
import type { Executor, HostileInput, Plan, Played, ValueSpec } from '../support/hostile/plan.js';

const host = new HostileHost();
afterAll(() => host[Symbol.asyncDispose]());

const EXECUTORS: readonly Executor[] = ['threads', 'inline'];
const DEEP: ValueSpec = { is: 'deep', depth: 3000 };
const error = (how: string): ValueSpec => ({ is: 'error', how });
const good: HostileInput = { do: 'return', value: { is: 'plain', value: 1 } };

const play = (plan: Plan): Promise<Played> => host.play({ boundMs: 5000, threads: 1, ...plan });

/** Each task has one outcome, whatever it is, and the figures say the same. */
function expectOnce({ settled, outcomes, hung, ended, progress }: Played, count: number): void {
  const all = Array.from({ length: count }, (_, i) => i);
  expect({ hung, ended }).toEqual({ hung: [], ended: undefined });
  expect(settled.map(([index]) => index).sort((a, b) => a - b)).toEqual(all);
  expect(outcomes.map(({ index }) => index)).toEqual(all);
  expect(progress).toMatchObject({ running: 0, waiting: 0 });
  expect((progress?.succeeded ?? 0) + (progress?.failed ?? 0)).toBe(count);
}

describe.each(EXECUTORS)('K5: failures of tasks whose key cannot be computed: %s', (executor) => {
  it.each([
    ['events that are read', { events: true }],
    ['nothing that is read', {}],
    ['a lane', { events: true, lane: true }],
    ['retries', { events: true, options: { retry: { attempts: 2, backoffMs: 1 } } }],
    ['chunks of one', { events: true, options: { chunk: 1 } }],
    ['a session', { events: true, session: freshPath() }],
  ] as [string, Partial<Plan>][])('with %s', async (_, plan) => {
    const inputs = [
      { do: 'throw', value: error('plain'), carried: DEEP },
      good,
      { do: 'throw', value: error('plain') },
    ];

    const played = await play({ executor, inputs, ...plan });

    expectOnce(played, 3);
    expect(played.outcomes.map(({ status }) => status)).toEqual(['failed', 'succeeded', 'failed']);
    if (plan.events === true) expect(played.events['task-failed']).toBe(2);
  });
});

const ERRORS = [
  'plain',
  'selfCause',
  'throwingGetter',
  'manyFields',
  'longMessage',
  'oddNames',
  'uncloneable',
];
const MORE_ERRORS = ['deepField', 'proxyCause', 'thenable'];
const THROWN: readonly ValueSpec[] = [
  ...[...ERRORS, ...MORE_ERRORS].map(error),
  { is: 'undefined' },
  { is: 'plain', value: null },
  { is: 'domException' },
  { is: 'revoked' },
  { is: 'throwingProxy' },
  { is: 'lyingProxy' },
  { is: 'function' },
  { is: 'symbol' },
  { is: 'cycle' },
  { is: 'shared', levels: 40 },
  { is: 'text', length: 2_000_000 },
  DEEP,
];

describe.each(EXECUTORS)('K5: whatever is thrown fails its task: %s', (executor) => {
  it.each(THROWN)('%o', async (value) => {
    const options = { retry: { attempts: 2, backoffMs: 1 }, chunk: 3 };
    for (const session of [undefined, freshPath()]) {
      const inputs = [good, { do: 'throw', value }, { do: 'reject', value }, good];

      const played = await play({ executor, inputs, session, options, events: true });

      expectOnce(played, 4);
      expect(played.outcomes.map(({ status }) => status)).toEqual([
        'succeeded',
        'failed',
        'failed',
        'succeeded',
      ]);
      expect(played.outcomes.filter(({ isError }) => isError)).toHaveLength(2);
      expect(played.outcomes.flatMap(({ unreadable }) => unreadable)).toEqual([]);
    }
  });
});

describe('K5: answers that are too large to be kept', () => {
  it.skipIf(process.env['HEDDLE_SOAK'] === undefined).each([
    { is: 'bytes', length: 420_000_000 },
    { is: 'text', length: 2 ** 28 },
    { is: 'text', length: 2 ** 29 - 30 },
  ])(
    '%o: its task fails or has its value, and the others have theirs',
    async (value) => {
      const inputs = [good, { do: 'return', value }, good];

      for (const session of [undefined, freshPath()])
        expectOnce(await play({ executor: 'threads', inputs, session, boundMs: 60_000 }), 3);
    },
    180_000,
  );
});

describe('K5: a deep line of input, on the command line', () => {
  const line = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

  it.each([3000, 50_000])('%i deep: the other lines have outcomes', async (depth) => {
    using folder = tempFolder({ 'in.jsonl': `1\n${line(depth)}\n3\n` });

    for (const more of [['--no-session'], ['--session', 's'], ['--session', 's']]) {
      const args = ['run', cliFixture('same.js'), '-i', 'in.jsonl', '--quiet', ...more];
      const { code, stdout, stderr } = await heddle(args, { cwd: folder.path });

      expect(stderr).not.toContain('bug in heddle');
      expect([0, 1]).toContain(code);
      const statuses = jsonLines(stdout).map(({ status }) => status);
      expect([statuses[0], statuses[2], statuses.length]).toEqual(['succeeded', 'succeeded', 3]);
    }
  });
});
