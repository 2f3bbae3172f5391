/**
 * Reads all outcomes of a session: `session-read.mjs <folder> <count>`. Prints the time and the highest
 * resident size.
 */

import { peakMb } from '../../build/bench/peak.js';
import { openSession } from '../../dist/main/index.js';

const [folder, count] = process.argv.slice(2);
const startedAt = performance.now();
let seen = 0;
for await (const { value } of openSession(folder).outcomes()) if (value.input >= 0) seen++;
if (seen !== Number(count)) throw new Error(`${seen} outcomes of ${count}`);
const ms = performance.now() - startedAt;
console.log(JSON.stringify({ ms, 'peak MB': peakMb() }));
