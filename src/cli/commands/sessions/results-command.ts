/** `heddle results`: recorded outcomes as the lines that `heddle run` writes, one after the other, as fast as they are taken. */

import { openSession } from '../../../main/index.js';
import { LineWriter } from '../../results/line-writer.js';
import { outcomeLine } from '../../results/outcome-line.js';
import { fileTarget, type StdoutWrite, stdoutTarget, type Target } from '../../results/targets.js';
import { ClosedPipe, type Ending, EXIT } from '../../shell/exit-codes.js';
import { withMessages } from '../../shell/shell.js';
import { Signals } from '../../shell/signals.js';
import { placeOf } from './place.js';
import type { ResultsFlags } from './session-flags.js';

/** Runs `heddle results`. */
export function resultsCommand(text: string, flags: ResultsFlags): Promise<Ending> {
  return withMessages(flags, async () => {
    const outcomes = openSession(placeOf(text, process.cwd()).path).outcomes({ status: flags.status });
    // Says so when there is no such session, before a file is opened.
    const first = await outcomes.next();
    const signals = new Signals();
    const lines = new LineWriter(await openTarget(flags.output), () => {});
    signals.atOnce(() => lines.discardNow());
    try {
      const mode = flags.values === true ? 'values' : 'outcomes';
      for (let next = first; next.done !== true; next = await outcomes.next()) {
        if (signals.received !== undefined) return { signal: signals.received };
        const line = outcomeLine(next.value, next.value.index, mode).text;
        if (line !== undefined) await lines.add(line);
      }
      await lines.commit();
    } catch (error) {
      // Whoever reads has seen enough.
      if (!(error instanceof ClosedPipe)) throw error;
    } finally {
      await outcomes.return();
      await lines.discard();
      signals.close();
    }
    return { code: EXIT.ok };
  });
}

async function openTarget(output: string | undefined): Promise<Target> {
  if (output !== undefined) return await fileTarget('-o', output);
  return stdoutTarget(process.stdout, process.stdout.write.bind(process.stdout) as StdoutWrite);
}
