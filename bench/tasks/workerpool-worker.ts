/** The smallest task, registered the way workerpool wants it. */

import { createRequire } from 'node:module';
import increment from './increment.js';

/** The part of workerpool that is used here. */
interface Registry {
  worker(methods: Readonly<Record<string, (input: number) => number>>): void;
}

const require = createRequire(new URL('../../../bench/package.json', import.meta.url));
(require('workerpool') as Registry).worker({ increment });
