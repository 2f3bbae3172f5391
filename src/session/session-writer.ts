/**
 * A session as one run uses it: what is known of each task, and where new outcomes go.
 *
 *   open → see (for each task of the batch) → [begin] → record ─► journal → close → release
 */

import { type HeddleError, isHeddleError } from '../protocol/errors.js';
import type { Job } from '../protocol/messages.js';
import { BatchChanges } from './batch-changes.js';
import { CallLog } from './call-log.js';
import { type OpenedSession, openSession, type SessionRequest } from './open-session.js';
import { hashIdOf, idOf, jobLine, type NewRecord, noteLine, recordLine, sizeError } from './record.js';
import type { Recorded } from './recorded.js';
import type { RecordableBlock, Recorder } from './recorder.js';
import { type ReportedState, RunReporter } from './run-reporter.js';
import { sessionError } from './session-error.js';
import { upkeep } from './upkeep.js';

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

/** Writes a session, or one shard of it. Made by {@link SessionWriter.open}. */
export class SessionWriter implements Recorder {
  readonly recorded: Recorded;
  /** What the user should know: damage, a task that has changed. */
  readonly notes: readonly string[];
  readonly #request: SessionRequest;
  readonly #opened: OpenedSession;
  readonly #reporter: RunReporter;
  readonly #batch: BatchChanges;
  readonly #idOf: (key: string) => string;
  #failure: unknown;
  #upkeep: Promise<void> = Promise.resolve();

  private constructor(request: SessionRequest, opened: OpenedSession) {
    this.#request = request;
    this.#opened = opened;
    this.#reporter = new RunReporter(request.folder, opened);
    this.recorded = opened.recovery.recorded;
    this.#batch = new BatchChanges(this.recorded, request.shard);
    this.#idOf = opened.head.identity.keys === 'hash' ? hashIdOf : idOf;
    this.notes = opened.notes;
  }

  /** @throws {@link HeddleError} HEDDLE_SESSION_* */
  static async open(request: SessionRequest): Promise<SessionWriter> {
    let opened: OpenedSession | undefined;
    try {
      opened = await openSession(request);
      const writer = new SessionWriter(request, opened);
      await writer.#reporter.write({ status: 'running', total: request.total }, true);
      writer.#upkeep = upkeep(request.folder, opened).catch(() => {});
      return writer;
    } catch (error) {
      const reason = opened?.fence.reasonFor(error) ?? error;
      // Otherwise no process, this one included, could open the session while this process lives.
      if (opened !== undefined) await release(opened).catch(() => {});
      throw sessionError(request.folder, reason);
    }
  }

  /** Tasks with an outcome that the batch no longer has. Known after `close`. */
  get gone(): number {
    return this.#batch.gone;
  }

  /**
   * Notes that the batch has a task, and returns what is known of it.
   *
   * @param isHash - the key is the hash of the input: equal inputs are numbered in the order in which they
   *   are seen
   */
  see(key: string, index: number, isHash: boolean): SeenTask {
    const { recorded } = this;
    let name = key;
    let id = this.#idOf(key);
    let slot = recorded.slotOf(id);
    const count = this.#batch.count(slot);
    if (isHash && count > 1) {
      name = `${key}-${count}`;
      id = this.#idOf(name);
      slot = recorded.slotOf(id);
      this.#batch.count(slot);
    }
    const status = recorded.statusAt(slot);
    if (status !== undefined) this.#batch.place(slot, id, index);
    const interrupted = recorded.started.size > 0 && recorded.started.has(id);
    const job = recorded.jobs.size > 0 ? recorded.jobs.get(id) : undefined;
    return { key: name, slot, status, interrupted, job };
  }

  /** An attempt of this task is about to begin. Durable when the promise resolves. */
  async begin(key: string, attempt: number): Promise<void> {
    const id = this.#idOf(key);
    const at = Date.now();
    this.recorded.started.set(id, { attempt, at });
    await this.#append([noteLine({ '@started': [id, attempt, at] })], 0);
  }

