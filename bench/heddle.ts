/**
 * heddle as it was built, for all benchmarks.
 *
 * This folder is a package of its own, because of its rivals, so heddle's own name does not lead to heddle from here;
 * its built entry does.
 */

import type * as Heddle from '../dist/main/index.js';

const entry = new URL('../../dist/main/index.js', import.meta.url);
const { createRuntime, task, transfer } = (await import(entry.href)) as typeof Heddle;

export type { Run, Runtime, TaskContext } from '../dist/main/index.js';
export { createRuntime, task, transfer };
