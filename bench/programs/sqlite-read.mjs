/**
 * Reads all outcomes from a table: `sqlite-read.mjs <file> <count>`. Prints the time and the highest resident
 * size. It keeps the ids, as a program that skips finished work must.
 */

import { createRequire } from 'node:module';
import { peakMb } from '../../build/bench/peak.js';

const Database = createRequire(new URL('../package.json', import.meta.url))('better-sqlite3');
const [file, count] = process.argv.slice(2);
const startedAt = performance.now();
const database = new Database(file);
const ids = new Set();
for (const { id, record } of database.prepare('select id, record from outcomes').iterate())
  if (JSON.parse(record).value.ok) ids.add(id);
if (ids.size !== Number(count)) throw new Error(`${ids.size} outcomes of ${count}`);
const ms = performance.now() - startedAt;
console.log(JSON.stringify({ ms, 'peak MB': peakMb() }));
