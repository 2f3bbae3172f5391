/**
 * The tasks that rivals are measured with, registered in the way poolifier expects.
 *
 * It cannot move values back: `echoMoved` gets its bytes moved and gives a copy back.
 */

import { createRequire } from 'node:module';
import burn from './burn.js';
import echo from './echo.js';
import increment from './increment.js';

/** The part of poolifier that is used here. */
interface Registry {
  readonly ThreadWorker: new (tasks: Readonly<Record<string, (input: never) => unknown>>) => unknown;
}

const require = createRequire(new URL('../../../bench/package.json', import.meta.url));
const { ThreadWorker } = require('poolifier') as Registry;

export default new ThreadWorker({ increment, burn, echo, echoMoved: echo });
