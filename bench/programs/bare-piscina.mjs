/** One task on Piscina. */

import { Piscina } from 'piscina';

const pool = new Piscina({
  filename: new URL('../../build/bench/tasks/increment.js', import.meta.url).href,
  minThreads: 2,
  maxThreads: 2,
});
console.log(await pool.run(1));
await pool.destroy();
