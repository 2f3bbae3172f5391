/**
 * The session of one `heddle run`.
 *
 *   --session     that one, made if it does not exist
 *   (no flag)     a new one, removed again if the run was impossible or had no inputs
 *   --no-session  none
 */

import { isHeddleError, openSession, type SessionOptions, taskKey } from '../../../main/index.js';
import type { InputSource } from '../../inputs/input-source.js';
import { SessionProblem } from '../../shell/exit-codes.js';
import { classify } from '../../shell/fatal.js';
import { ELSEWHERE, makeHome, makeNew, quote, removeEmpty, type SessionPlace } from '../sessions/place.js';
import { recordCommand } from './recorded-command.js';
import type { Settings } from './settings.js';

/** The session of a run. */
export class SessionOfRun {
  readonly place: SessionPlace;
  /** The library's option. */
  readonly option: SessionOptions;
  readonly #isNew: boolean;
  readonly #settings: Settings;

  private constructor(place: SessionPlace, isNew: boolean, option: SessionOptions, settings: Settings) {
    this.place = place;
    this.option = option;
    this.#isNew = isNew;
    this.#settings = settings;
  }

  /** Undefined with `--no-session`. @throws OutputError, SessionProblem */
  static open(
    settings: Settings,
    args: readonly string[],
    sources: readonly InputSource[],
  ): SessionOfRun | undefined {
    const { session, flags, module } = settings;
    if (session === undefined) return undefined;
    const cwd = process.cwd();
    const isNew = session === 'new';
    const place = isNew ? makeNew(module, cwd, new Date()) : session;
    makeHome(place, cwd);
    const isRepeatable = sources.every((source) => source.isRepeatable);
    const option: SessionOptions = {
      path: place.path,
      force: flags.force === true,
      command: recordCommand(module, args, flags, cwd),
      ...(flags.key !== undefined && { keys: flags.key }),
      ...(isRepeatable && {
        isBatch: (has: (key: string) => boolean) => hasAny(sources, settings.keyOf ?? taskKey, has),
      }),
    };
    return new SessionOfRun(place, isNew, option, settings);
  }

  /** The command line that continues this session. */
  resumeLine(...more: readonly string[]): string {
    const { shard, output, failedOut } = this.#settings.flags;
    // The session does not record the files of a shard.
    const own =
      shard === undefined
        ? []
        : [
            `--shard ${shard.index}/${shard.count}`,
            ...(output === undefined ? [] : ['-o', quote(output)]),
            ...(failedOut === undefined ? [] : ['--failed-out', quote(failedOut)]),
          ];
    return ['heddle resume', quote(this.place.text), ...own, ...more].join(' ');
  }

  /** What ended the run, as an error of the command that advises what to do about the session. */
  explain(cause: unknown, hasOutcomes: boolean): unknown {
    const error = classify(cause);
    if (!(error instanceof Error)) return error;
    const isPlace =
      isHeddleError(cause, 'HEDDLE_SESSION_INVALID') || isHeddleError(cause, 'HEDDLE_SESSION_WRITE');
    if (this.#isNew && !hasOutcomes && isPlace) return withLine(error, ELSEWHERE);
    // A session that is in use, or belongs to another batch, cannot be resumed.
    const isOurs = !(error instanceof SessionProblem);
    return hasOutcomes && isOurs ? withLine(error, `resume with: ${this.resumeLine()}`) : error;
  }

  /** Failures in the session, including those that this run did not reach. */
  async failed(): Promise<number> {
    return (await openSession(this.place.path).status()).failed;
  }

  /** Removes a new session in which nothing is recorded. */
  async drop(): Promise<void> {
    if (!this.#isNew) return;
    const session = openSession(this.place.path);
    try {
      const { succeeded, failed } = await session.status();
      if (succeeded + failed === 0) await session.remove();
    } catch {
      // It does not exist, or is in use by another process.
    }
    removeEmpty(this.place);
  }
}

function withLine(error: Error, line: string): Error {
  error.message += `\n${line}`;
  if (error.stack !== undefined) error.stack += `\n${line}`;
  return error;
}

/** Whether any input has an outcome; usually the first one has. An empty batch belongs to any session. */
async function hasAny(
  sources: readonly InputSource[],
  keyOf: (input: unknown) => string,
  has: (key: string) => boolean,
): Promise<boolean> {
  let isEmpty = true;
  for (const source of sources) {
    for await (const row of source.open()) {
      // A bad row is reported when it is read as an input.
      if (row.problem !== undefined || has(keyOf(row.input))) return true;
      isEmpty = false;
    }
  }
  return isEmpty;
}
