/**
 * A session in the hands of one run: what is known of each task, and where new outcomes go.
 *
 *   see (which tasks does the batch have?) → [begin] → record ─► journal → close (what is gone, what moved, the final state)
 *
 * Compaction runs beside the first outcomes, where it is worth it or where damage was found. It is never in the way: what cannot be
 * compacted now is compacted by a later run.
 */

import { join } from 'node:path';
import { isHeddleError } from '../protocol/errors.js';
import type { Job } from '../protocol/messages.js';
import { CallLog } from './call-log.js';
import { isWorthCompacting, writeBase } from './compaction.js';
import { disk, removeIfThere } from './disk.js';
import { larger } from './id-table.js';
import { liveState } from './lock.js';
import { type Identity, type Manifest, ManifestWriter, type RunState } from './manifest.js';
import { baseEpoch, isManifestTemp, liveWriter, parseJournalName, type Shard, tempPid } from './names.js';
import { type OpenedSession, openSession, type SessionRequest } from './open-session.js';
import { exists, thisProcess } from './owner.js';
import { setAside } from './quarantine.js';
import { hashIdOf, idOf, jobLine, noteLine, recordLine, shardOf } from './record.js';
import type { Recorded } from './recorded.js';
import type { RecordableBlock, Recorder } from './recorder.js';
import { sessionError } from './session-error.js';
import { STALE_MS } from './stale-times.js';

/** What is known of a task of the batch. */
export interface SeenTask {
  readonly key: string;
  readonly slot: number;
  /** Undefined: it has no outcome. */
  readonly status: 'succeeded' | 'failed' | undefined;
  /** An earlier attempt began and was cut off. */
  readonly interrupted: boolean;
  /** The job that it waits for. */
  readonly job: Job | undefined;
}

/** How the run stands, for the manifest. */
export type ToldState = Omit<RunState, 'writer' | 'pid' | 'host' | 'startedAt' | 'updatedAt'>;

const TELL_EVERY_MS = 1000;
const IDS_PER_NOTE = 5000;

/** Writes one session, or a part of it. Made by {@link SessionWriter.open}. */
export class SessionWriter implements Recorder {
  readonly recorded: Recorded;
  /** What the user should know: damage, a task that has changed. */
  readonly notes: string[];
  /** Tasks with an outcome that the batch has no longer. Known behind `close`. */
  gone = 0;
  readonly #folder: string;
  readonly #opened: OpenedSession;
  readonly #manifest: ManifestWriter;
  readonly #part: Shard;
  readonly #idOf: (key: string) => string;
  /** By slot: how often the batch had a task with this id. */
  #seen = new Uint32Array(1024);
  readonly #back: string[] = [];
  readonly #newlyGone: string[] = [];
  #failure: unknown;
  #toldAt = 0;
  #telling: Promise<void> | undefined;
  #compacting: Promise<void> = Promise.resolve();

  private constructor(folder: string, part: Shard, opened: OpenedSession, notes: string[]) {
    this.#folder = folder;
    this.#part = part;
    this.#opened = opened;
    this.#manifest = new ManifestWriter(folder, opened.head.identity);
    this.recorded = opened.recovery.recorded;
    this.#idOf = opened.head.identity.keys === 'hash' ? hashIdOf : idOf;
    this.notes = notes;
  }

  /** @throws {@link HeddleError} HEDDLE_SESSION_* */
  static async open(request: SessionRequest): Promise<SessionWriter> {
    const { folder, part } = request;
    let opened: OpenedSession | undefined;
    try {
      opened = await openSession(request);
      const { damages } = opened.recovery;
      const told: string[] = [];
      if (opened.manifestDamage !== undefined) {
        const [damage] = await setAside(folder, [opened.manifestDamage]);
        told.push(`damaged: ${damage}; it was made anew from the journal`);
      }
      const writer = new SessionWriter(folder, part, opened, [...opened.notes, ...told]);
      await writer.#tellManifest({ status: 'running', total: request.total }, true);
      writer.#compact(damages.length > 0);
      return writer;
    } catch (error) {
      const reason = opened?.fence.reasonFor(error) ?? error;
      // Else this process would keep everybody, itself as well, from opening the session.
      if (opened !== undefined) await letGo(opened).catch(() => {});
      throw sessionError(folder, reason);
    }
  }

  get identity(): Identity {
    return this.#opened.head.identity;
  }

