/** Reports the state of a run in the manifest. */

import { disk } from './disk.js';
import { type Manifest, type RunState, updateManifest } from './manifest.js';
import type { OpenedSession } from './open-session.js';
import { thisProcess } from './owner.js';

/** The state of a run, as the run itself reports it. */
export type ReportedState = Omit<RunState, 'writer' | 'pid' | 'host' | 'startedAt' | 'updatedAt'>;

const REPORT_EVERY_MS = 1000;

/** Writes the state of one run, one write after the other. */
export class RunReporter {
  readonly #folder: string;
  readonly #opened: OpenedSession;
  #last: Promise<unknown> = Promise.resolve();
  #reportedAt = 0;
  #isReporting = false;

  constructor(folder: string, opened: OpenedSession) {
    this.#folder = folder;
    this.#opened = opened;
  }

  /** Reports the state, at most once a second. Returns at once and ignores errors. */
  report(state: ReportedState): void {
    const at = Date.now();
    if (this.#isReporting || at - this.#reportedAt < REPORT_EVERY_MS) return;
    this.#reportedAt = at;
    this.#isReporting = true;
    // The manifest is a hint. When the disk fails, the journal reports it.
    this.write(state)
      .catch(() => {})
      .finally(() => {
        this.#isReporting = false;
      });
  }

  /**
   * Writes the state.
   *
   * @param isFirst - replaces the state of the previous run
   */
  write(state: ReportedState, isFirst = false): Promise<void> {
    const done = this.#last.then(() =>
      updateManifest(this.#folder, this.#opened.head.identity, (before) =>
        this.#changed(before, state, isFirst),
      ),
    );
    this.#last = done.catch(() => {});
    return done;
  }

  /** Resolves when no write is waiting. */
  async idle(): Promise<void> {
    await this.#last;
  }

  #changed(before: Manifest, state: ReportedState, isFirst: boolean): Manifest {
    const { claim, journal, head } = this.#opened;
    const { writer, part, since } = claim;
    const name = `${part.index}of${part.count}`;
    const isOvertaken = !isFirst && (before.runs[name]?.writer ?? writer) !== writer;
    if (isOvertaken) return before;
    const { host, pid } = thisProcess();
    const startedAt = new Date(since).toISOString();
    const run: RunState = { ...state, writer, pid, host, startedAt, updatedAt: new Date().toISOString() };
    // Runs with another shard count are dropped.
    const others = Object.entries(before.runs).filter(
      ([other]) => other.split('of')[1] === String(part.count),
    );
    const existing = new Set(disk.list(this.#folder));
    const marks = Object.entries({ ...before.marks, ...head.seals, [journal.file]: journal.end });
    return {
      ...before,
      identity: head.identity,
      marks: Object.fromEntries(marks.filter(([file]) => existing.has(file))),
      runs: { ...Object.fromEntries(others), [name]: run },
    };
  }
}
