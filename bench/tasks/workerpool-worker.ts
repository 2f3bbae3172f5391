/** The tasks that rivals are measured with, registered in the way workerpool expects. */

import { createRequire } from 'node:module';
import burn from './burn.js';
import echo from './echo.js';
import increment from './increment.js';

/** The part of workerpool that is used here. */
interface Registry {
  worker(methods: Readonly<Record<string, (input: never) => unknown>>): void;
  readonly Transfer: new (value: unknown, moved: readonly ArrayBuffer[]) => unknown;
}

const require = createRequire(new URL('../../../bench/package.json', import.meta.url));
const { worker, Transfer } = require('workerpool') as Registry;

const echoMoved = (input: Uint8Array<ArrayBuffer>) => new Transfer(input, [input.buffer]);

worker({ increment, burn, echo, echoMoved });