  /**
   * Takes note that the batch has a task, and says what is known of it.
   *
   * @param key - the hash of the input when `isHash`: equal inputs are then told apart by the order in which they are seen
   */
  see(key: string, index: number, isHash: boolean): SeenTask {
    const { recorded } = this;
    let name = key;
    let id = this.#idOf(key);
    let slot = recorded.slotOf(id);
    const count = this.#count(slot);
    if (isHash && count > 1) {
      name = `${key}-${count}`;
      id = this.#idOf(name);
      slot = recorded.slotOf(id);
      this.#count(slot);
    }
    const status = recorded.statusAt(slot);
    if (status !== undefined) this.#place(slot, id, index);
    const interrupted = recorded.started.size > 0 && recorded.started.has(id);
    const job = recorded.jobs.size > 0 ? recorded.jobs.get(id) : undefined;
    return { key: name, slot, status, interrupted, job };
  }

  /** An attempt of this task is about to begin. Durable when it fulfils. */
  begin(key: string, attempt: number): Promise<void> {
    const id = this.#idOf(key);
    const at = Date.now();
    this.recorded.started.set(id, { attempt, at });
    return this.#append(noteLine({ '@started': [id, attempt, at] }), 0);
  }

  /** That attempt never began. */
  takeBack(key: string): Promise<void> {
    const id = this.#idOf(key);
    this.recorded.started.delete(id);
    return this.#append(noteLine({ '@unstarted': id }), 0);
  }

  /** The work of a task goes on elsewhere, as this job. Durable when it fulfils. */
  submit(key: string, job: Job): Promise<void> {
    const id = this.#idOf(key);
    this.recorded.submitted(id, job);
    return this.#append(jobLine(id, job), 0);
  }

  record(block: RecordableBlock): Promise<void> {
    let lines = '';
    for (let i = 0; i < block.length; i++) {
      const record = block.recordAt(i);
      const id = this.#idOf(record.key);
      lines += recordLine(id, record);
      this.recorded.note(id, record.status);
    }
    return this.#append(lines, block.length);
  }

