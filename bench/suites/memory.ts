/**
 * Memory: does it grow with the length of the batch?
 *
 * Inputs come from a generator and outcomes are read and dropped, so nothing but the runtime itself can keep them. The
 * figure is the highest resident size of the whole process, threads included.
 */

import { createRuntime, task } from '../heddle.js';
import { piscina } from '../rivals.js';
import { type Case, type Figures, type Suite, THREADS, taskModule, timed } from '../suite.js';
import type increment from '../tasks/increment.js';

function* counting(count: number): Generator<number> {
  for (let input = 0; input < count; input++) yield input;
}

async function peakOf(count: number, work: () => Promise<void>): Promise<Figures> {
  const ms = await timed(work);
  return { 'peak MB': process.resourceUsage().maxRSS / 1024, 'tasks/s': (count / ms) * 1000 };
}

const nameOf = (count: number) => `heddle for await, 1e${Math.log10(count)}`;

const streamed = (count: number): Case => ({
  name: nameOf(count),
  measure: () =>
    peakOf(count, async () => {
      const runtime = createRuntime({ threads: THREADS });
      let seen = 0;
      for await (const outcome of runtime.run(
        task<typeof increment>(taskModule('increment')),
        counting(count),
      ))
        seen += outcome.attempts;
      if (seen !== count) throw new Error(`${seen} outcomes of ${count}`);
    }),
});

const queued = (count: number): Case => ({
  name: 'Piscina, all queued, 1e5',
  measure: () =>
    peakOf(count, async () => {
      const pool = piscina(taskModule('increment'), { tuning: 'best' });
      await Promise.all(Array.from(counting(count), (input) => pool.run(input)));
    }),
});

const PEAK = 'peak MB';

export const memory: Suite = {
  name: 'memory',
  question: 'Is memory bounded by what is in flight, and not by the length of the batch?',
  rounds: 3,
  cases: [streamed(1e5), streamed(1e6), streamed(1e7), queued(1e5)],
  goals: [
    { what: '1e6 streamed inputs, peak MB', atMost: 130, of: (figure) => figure(nameOf(1e6), PEAK) },
    { what: '1e7 streamed inputs, peak MB', atMost: 250, of: (figure) => figure(nameOf(1e7), PEAK) },
    {
      what: '1e6 - 1e5, peak MB',
      atMost: 10,
      of: (figure) => figure(nameOf(1e6), PEAK) - figure(nameOf(1e5), PEAK),
    },
    {
      what: '1e7 - 1e6, peak MB',
      atMost: 10,
      of: (figure) => figure(nameOf(1e7), PEAK) - figure(nameOf(1e6), PEAK),
    },
  ],
};
