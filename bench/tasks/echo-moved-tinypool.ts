/** Returns its bytes by moving their memory, in the way tinypool expects. */

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** The part of tinypool that is used here. */
interface Tinypool {
  move(value: unknown): unknown;
}

const path = createRequire(new URL('../../../bench/package.json', import.meta.url)).resolve('tinypool');
const { Tinypool } = (await import(pathToFileURL(path).href)) as { Tinypool: Tinypool };

export default function echoMoved(input: Uint8Array<ArrayBuffer>): unknown {
  return Tinypool.move(input);
}