  /** The attempt that was announced by `begin` did not begin. */
  async takeBack(key: string): Promise<void> {
    const id = this.#idOf(key);
    this.recorded.started.delete(id);
    await this.#append([noteLine({ '@unstarted': id })], 0);
  }

  /** The task waits for this job. Durable when the promise resolves. Rejects when the handle is too large. */
  async submit(key: string, job: Job): Promise<void> {
    const tooLarge = sizeError('job handle', key, job.handle, this.#request.maxLineBytes);
    if (tooLarge !== undefined) throw tooLarge;
    const id = this.#idOf(key);
    this.recorded.submitted(id, job);
    await this.#append([jobLine(id, job)], 0);
  }

  /** Records outcomes. Rejects, and records none of them, when one is too large. */
  async record(block: RecordableBlock): Promise<void> {
    const records: NewRecord[] = [];
    for (let i = 0; i < block.length; i++) {
      const record = block.recordAt(i);
      const tooLarge = this.sizeError(record);
      if (tooLarge !== undefined) throw tooLarge;
      records.push(record);
    }
    const lines = records.map((record) => {
      const id = this.#idOf(record.key);
      this.recorded.note(id, record.status);
      return recordLine(id, record);
    });
    await this.#append(lines, 1);
  }

  /** The error with which `record` would reject for this outcome, because it is too large. */
  sizeError({ key, status, content }: NewRecord): HeddleError | undefined {
    const what = status === 'succeeded' ? 'value' : 'error';
    return sizeError(what, key, content, this.#request.maxLineBytes);
  }

  /**
   * Opens the log of call starts, of this run and of those before it.
   *
   * @param keepMs - how long a start matters
   */
  openCalls(keepMs: number): CallLog {
    const { folder, shard } = this.#request;
    const explain = (error: unknown) => sessionError(folder, this.#opened.fence.reasonFor(error));
    try {
      return new CallLog(folder, shard, keepMs, explain);
    } catch (error) {
      throw explain(error);
    }
  }

  /** Reports the state of the run, at most once a second. Returns at once and ignores errors. */
  report(state: ReportedState): void {
    this.#reporter.report(state);
  }

  /** Closes the files from which earlier outcomes are read. Call it after `close`. */
  release(): void {
    this.recorded.close();
  }

  /**
   * Ends writing. Earlier outcomes can be read until `release`. What was recorded is durable even if this
   * rejects.
   *
   * @param isAllRead - the whole batch was seen, so tasks that were not seen are gone
   */
  async close(state: ReportedState, isAllRead: boolean): Promise<void> {
    const { journal, fence, releaseLive } = this.#opened;
    try {
      await this.#upkeep;
      if (isAllRead) this.#batch.findGone();
      if (this.#failure === undefined) await this.#appendLast(state);
    } catch {
      // Kept in #failure.
    }
    try {
      await journal.close();
      if (isHeddleError(this.#failure, 'HEDDLE_SESSION_FENCED')) await this.#reporter.idle();
      else await this.#reporter.write(state);
    } catch (error) {
      this.#failure ??= sessionError(this.#request.folder, fence.reasonFor(error));
    }
    await releaseLive();
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #append(lines: readonly string[], recordsPerLine: 0 | 1): Promise<void> {
    try {
      await this.#opened.journal.append(lines, recordsPerLine);
    } catch (error) {
      this.#failure ??= sessionError(this.#request.folder, error);
      throw this.#failure;
    }
  }

  async #appendLast(state: ReportedState): Promise<void> {
    const { succeeded, failed } = this.recorded.counts;
    for (const note of this.#batch.notes()) await this.#append([noteLine(note)], 0);
    await this.#append([noteLine({ '@close': { status: state.status, succeeded, failed } })], 0);
  }
}

async function release({ journal, recovery, releaseLive }: OpenedSession): Promise<void> {
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
