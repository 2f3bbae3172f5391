/**
 * How the batch of this run differs from the recorded one: tasks that are gone, back, or at another index.
 */

import { larger } from './id-table.js';
import type { Shard } from './names.js';
import { type SessionNote, shardOf } from './record.js';
import type { Recorded } from './recorded.js';

const IDS_PER_NOTE = 5000;

/** Collects the changes while the batch is read. */
export class BatchChanges {
  /** Tasks with an outcome that the batch no longer has. Known after `findGone`. */
  gone = 0;
  readonly #recorded: Recorded;
  readonly #shard: Shard;
  /** By slot: how often the batch had a task with this id. */
  #seen = new Uint32Array(1024);
  readonly #back: string[] = [];
  readonly #newlyGone: string[] = [];

  constructor(recorded: Recorded, shard: Shard) {
    this.#recorded = recorded;
    this.#shard = shard;
  }

  /** Returns how often a task was seen, this time included. */
  count(slot: number): number {
    if (slot >= this.#seen.length) this.#seen = larger(this.#seen, Math.max(slot + 1, this.#seen.length * 2));
    const count = (this.#seen[slot] as number) + 1;
    this.#seen[slot] = count;
    return count;
  }

  /** A task with an outcome is at this index of the batch. */
  place(slot: number, id: string, index: number): void {
    const recorded = this.#recorded;
    if (recorded.isGone(slot)) {
      recorded.setGone(slot, false);
      this.#back.push(id);
    }
    if (recorded.indexAt(slot) !== index) recorded.setIndex(slot, index, true);
  }

  /** The whole batch was read: recorded tasks that were not seen are gone. */
  findGone(): void {
    const recorded = this.#recorded;
    const { count, index } = this.#shard;
    for (const slot of recorded.slots()) {
      if ((this.#seen[slot] ?? 0) > 0) continue;
      const id = recorded.ids.idAt(slot);
      if (count > 1 && shardOf(id, count) !== index) continue;
      this.gone++;
      if (!recorded.isGone(slot)) this.#newlyGone.push(id);
      recorded.setGone(slot, true);
    }
  }

  /** The changes that are not on the disk yet, in pieces, because there may be many. */
  *notes(): Generator<SessionNote> {
    for (const ids of pieces(this.#back)) yield { '@back': ids };
    for (const ids of pieces(this.#newlyGone)) yield { '@gone': ids };
    for (const moved of pieces(this.#movedNow())) yield { '@moved': moved };
  }

  *#movedNow(): Generator<[id: string, index: number]> {
    const recorded = this.#recorded;
    for (const slot of recorded.slots())
      if (recorded.hasMovedNow(slot)) yield [recorded.ids.idAt(slot), recorded.indexAt(slot)];
  }
}

function* pieces<T>(all: Iterable<T>): Generator<T[]> {
  let piece: T[] = [];
  for (const each of all) {
    if (piece.push(each) < IDS_PER_NOTE) continue;
    yield piece;
    piece = [];
  }
  if (piece.length > 0) yield piece;
}
