/** Gives back the bytes it got by moving their memory, the way Piscina wants it. */

import { move } from 'piscina';

// biome-ignore lint/style/noDefaultExport: the default export of a task module is its function
export default function echoMoved(input: Uint8Array<ArrayBuffer>): unknown {
  return move(input);
}
