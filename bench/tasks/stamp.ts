/** Returns when it began, in ms since the epoch, in a value of about 100 bytes. */

import { performance } from 'node:perf_hooks';

const NOTE = 'a value as tasks give them, neither very short nor long';

export default function stamp(input: number): { input: number; at: number; note: string } {
  return { input, at: performance.timeOrigin + performance.now(), note: NOTE };
}
