/**
 * The built heddle, for all benchmarks.
 *
 * This folder is a package of its own, because of its rivals, so the name `heddle` does not resolve to heddle
 * here. The path of the built entry does.
 */

import type * as Heddle from '../dist/main/index.js';

const entry = new URL('../../dist/main/index.js', import.meta.url);
const { createRuntime, task, transfer } = (await import(entry.href)) as typeof Heddle;

export type { Run, Runtime, TaskContext } from '../dist/main/index.js';
export { createRuntime, task, transfer };
