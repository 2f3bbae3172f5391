/** Compacts a session, and removes what crashed processes left. Runs beside the first outcomes of a run. */

import { join } from 'node:path';
import { isWorthCompacting, writeBase } from './compaction.js';
import { disk, removeIfThere } from './disk.js';
import { liveState } from './lock.js';
import { baseEpoch, isManifestTemp, liveWriter, parseJournalName, tempPid } from './names.js';
import type { OpenedSession } from './open-session.js';
import { exists } from './owner.js';
import { STALE_MS } from './stale-times.js';

/** Resolves when the work is done. When it rejects, a later run does the rest. */
export async function upkeep(folder: string, { recovery, head, claim, fence }: OpenedSession): Promise<void> {
  const isDamaged = recovery.damages.length > 0;
  const journals = Object.keys(recovery.journals).length;
  const isDue = claim.part.count === 1 && (isDamaged || isWorthCompacting(recovery.recorded, journals));
  if (isDue) await writeBase(folder, claim.writer, head, recovery.recorded);
  fence.check();
  // Older files replace a damaged base until it is written again.
  sweep(folder, isDue ? head.epoch : isDamaged ? 0 : (recovery.base ?? 0));
}

/** Removes what is older than this base, and what belongs to processes that have ended. */
function sweep(folder: string, base: number): void {
  for (const file of disk.list(folder)) {
    const path = join(folder, file);
    const isOld = (parseJournalName(file)?.epoch ?? baseEpoch(file) ?? base) < base;
    const isLeft = isManifestTemp(file) && Date.now() - (disk.stat(path)?.mtimeMs ?? 0) > STALE_MS;
    const pid = tempPid(file);
    if (isOld || isLeft || (pid !== undefined && !exists(pid))) removeIfThere(path);
    const writer = liveWriter(file);
    if (writer !== undefined && liveState(folder, writer, STALE_MS) === 'silent') disk.removeFolder(path);
  }
}
