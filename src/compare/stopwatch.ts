/** Measures one round of this process: wall time, processor time of all its threads, peak of its memory. */

import type { Round } from './protocol.js';

/** Starts; the answer stops it. */
export function stopwatch(): () => Round {
  const cpu = process.cpuUsage();
  const at = performance.now();
  return () => {
    const ms = performance.now() - at;
    const { user, system } = process.cpuUsage(cpu);
    return {
      type: 'round',
      ms,
      cpuMs: (user + system) / 1000,
      taskP95Ms: undefined,
      failed: 0,
      firstError: undefined,
      hashes: undefined,
      shown: undefined,
      peakBytes: process.resourceUsage().maxRSS * 1024,
    };
  };
}
