/** A millisecond of work; returns which thread did it and when it began, in ms since the epoch. */

import { performance } from 'node:perf_hooks';
import { threadId } from 'node:worker_threads';

export default function whereAndWhen(): readonly [thread: number, at: number] {
  const at = performance.timeOrigin + performance.now();
  while (performance.timeOrigin + performance.now() < at + 1);
  return [threadId, at];
}
