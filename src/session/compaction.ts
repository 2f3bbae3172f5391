/**
 * Compaction: everything that was recorded before an epoch, as one file, the base of that epoch.
 *
 * Only the owner of the whole batch compacts, because only it has sealed every older journal. The base is
 * written under a temporary name, synced, and renamed to `base-<epoch>.log`. The rename is the commit: from
 * then on readers use the base and ignore older files. A compactor that was overtaken meanwhile does no harm:
 * its base holds the same as the journals it would replace, and it deletes nothing.
 *
 *   frame 0      {"@head":{...}}
 *   frames       the last line of each task, unchanged
 *   last frames  notes, {"@close":{"records":n}}
 */

import { join } from 'node:path';
import { nextTurn } from '../protocol/turn.js';
import { disk, syncFolder, writeAll } from './disk.js';
import { FrameLines } from './frames.js';
import { baseName, tempName } from './names.js';
import { jobLine, noteLine } from './record.js';
import type { Recorded } from './recorded.js';
import type { Head } from './recovery.js';

/** A session with this many journals is compacted. */
const MANY_JOURNALS = 8;

/** True when compacting would save time or space. */
export function isWorthCompacting(recorded: Recorded, journals: number): boolean {
  return (
    journals >= MANY_JOURNALS || recorded.superseded > recorded.counts.succeeded + recorded.counts.failed
  );
}

/** Writes the base. It counts when the promise resolves. */
export async function writeBase(
  folder: string,
  writer: string,
  head: Head,
  recorded: Recorded,
): Promise<void> {
  const file = baseName(head.epoch);
  const temp = join(folder, tempName(writer));
  // Copied before this run changes it: its own outcomes may never reach the disk.
  const pending = [...pendingNotes(recorded)];
  const fd = disk.create(temp);
  try {
    const base = new BaseFile(fd, file);
    base.add(noteLine({ '@head': head }), 0);
    base.endFrame();
    const slots = recorded.slots();
    for (const slot of slots) {
      const hasEndedFrame = base.add(`${checkedLine(recorded, slot)}\n`, 1);
      // Outcomes of the run in progress come first.
      if (hasEndedFrame) await nextTurn();
    }
    base.endFrame();
    for (const note of batchNotes(recorded)) base.add(note, 0);
    for (const note of pending) base.add(note, 0);
    base.add(noteLine({ '@close': { records: slots.length } }), 0);
    base.endFrame();
    await disk.sync(fd);
    disk.rename(temp, join(folder, file));
  } catch (error) {
    disk.unlink(temp);
    throw error;
  } finally {
    disk.close(fd);
  }
  await syncFolder(folder);
}

/** Returns a line, unless it has changed since recovery: such a line must not get a new checksum. */
function checkedLine(recorded: Recorded, slot: number): string {
  const line = recorded.lineAt(slot);
  if (line.startsWith(`{"id":"${recorded.ids.idAt(slot)}"`) && line.endsWith('}')) return line;
  throw recorded.changed(slot);
}

/** Attempts and jobs of tasks without an outcome. */
function* pendingNotes({ started, jobs }: Recorded): Generator<string> {
  for (const [id, { attempt, at }] of started) yield noteLine({ '@started': [id, attempt, at] });
  for (const [id, job] of jobs) yield jobLine(id, job);
}

/** How the newest batch differs from the lines. */
function* batchNotes(recorded: Recorded): Generator<string> {
  for (const slot of recorded.slots()) {
    const id = recorded.ids.idAt(slot);
    if (recorded.isMoved(slot)) yield noteLine({ '@moved': [[id, recorded.indexAt(slot)]] });
    if (recorded.isGone(slot)) yield noteLine({ '@gone': [id] });
  }
}

class BaseFile {
  readonly #fd: number;
  readonly #file: string;
  #frame = new FrameLines();
  #end = 0;
  #frames = 0;

  constructor(fd: number, file: string) {
    this.#fd = fd;
    this.#file = file;
  }

  /** Returns true when the frame was full, and the line begins the next one. */
  add(line: string, records: number): boolean {
    const isFull = !this.#frame.hasRoomFor(line);
    if (isFull) this.endFrame();
    this.#frame.add(line, records);
    return isFull;
  }

  endFrame(): void {
    if (this.#frame.size === 0) return;
    const bytes = this.#frame.encode(this.#file, this.#frames++);
    writeAll(this.#fd, bytes, this.#end);
    this.#end += bytes.length;
    this.#frame = new FrameLines();
  }
}
