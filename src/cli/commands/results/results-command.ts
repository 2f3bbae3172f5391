/** `heddle results`: prints recorded outcomes as the lines that `heddle run` writes, with backpressure. */

import { openSession } from '../../../main/index.js';
import { LineWriter } from '../../results/line-writer.js';
import { outcomeLine } from '../../results/outcome-line.js';
import { openTarget } from '../../results/targets.js';
import { type Ending, EXIT } from '../../shell/exit-codes.js';
import type { CommonFlags, Shell } from '../../shell/shell.js';
import { placeOf } from '../sessions/place.js';

/** The parsed flags. */
export interface ResultsFlags extends CommonFlags {
  readonly status?: 'succeeded' | 'failed';
  readonly values?: true;
  readonly output?: string;
}

/** Runs `heddle results`. */
export async function resultsCommand(
  [text]: readonly [session: string],
  flags: ResultsFlags,
  shell: Shell,
): Promise<Ending> {
  const outcomes = openSession(placeOf(text, process.cwd()).path).outcomes({ status: flags.status });
  // Fails when there is no such session, before a file is opened.
  const first = await outcomes.next();
  const signals = shell.catchSignals();
  const lines = new LineWriter(await openTarget(flags.output), () => {});
  signals.atOnce(() => lines.discardNow());
  try {
    const mode = flags.values === true ? 'values' : 'outcomes';
    for (let next = first; next.done !== true; next = await outcomes.next()) {
      if (signals.received !== undefined) return { signal: signals.received };
      const line = outcomeLine(next.value, mode).text;
      if (line !== undefined) await lines.add(line);
    }
    await lines.commit();
  } finally {
    await outcomes.return();
    await lines.discard();
  }
  return { code: EXIT.ok };
}
