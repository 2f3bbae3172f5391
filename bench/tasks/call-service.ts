/**
 * Calls the caller's service `add` many times.
 *
 *   input   { calls, lanes }     how often, and how many calls are outstanding at once
 *   value   milliseconds that it took
 */

import type { TaskContext } from '../heddle.js';
import { inLanes, timed } from '../suite.js';

export type CallerServices = { add(a: number, b: number): number };

export default function callService(
  { calls, lanes }: { readonly calls: number; readonly lanes: number },
  ctx: TaskContext<CallerServices>,
): Promise<number> {
  const { services } = ctx;
  return timed(() => inLanes(calls, lanes, (index) => services.add(index, 1)));
}
