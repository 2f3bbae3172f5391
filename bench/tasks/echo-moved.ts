/** Gives back the bytes it got by moving their memory. */

import type { TaskContext } from '../heddle.js';

// biome-ignore lint/style/noDefaultExport: the default export of a task module is its function
export default function echoMoved(input: Uint8Array<ArrayBuffer>, ctx: TaskContext): Uint8Array {
  return ctx.transfer(input, [input.buffer]);
}
