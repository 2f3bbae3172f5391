/**
 * Sessions for programs: what is recorded, the current state, and a small document beside it.
 *
 * A run writes to a session through the option `session`. This is for everything else, in the same process or
 * another one, at the same time or later.
 */

import { basename, join, resolve } from 'node:path';
import { HeddleError } from '../../protocol/errors.js';
import type { Outcome } from '../../protocol/outcome.js';
import { describe } from '../../protocol/serialized-error.js';
import { DocumentStore } from '../../session/document.js';
import type { Identity } from '../../session/manifest.js';
import { sessionError } from '../../session/session-error.js';
import { listFolder, readSize } from '../../session/session-folder.js';
import type { OutcomeFilter, SessionStatus } from '../../session/session-view.js';
import { outcomeOf } from '../run/outcome-block.js';

/** Not imported at the top: programs that only run batches must not pay for it. */
const view = () => import('../../session/session-view.js');

let makeSession: (path: string) => Session;

/** A session at a place. Nothing is held open. Made by {@link openSession}. */
export class Session {
  /** Absolute path of its folder. */
  readonly path: string;
  readonly #document: DocumentStore;

  private constructor(path: string) {
    this.path = path;
    this.#document = new DocumentStore(path);
  }

  static {
    makeSession = (path) => new Session(path);
  }

  /**
   * Returns the current state of the session.
   *
   * @throws {@link HeddleError} HEDDLE_SESSION_NOT_FOUND, HEDDLE_SESSION_FORMAT
   */
  async status(): Promise<SessionStatus> {
    return (await view()).readStatus(this.path);
  }

  /**
   * Returns what the session is about, without reading all of it.
   *
   * @throws {@link HeddleError} HEDDLE_SESSION_NOT_FOUND, HEDDLE_SESSION_FORMAT, HEDDLE_SESSION_DAMAGED
   */
  async identity(): Promise<Identity | undefined> {
    return (await view()).readIdentity(this.path);
  }

  /**
   * The recorded outcomes, in the order of the newest batch.
   *
   * @throws {@link HeddleError} HEDDLE_SESSION_NOT_FOUND, HEDDLE_SESSION_FORMAT
   */
  async *outcomes<Value = unknown>(filter: OutcomeFilter = {}): AsyncGenerator<Outcome<Value>, void> {
    const { readOutcomes } = await view();
    for await (const record of readOutcomes(this.path, filter)) yield outcomeOf(record) as Outcome<Value>;
  }

  /**
   * Checks every checksum. Returns descriptions of what is damaged.
   *
   * @throws {@link HeddleError} HEDDLE_SESSION_NOT_FOUND
   */
  async verify(): Promise<string[]> {
    const { findDamages } = await view();
    const { describeDamage } = await import('../../session/quarantine.js');
    return (await findDamages(this.path)).map(describeDamage);
  }

  /**
   * Sets damaged parts aside; the next run executes their tasks again. Returns descriptions of the damage.
   *
   * @throws {@link HeddleError} HEDDLE_SESSION_BUSY, HEDDLE_SESSION_NOT_FOUND, HEDDLE_SESSION_DAMAGED
   */
  async repair(): Promise<readonly string[]> {
    return (await view()).repair(this.path);
  }

  /** Deletes the session. @throws {@link HeddleError} HEDDLE_SESSION_BUSY, HEDDLE_SESSION_NOT_FOUND */
  async remove(): Promise<void> {
    (await view()).removeSession(this.path);
  }

  /** Size on disk, and when it was last written to. */
  size(): { readonly bytes: number; readonly changedAt: Date } {
    const { bytes, changedAt } = readSize(this.path);
    return { bytes, changedAt: new Date(changedAt) };
  }

  /** The document; undefined before the first update. @throws {@link HeddleError} HEDDLE_SESSION_DAMAGED */
  state<T = unknown>(): T | undefined {
    try {
      return this.#document.read() as T | undefined;
    } catch (error) {
      throw sessionError(this.path, error);
    }
  }

  /**
   * Changes the document. No update of any process is lost, and readers never see half an update.
   *
   * @param change - gets a copy of the document and returns the new one, plain JSON. It may be called again
   *   when another process was faster, so it should have no side effects
   * @returns the new document
   * @throws {@link HeddleError} HEDDLE_SESSION_WRITE, HEDDLE_SESSION_DAMAGED, and what `change` throws; the
   *   document is then unchanged
   */
  async update<T>(change: (state: T | undefined) => T | Promise<T>): Promise<T> {
    try {
      return (await this.#document.update(change as (state: unknown) => unknown)) as T;
    } catch (error) {
      if (typeof (error as NodeJS.ErrnoException).syscall !== 'string') throw error;
      throw sessionError(this.path, error);
    }
  }
}

/**
 * Names a session; nothing is read or made yet.
 *
 * @param path - its folder
 * @throws {@link HeddleError} HEDDLE_INVALID_OPTION
 */
export function openSession(path: string): Session {
  if (typeof path !== 'string' || path === '')
    throw new HeddleError(
      'HEDDLE_INVALID_OPTION',
      `Expected the path of a session's folder, got ${describe(path)}`,
    );
  return makeSession(resolve(path));
}

/** Returns the sessions in a folder, sorted by name. */
export function listSessions(folder: string): { readonly name: string; readonly session: Session }[] {
  return listFolder(folder)
    .sort()
    .map((name) => ({ name: basename(name), session: makeSession(resolve(join(folder, name))) }));
}
