/**
 * What a session costs a run: 1 ms of CPU work a task, and tasks that do nothing, with a session and without.
 *
 * Opening and closing the session are measured with it; its modules are loaded before, by a run with another
 * session. All inputs are different, as they mostly are; equal ones cost a little more, for their keys are
 * counted.
 */

import { join } from 'node:path';
import { createRuntime, task } from '../heddle.js';
import { missingSqlite, sqlite } from '../rivals.js';
import {
  type Case,
  type Figures,
  type Goal,
  power,
  type Suite,
  sized,
  THREADS,
  taskModule,
  timed,
} from '../suite.js';
import type burn from '../tasks/burn.js';
import type increment from '../tasks/increment.js';
import { cpu } from './cpu.js';
import { inFolder } from './durability-records.js';

const STEPS = 'steps per ms';
const WARM_UP = 2000;
const BURNS = [sized(2000), sized(10_000)];
const [FEW, MANY] = [sized(1e5), sized(1e6)];

/** Tasks of about a millisecond, no two alike. */
function burns(count: number, stepsPerMs: number): number[] {
  return Array.from({ length: count }, (_, i) => stepsPerMs - (count >> 1) + i);
}

function* counting(count: number): Generator<number> {
  for (let input = 0; input < count; input++) yield input;
}

const withOrWithout = (isWith: boolean) => (isWith ? 'with a session' : 'without');
const burnCase = (count: number, isWith: boolean) => `${count} x 1 ms, ${withOrWithout(isWith)}`;
const trivialCase = (count: number, isWith: boolean) =>
  `x => x + 1, ${power(count)}, ${withOrWithout(isWith)}`;

const RATE = 'tasks/s';
const CPU = 'CPU ms';
const rate = (count: number, ms: number): Figures => ({ [RATE]: (count / ms) * 1000, ms });

const burned = (count: number, isWith: boolean): Case => ({
  name: burnCase(count, isWith),
  measure: (shared) =>
    inFolder(async (folder) => {
      const runtime = createRuntime({ threads: THREADS });
      const reference = task<typeof burn>(taskModule('burn'));
      const optionsOf = (name: string) => (isWith ? { session: join(folder, name) } : {});
      const stepsPerMs = shared[STEPS] ?? Number.NaN;
      await runtime.run(reference, burns(200, stepsPerMs >> 1), optionsOf('warm-up')).values();
      const inputs = burns(count, stepsPerMs);
      const before = process.cpuUsage();
      const ms = await timed(() => runtime.run(reference, inputs, optionsOf('session')).values());
      const { user, system } = process.cpuUsage(before);
      return { ...rate(count, ms), [CPU]: (user + system) / 1000 };
    }),
});

const trivial = (count: number, isWith: boolean): Case => ({
  name: trivialCase(count, isWith),
  measure: () =>
    inFolder(async (folder) => {
      const runtime = createRuntime({ threads: THREADS });
      const reference = task<typeof increment>(taskModule('increment'));
      const optionsOf = (name: string) => (isWith ? { session: join(folder, name) } : {});
      await runtime.run(reference, counting(WARM_UP), optionsOf('warm-up')).values();
      let last: number | undefined;
      const ms = await timed(async () => {
        last = (await runtime.run(reference, counting(count), optionsOf('session')).values()).at(-1);
      });
      if (last !== count) throw new Error(`The last value is ${last}`);
      return rate(count, ms);
    }),
});

const BY_HAND = `x => x + 1, ${power(MANY)}, into better-sqlite3, 1000 at a time`;

/** A session made by hand: outcomes as they arrive, under the index of their task. */
const byHand: Case = {
  name: BY_HAND,
  missing: missingSqlite,
  measure: () =>
    inFolder(async (folder) => {
      const runtime = createRuntime({ threads: THREADS });
      const reference = task<typeof increment>(taskModule('increment'));
      const runInto = async (name: string, count: number) => {
        const database = await sqlite(join(folder, name));
        database.exec('create table outcomes (number integer primary key, record text not null)');
        const insert = database.prepare('insert into outcomes values (?, ?)');
        const commit = database.transaction((outcomes: readonly { readonly index: number }[]) => {
          for (const outcome of outcomes) insert.run(outcome.index, JSON.stringify(outcome));
        });
        let outcomes: { readonly index: number }[] = [];
        for await (const outcome of runtime.run(reference, counting(count), { order: 'completion' })) {
          outcomes.push(outcome);
          if (outcomes.length < 1000) continue;
          commit(outcomes);
          outcomes = [];
        }
        commit(outcomes);
        database.close();
      };
      await runInto('warm-up', WARM_UP);
      return rate(MANY, await timed(() => runInto('outcomes', MANY)));
    }),
};

/** CPU time as well: other programs disturb it less. */
const slowdown = (count: number): Goal[] =>
  [
    { unit: 'time', figure: 'ms' },
    { unit: 'CPU time', figure: CPU },
  ].map(({ unit, figure }) => ({
    what: `${count} x 1 ms: with a session / without, ${unit}`,
    atMost: 1.03,
    of: (lookup) => lookup(burnCase(count, true), figure) / lookup(burnCase(count, false), figure),
  }));

export const sessionCost: Suite = {
  name: 'session-cost',
  question: 'What does a session cost a run of 1 ms tasks, and one of tasks that do nothing?',
  rounds: 7,
  warmUp:
    'threads started, 2000 tasks (of 1 ms: 200 tasks of half a millisecond), ' +
    'into a session of their own where one is used',
  ...(cpu.prepare && { prepare: cpu.prepare }),
  cases: [
    ...BURNS.flatMap((count) => [burned(count, false), burned(count, true)]),
    ...[FEW, MANY].flatMap((count) => [trivial(count, false), trivial(count, true)]),
    byHand,
  ],
  goals: [
    ...BURNS.flatMap(slowdown),
    {
      what: `${power(MANY)} trivial tasks: session / better-sqlite3 by hand`,
      atLeast: 1,
      of: (figure) => figure(trivialCase(MANY, true), RATE) / figure(BY_HAND, RATE),
    },
  ],
};
