/** One task on heddle. */

import { createRuntime, task } from '../../dist/main/index.js';

const runtime = createRuntime({ threads: 2 });
const increment = task(new URL('../../build/bench/tasks/increment.js', import.meta.url));
for await (const outcome of runtime.run(increment, [1])) console.log(outcome.value);
await runtime.close();
