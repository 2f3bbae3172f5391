/** One task in this thread, with nothing around it. */

import increment from '../../build/bench/tasks/increment.js';

console.log(increment(1));
