/**
 * One sample in a process of its own: `node sample.js <suite> <case number | prepare> <shared figures as
 * JSON>`.
 *
 * The last line of stdout is the answer. The process is ended by force, because some rivals keep it alive.
 */

import { suites } from './suites.js';

const [suiteName, which, shared = '{}'] = process.argv.slice(2);
const suite = suites.find(({ name }) => name === suiteName);
const measure = which === 'prepare' ? suite?.prepare : suite?.cases[Number(which)]?.measure;
if (measure === undefined) throw new Error(`There is no sample ${suiteName} ${which}`);

const figures = await measure(JSON.parse(shared));
process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0));
