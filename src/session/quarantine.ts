/** Quarantine: copies of damaged byte ranges, so that they can be examined later. */

import { join } from 'node:path';
import { HeddleError } from '../protocol/errors.js';
import { disk, isMissing, syncFolder, writeAll } from './disk.js';
import type { Damage } from './frames.js';
import { QUARANTINE } from './names.js';

const PIECE_BYTES = 1024 * 1024;

/** Copies damaged ranges. Returns a description of each. */
export async function setAside(folder: string, damages: readonly Damage[]): Promise<string[]> {
  if (damages.length === 0) return [];
  const place = makeQuarantine(folder);
  const descriptions: string[] = [];
  for (const damage of damages) {
    const copy = await copyRange(
      folder,
      damage,
      join(place, `${damage.file}.${damage.offset}-${damage.bytes}`),
    );
    descriptions.push(describeDamage(damage) + (copy ? `, set aside in ${QUARANTINE}/` : ''));
  }
  await syncFolder(place);
  return descriptions;
}

/**
 * Makes the folder for the copies.
 *
 * @throws {@link HeddleError} HEDDLE_SESSION_INVALID when it is not a folder
 */
export function makeQuarantine(folder: string): string {
  const place = join(folder, QUARANTINE);
  disk.makeFolder(place);
  if (disk.stat(place)?.isDirectory() === true) return place;
  throw new HeddleError('HEDDLE_SESSION_INVALID', `${place} is not a folder; remove it`);
}

/** Describes a damage. */
export function describeDamage({ file, offset, bytes, reason }: Damage): string {
  if (reason === 'missing') return `${file} (${bytes} bytes) is missing`;
  return `${file} at byte ${offset}: ${bytes === 0 ? '' : `${bytes} bytes, `}${reason}`;
}

async function copyRange(folder: string, { file, offset, bytes }: Damage, target: string): Promise<boolean> {
  if (bytes === 0) return false;
  let from: number;
  try {
    from = disk.openToRead(join(folder, file));
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
  try {
    if (disk.stat(target) !== undefined) return true;
    const to = disk.create(target);
    try {
      let copied = 0;
      while (copied < bytes) {
        const piece = Buffer.alloc(Math.min(PIECE_BYTES, bytes - copied));
        const count = await disk.read(from, piece, offset + copied);
        if (count === 0) break;
        writeAll(to, piece.subarray(0, count), copied);
        copied += count;
      }
      await disk.sync(to);
      return copied > 0;
    } finally {
      disk.close(to);
    }
  } finally {
    disk.close(from);
  }
}
