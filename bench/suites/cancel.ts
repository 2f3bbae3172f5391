/**
 * Abort: how soon is the caller free again, and how soon are all threads?
 *
 * Every thread is in a busy loop when the abort comes: the polite one looks at its signal, the stubborn one
 * does not. "Full strength" is when both threads (or their replacements) have begun a task of the next run.
 * Each process does this ten times and gives the median.
 */

import { createRuntime, type Runtime, task } from '../heddle.js';
import { piscina } from '../rivals.js';
import { median } from '../statistics.js';
import { type Case, type Figures, inLanes, type Suite, sized, THREADS, taskModule } from '../suite.js';
import type polite from '../tasks/polite.js';
import type stubborn from '../tasks/stubborn.js';
import wait from '../tasks/wait.js';
import type whereAndWhen from '../tasks/where-and-when.js';

const REPETITIONS = sized(10);

const now = () => performance.timeOrigin + performance.now();

/** Shared memory: [0] loops that have begun, [1] loops that have noticed the abort. */
const sharedState = () => new Int32Array(new SharedArrayBuffer(8));

async function allBegun(state: Int32Array): Promise<void> {
  while (Atomics.load(state, 0) < THREADS) await wait(1);
  // Somewhere in the middle of a loop, not at its first step.
  await wait(5);
}

async function medians(once: () => Promise<Figures>): Promise<Figures> {
  const samples: Figures[] = [];
  for (let i = 0; i < REPETITIONS; i++) samples.push(await once());
  const names = Object.keys(samples[0] ?? {});
  return Object.fromEntries(
    names.map((name) => [name, median(samples.map((figures) => figures[name] ?? Number.NaN))]),
  );
}

/** The threads that took part, and when the last of them began its first task. */
interface Muster {
  readonly threads: readonly number[];
  readonly at: number;
}

/** Runs short tasks until every thread has begun one; the inputs end then, so that no task is left over. */
async function muster(runtime: Runtime): Promise<Muster> {
  const begun = new Map<number, number>();
  const inputs = (function* () {
    while (begun.size < THREADS) yield undefined;
  })();
  const reference = task<typeof whereAndWhen>(taskModule('where-and-when'));
  for await (const outcome of runtime.run(reference, inputs, { order: 'completion', chunk: 1 })) {
    if (outcome.status !== 'succeeded') throw outcome.error;
    const [thread, at] = outcome.value;
    if (!begun.has(thread)) begun.set(thread, at);
  }
  return { threads: [...begun.keys()], at: Math.max(...begun.values()) };
}

function heddle(name: string, module: 'polite' | 'stubborn'): Case {
  const measure = async () => {
    const runtime = createRuntime({ threads: THREADS });
    const reference = task<typeof polite | typeof stubborn>(taskModule(module));
    return medians(async () => {
      const before = await muster(runtime);
      const state = sharedState();
      const run = runtime.run(reference, [state, state]);
      await allBegun(state);
      const abortedAt = now();
      run.abort();
      const report = await run.report();
      const freeAt = now();
      if (report.aborted !== THREADS) throw new Error(`${report.aborted} tasks were aborted`);
      const after = await muster(runtime);
      const kept = after.threads.filter((thread) => before.threads.includes(thread)).length;
      return {
        'run over, ms': freeAt - abortedAt,
        'full strength, ms': after.at - abortedAt,
        'threads kept': kept,
      };
    });
  };
  return { name, measure };
}

async function piscinaStubborn(): Promise<Figures> {
  const pool = piscina(taskModule('stubborn'), { tuning: 'best' });
  const filename = taskModule('where-and-when').href;
  return medians(async () => {
    const controllers = Array.from({ length: THREADS }, () => new AbortController());
    const state = sharedState();
    const runs = controllers.map(({ signal }) => pool.run(state, { signal }).catch(() => {}));
    await allBegun(state);
    const abortedAt = now();
    for (const controller of controllers) controller.abort();
    await Promise.all(runs);
    const freeAt = now();
    const begun = new Map<number, number>();
    await inLanes(1000, THREADS * 2, async () => {
      if (begun.size === THREADS) return;
      const [thread, at] = (await pool.run(undefined, { filename })) as [number, number];
      if (!begun.has(thread)) begun.set(thread, at);
    });
    const strongAt = Math.max(...begun.values());
    return {
      'run over, ms': freeAt - abortedAt,
      'full strength, ms': strongAt - abortedAt,
      'threads kept': 0,
    };
  });
}

const STUBBORN = 'heddle, busy loop that does not look';
const POLITE = 'heddle, busy loop that polls its signal';

export const cancel: Suite = {
  name: 'cancel',
  question:
    'After an abort with all threads in busy loops: ' +
    'how soon is the run over, and how soon are all threads back?',
  rounds: 3,
  warmUp: `threads started and met by short tasks; a sample is the median of ${REPETITIONS} aborts`,
  cases: [
    heddle(POLITE, 'polite'),
    heddle(STUBBORN, 'stubborn'),
    { name: 'Piscina, busy loop, one signal for each task', measure: piscinaStubborn },
  ],
  goals: [
    { what: 'polls its signal: run over, ms', atMost: 10, of: (figure) => figure(POLITE, 'run over, ms') },
    {
      what: 'polls its signal: threads kept',
      atLeast: THREADS,
      of: (figure) => figure(POLITE, 'threads kept'),
    },
    { what: 'does not look: run over, ms', atMost: 5, of: (figure) => figure(STUBBORN, 'run over, ms') },
    {
      what: 'does not look: full strength, ms',
      atMost: 60,
      of: (figure) => figure(STUBBORN, 'full strength, ms'),
    },
  ],
};
