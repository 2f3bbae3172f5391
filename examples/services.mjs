/**
 * Services: functions of the caller that tasks call from their threads. Here a service decides for all tasks
 * which text came first; threads share no memory for that.
 *
 *   node examples/services.mjs
 *
 * Prints:
 *
 *   6 texts, 4 different
 *   100 % done
 */

import { createRuntime, task } from 'heddle';

const texts = ['warp', 'weft', 'warp', 'shuttle', 'weft', 'reed'];

/** Hash → index of the first task with it. */
const owners = new Map();
const services = {
  /** @type {(hash: string, index: number) => number} */
  claim(hash, index) {
    if (!owners.has(hash)) owners.set(hash, index);
    return owners.get(hash);
  },
};

const runtime = createRuntime({ threads: 2 });
let last = 0;
const answers = await runtime
  .run(task(new URL('./unique.task.js', import.meta.url)), texts, {
    services,
    onProgress: ({ succeeded, total = texts.length }) => {
      last = Math.round((succeeded / total) * 100);
    },
  })
  .values();
await runtime.close();

console.log(`${answers.length} texts, ${answers.filter(({ isFirst }) => isFirst).length} different`);
console.log(`${last} % done`);
