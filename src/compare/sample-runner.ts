/** The work of a child process: runs a sample in one way, and measures it. */

import type { Opened, Payload, Round, RoundRequest } from './child-protocol.js';

export interface SampleRunner {
  readonly opened: Opened;
  round(inputs: readonly unknown[], request: RoundRequest): Promise<Round>;
  payload?(inputs: readonly unknown[]): Promise<Payload>;
}

/** Starts to measure; the function it returns reads the clocks of this process and all its threads. */
export function stopwatch(): () => Pick<Round, 'ms' | 'cpuMs' | 'peakBytes'> {
  const cpu = process.cpuUsage();
  const at = performance.now();
  return () => {
    const ms = performance.now() - at;
    const { user, system } = process.cpuUsage(cpu);
    return { ms, cpuMs: (user + system) / 1000, peakBytes: process.resourceUsage().maxRSS * 1024 };
  };
}
