/**
 * Progress of a batch as lines, for logs:
 *
 *   Progress: 40/100 completed, 5 running, 2 failed
 *
 * At most one per second, only after a change, and one at the end.
 */

import type { BatchProgress } from '../../../integrations/http/index.js';
import { type Display, noDisplay } from '../../progress/display.js';

const LEAST_MS = 1000;

/** The line. */
export function progressLine({ completed, total, running, failed }: BatchProgress): string {
  return `Progress: ${completed}/${total ?? '?'} completed, ${running} running, ${failed} failed`;
}

/** Writes lines. */
export function progressLines(
  progress: () => BatchProgress | undefined,
  write: (text: string) => void,
  now: () => number = () => performance.now(),
): Display {
  let said = '';
  let saidAt = Number.NEGATIVE_INFINITY;
  const say = () => {
    const current = progress();
    if (current === undefined) return;
    const line = progressLine(current);
    if (line === said) return;
    said = line;
    saidAt = now();
    write(line);
  };
  return {
    ...noDisplay,
    update: () => {
      if (now() - saidAt >= LEAST_MS) say();
    },
    stop: say,
  };
}
