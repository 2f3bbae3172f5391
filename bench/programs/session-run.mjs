/**
 * Runs `stamp` over 0 … count - 1 with a session: `session-run.mjs <folder> <count> <done> <iterate |
 * report>`.
 *
 * Of these tasks the first `done` have outcomes already. Prints when the first new one began, in ms after the
 * call of `run`, which the task reports; when the run was over; and the highest resident size.
 */

import { peakMb } from '../../build/bench/peak.js';
import { createRuntime, openSession, task } from '../../dist/main/index.js';

const [folder, countText, doneText, reading] = process.argv.slice(2);
const [count, done] = [Number(countText), Number(doneText)];

function* inputs() {
  for (let input = 0; input < count; input++) yield input;
}

const stamp = task(new URL('../../build/bench/tasks/stamp.js', import.meta.url));
const runtime = createRuntime({ threads: 2 });
const calledAt = performance.timeOrigin + performance.now();
const run = runtime.run(stamp, inputs(), { session: folder });
let first = Number.POSITIVE_INFINITY;
if (reading === 'iterate') {
  let seen = 0;
  for await (const { status, index, value } of run) {
    if (status !== 'succeeded') throw new Error(`Task ${index} ${status}`);
    if (index >= done) first = Math.min(first, value.at);
    seen++;
  }
  if (seen !== count) throw new Error(`${seen} outcomes of ${count}`);
} else {
  await run.report();
}
const endedAt = performance.timeOrigin + performance.now();
const peak = peakMb();
if (reading === 'report' && done < count) {
  // `report` reads no values: they are in the session.
  for await (const { index, value } of openSession(folder).outcomes())
    if (index >= done) first = Math.min(first, value.at);
}
await runtime.close();
console.log(
  JSON.stringify({ 'first new task, ms': first - calledAt, 'end, ms': endedAt - calledAt, 'peak MB': peak }),
);
