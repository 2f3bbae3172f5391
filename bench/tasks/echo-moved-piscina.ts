/** Gives back the bytes it got by moving their memory, the way Piscina wants it. */

import { move } from 'piscina';

export default function echoMoved(input: Uint8Array<ArrayBuffer>): unknown {
  return move(input);
}
