/** The highest resident size of this process. */

import { readFileSync } from 'node:fs';

/**
 * In MB. `process.resourceUsage()` will not do: on Linux it begins with the size of the process that started
 * this one.
 */
export function peakMb(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS / 1024;
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
}
