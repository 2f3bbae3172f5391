/**
 * Compaction: everything that was recorded before an epoch, as one file, the base of that epoch.
 *
 * Only the owner of the whole batch compacts, for only it has sealed every older journal. The base is written beside, synced, and renamed
 * to `base-<epoch>.log`; that name is the commit: from then on readers take the base and pass over what is older. A compactor that
 * was overtaken meanwhile does no harm: its base says the same as the journals it would replace, and it deletes nothing.
 *
 *   frame 0: {"@head":{...}}   frames: the last line of each task, as it stood   last frame: notes, {"@close":{"records":n}}
 */

import { join } from 'node:path';
import type { Job } from '../protocol/messages.js';
import { disk, syncFolder, writeAll } from './disk.js';
import { encodeFrame, FRAME_BYTES } from './frames.js';
import { baseName, tempName } from './names.js';
import { jobLine, noteLine } from './record.js';
import type { Recorded, StartedAttempt } from './recorded.js';
import type { Head } from './recovery.js';

/** A session with so many journals is compacted. */
const MANY_JOURNALS = 8;

/** Whether compacting would be worth it. */
export function isWorthCompacting(recorded: Recorded, journals: number): boolean {
  return (
    journals >= MANY_JOURNALS || recorded.superseded > recorded.counts.succeeded + recorded.counts.failed
  );
}

/** Writes the base. It counts when this fulfils. */
export async function writeBase(
  folder: string,
  writer: string,
  head: Head,
  recorded: Recorded,
): Promise<void> {
  const file = baseName(head.epoch);
  const temp = join(folder, tempName(writer));
  // Now, before this run changes it: its own outcomes may never reach the disk.
  const started = [...recorded.started];
  const jobs = [...recorded.jobs];
  const fd = disk.create(temp);
  try {
    const base = new BaseFile(fd, file);
    base.add(noteLine({ '@head': head }), 0);
    base.endFrame();
    let records = 0;
    for (const slot of recorded.slots()) {
      base.add(`${checkedLine(recorded, slot)}\n`, 1);
      records++;
      if (base.isFull) {
        base.endFrame();
        // Outcomes of the run in progress come first.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    for (const line of notes(recorded, started, jobs)) base.add(line, 0);
    base.add(noteLine({ '@close': { records } }), 0);
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

/** A line that is not what was read a moment ago must not get a new checksum. */
function checkedLine(recorded: Recorded, slot: number): string {
  const line = recorded.lineAt(slot);
  if (line.startsWith(`{"id":"${recorded.ids.idAt(slot)}"`) && line.endsWith('}')) return line;
  throw recorded.changed(slot);
}

/** What is known of tasks beside their outcomes. */
function* notes(
  recorded: Recorded,
  started: readonly (readonly [string, StartedAttempt])[],
  jobs: readonly (readonly [string, Job])[],
): Generator<string> {
  for (const slot of recorded.slots()) {
    const id = recorded.ids.idAt(slot);
    if (recorded.isMoved(slot)) yield noteLine({ '@moved': [[id, recorded.indexAt(slot)]] });
    if (recorded.isGone(slot)) yield noteLine({ '@gone': [id] });
  }
  for (const [id, { attempt, at }] of started) yield noteLine({ '@started': [id, attempt, at] });
  for (const [id, job] of jobs) yield jobLine(id, job);
}

class BaseFile {
  readonly #fd: number;
  readonly #file: string;
  #lines: string[] = [];
  #records = 0;
  #size = 0;
  #end = 0;
  #frames = 0;

  constructor(fd: number, file: string) {
    this.#fd = fd;
    this.#file = file;
  }

  get isFull(): boolean {
    return this.#size >= FRAME_BYTES;
  }

  add(line: string, records: number): void {
    this.#lines.push(line);
    this.#records += records;
    this.#size += line.length;
  }

  endFrame(): void {
    if (this.#lines.length === 0) return;
    const frame = encodeFrame(this.#file, Buffer.from(this.#lines.join('')), this.#records, this.#frames++);
    writeAll(this.#fd, frame, this.#end);
    this.#end += frame.length;
    this.#lines = [];
    this.#records = 0;
    this.#size = 0;
  }
}