  /** The starts of calls, of this run and of those before it. @param keepMs - how far back they matter */
  openCalls(keepMs: number): CallLog {
    const explained = (error: unknown) => sessionError(this.#folder, this.#opened.fence.reasonFor(error));
    try {
      return new CallLog(this.#folder, this.#part, keepMs, explained);
    } catch (error) {
      throw explained(error);
    }
  }

  /** Says how the run stands; at most once a second, and never in the way. */
  tell(state: ToldState): void {
    const at = Date.now();
    if (this.#telling !== undefined || at - this.#toldAt < TELL_EVERY_MS) return;
    this.#toldAt = at;
    // A hint: should it not be written, the journal will say why when it matters.
    this.#telling = this.#tellManifest(state)
      .catch(() => {})
      .finally(() => {
        this.#telling = undefined;
      });
  }

  /** Lets go of the files whose outcomes were read; behind `close`. */
  release(): void {
    this.recorded.close();
  }

  /**
   * Ends the work with the session; outcomes that were there before can be read until `release`. What was recorded is durable whatever happens here.
   *
   * @param isAllRead - the whole batch was seen, so what was not seen is gone
   */
  async close(state: ToldState, isAllRead: boolean): Promise<void> {
    const { journal } = this.#opened;
    try {
      await this.#compacting;
      if (isAllRead) this.#findGone();
      if (this.#failure === undefined) await this.#writeLast(state);
    } catch {
      // Kept in #failure.
    }
    try {
      await journal.close();
      await this.#telling;
      if (!isHeddleError(this.#failure, 'HEDDLE_SESSION_FENCED')) await this.#tellManifest(state);
    } catch (error) {
      this.#failure ??= sessionError(this.#folder, this.#opened.fence.reasonFor(error));
    }
    await this.#opened.releaseLive();
    if (this.#failure !== undefined) throw this.#failure;
  }

  #append(lines: string, records: number): Promise<void> {
    return this.#opened.journal.append(lines, records).catch((error: unknown) => {
      this.#failure ??= sessionError(this.#folder, error);
      throw this.#failure;
    });
  }

  /** How often a task was seen, this time included. */
  #count(slot: number): number {
    if (slot >= this.#seen.length) this.#seen = larger(this.#seen, Math.max(slot + 1, this.#seen.length * 2));
    const count = (this.#seen[slot] as number) + 1;
    this.#seen[slot] = count;
    return count;
  }

  #place(slot: number, id: string, index: number): void {
    const { recorded } = this;
    if (recorded.isGone(slot)) {
      recorded.setGone(slot, false);
      this.#back.push(id);
    }
    if (recorded.indexAt(slot) === index) return;
    recorded.setIndex(slot, index, true);
  }

  #findGone(): void {
    const { recorded } = this;
    for (const slot of recorded.slots()) {
      const isSeen = (this.#seen[slot] ?? 0) > 0;
      const { count, index } = this.#part;
      if (isSeen || (count > 1 && shardOf(recorded.ids.idAt(slot), count) !== index)) continue;
      this.gone++;
      if (!recorded.isGone(slot)) this.#newlyGone.push(recorded.ids.idAt(slot));
      recorded.setGone(slot, true);
    }
  }

  /** What is known now and stands nowhere yet; piece by piece, for it may be much. */
  async #writeLast(state: ToldState): Promise<void> {
    const { succeeded, failed } = this.recorded.counts;
    for (const ids of pieces(this.#back)) await this.#append(noteLine({ '@back': ids }), 0);
    for (const ids of pieces(this.#newlyGone)) await this.#append(noteLine({ '@gone': ids }), 0);
    for (const moved of this.#movedNow()) await this.#append(noteLine({ '@moved': moved }), 0);
    await this.#append(noteLine({ '@close': { status: state.status, succeeded, failed } }), 0);
  }

  *#movedNow(): Generator<[id: string, index: number][]> {
    const { recorded } = this;
    let piece: [id: string, index: number][] = [];
    for (const slot of recorded.slots()) {
      if (!recorded.hasMovedNow(slot)) continue;
      piece.push([recorded.ids.idAt(slot), recorded.indexAt(slot)]);
      if (piece.length < IDS_PER_NOTE) continue;
      yield piece;
      piece = [];
    }
    if (piece.length > 0) yield piece;
  }

  /** @param isFirst - takes the place of the run before */
  #tellManifest(state: ToldState, isFirst = false): Promise<void> {
    const { writer, journal, claimedAt, head } = this.#opened;
    const { host, pid } = thisProcess();
    const at = new Date();
    const place = `${this.#part.index}of${this.#part.count}`;
    return this.#manifest.update((before): Manifest => {
      const isOvertaken = !isFirst && (before.runs[place]?.writer ?? writer) !== writer;
      if (isOvertaken) return before;
      const startedAt = new Date(claimedAt).toISOString();
      const told: RunState = { ...state, writer, pid, host, startedAt, updatedAt: at.toISOString() };
      // Of another way to divide the batch only what overlaps with nobody is of use.
      const others = Object.entries(before.runs).filter(
        ([other]) => other.split('of')[1] === String(this.#part.count),
      );
      const there = new Set(disk.list(this.#folder));
      const marks = Object.entries({ ...before.marks, ...head.seals, [journal.file]: journal.end });
      return {
        ...before,
        identity: head.identity,
        marks: Object.fromEntries(marks.filter(([file]) => there.has(file))),
        runs: { ...Object.fromEntries(others), [place]: told },
      };
    });
  }

  /** Sweeps what crashed processes left, and compacts. */
  #compact(isDamaged: boolean): void {
    const { recovery, head, writer, fence } = this.#opened;
    const journals = Object.keys(recovery.journals).length;
    const isDue = this.#part.count === 1 && (isDamaged || isWorthCompacting(this.recorded, journals));
    const work = async () => {
      if (isDue) await writeBase(this.#folder, writer, head, this.recorded);
      fence.check();
      // What is older than a damaged base stands in for it until it is made anew.
      this.#sweep(isDue ? head.epoch : isDamaged ? 0 : (recovery.base ?? 0));
    };
    // What is left over harms nobody, and the next run tries again.
    this.#compacting = work().catch(() => {});
  }

  #sweep(base: number): void {
    for (const file of disk.list(this.#folder)) {
      const path = join(this.#folder, file);
      const isOld = (parseJournalName(file)?.epoch ?? base) < base || (baseEpoch(file) ?? base) < base;
      const pid = tempPid(file);
      const isLeft = isManifestTemp(file) && Date.now() - (disk.stat(path)?.mtimeMs ?? 0) > STALE_MS;
      if (isOld || isLeft || (pid !== undefined && !exists(pid))) removeIfThere(path);
      const writer = liveWriter(file);
      if (writer !== undefined && liveState(this.#folder, writer, STALE_MS) === 'silent')
        disk.removeFolder(path);
    }
  }
}

async function letGo({ journal, recovery, releaseLive }: OpenedSession): Promise<void> {
  try {
    await journal.close();
  } finally {
    try {
      recovery.recorded.close();
    } finally {
      await releaseLive();
    }
  }
}

function pieces<T>(list: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(list.length / IDS_PER_NOTE) }, (_, i) =>
    list.slice(i * IDS_PER_NOTE, (i + 1) * IDS_PER_NOTE),
  );
}
