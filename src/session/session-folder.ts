/** What the file names and the manifest of a session folder show. Needs little code to be loaded. */

import { join } from 'node:path';
import { disk, isMissing } from './disk.js';
import { readManifest } from './manifest.js';
import { claimEpoch, MANIFEST, parseJournalName, stateVersion } from './names.js';
import { sessionError } from './session-error.js';

/** True when the folder holds a session. */
export function isSession(folder: string): boolean {
  try {
    const files = disk.list(folder);
    const isNamed = (file: string) => claimEpoch(file) !== undefined || stateVersion(file) !== undefined;
    return files.some(isNamed) || readManifest(folder).kind === 'sound';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw sessionError(folder, error);
  }
}

/** The size of a session, and when it was last written to, in ms since 1970. */
export function readSize(folder: string): { readonly bytes: number; readonly changedAt: number } {
  let bytes = 0;
  let changedAt = 0;
  for (const file of disk.list(folder)) {
    const stats = disk.stat(join(folder, file));
    if (stats === undefined) continue;
    bytes += stats.size;
    if (parseJournalName(file) !== undefined || file === MANIFEST)
      changedAt = Math.max(changedAt, stats.mtimeMs);
  }
  return { bytes, changedAt };
}

/** The names of the sessions in a folder. */
export function listFolder(folder: string): string[] {
  try {
    return disk.list(folder).filter((name) => isSession(join(folder, name)));
  } catch (error) {
    if (isMissing(error)) return [];
    throw sessionError(folder, error);
  }
}
