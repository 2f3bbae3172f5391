/**
 * The state of a session in one word, and the list of all sessions.
 *
 *   running     a process works on it
 *   unreadable  it cannot be read at all, such as one that a newer release wrote
 *   damaged     a part of it cannot be read; `heddle verify` names it
 *   killed      a run is recorded as running, but its process is gone
 *   aborted     the newest run was stopped before its end
 *   unfinished  nothing is running, and tasks are left: shards that were not started, or new inputs
 *   failed      every task has an outcome, and some failed
 *   completed   every task succeeded
 */

import { isHeddleError, listSessions, type Session, type SessionStatus } from '../../../main/index.js';
import { formatAge, formatCount } from '../../../text/durations.js';
import { clean } from '../../../text/shown-text.js';
import { print } from '../../shell/shell.js';
import { SESSIONS_FOLDER } from './place.js';

/** The state in one word. */
export type SessionState =
  | 'running'
  | 'unreadable'
  | 'damaged'
  | 'killed'
  | 'aborted'
  | 'unfinished'
  | 'failed'
  | 'completed';

/** A session in the list. */
export interface SessionRow {
  readonly name: string;
  readonly path: string;
  readonly state: SessionState;
  readonly succeeded: number;
  readonly failed: number;
  readonly total: number | undefined;
  readonly bytes: number;
  readonly changedAt: Date;
  /** Why it cannot be read. */
  readonly problem: string | undefined;
}

/** The state of a session. */
export function stateOf({ runs, damages, succeeded, failed, total }: SessionStatus): SessionState {
  if (runs.some((run) => run.isAlive)) return 'running';
  if (damages.length > 0) return 'damaged';
  if (runs.some((run) => run.status === 'running')) return 'killed';
  if (runs.some((run) => run.status === 'aborted')) return 'aborted';
  const hasAllShards = runs.every(({ part }) => part.endsWith(`of${runs.length}`));
  if (!hasAllShards || runs.length === 0 || succeeded + failed < (total ?? 0)) return 'unfinished';
  return failed > 0 ? 'failed' : 'completed';
}

/** Whether any tasks are left to run. */
export function canResume(state: SessionState): boolean {
  return state !== 'running' && state !== 'completed' && state !== 'unreadable';
}

/** Whether `heddle run` made the session: one made by a program has no command to run again. */
export function hasCommand(identity: SessionStatus['identity']): boolean {
  return identity === undefined || (identity.command ?? undefined) !== undefined;
}

/** The sessions with a name, the newest last. */
export async function listRows(): Promise<SessionRow[]> {
  const rows: SessionRow[] = [];
  for (const { name, session } of listSessions(SESSIONS_FOLDER)) {
    const row = await rowOf(name, session);
    if (row !== undefined) rows.push(row);
  }
  return rows.sort((a, b) => a.changedAt.getTime() - b.changedAt.getTime());
}

/** Undefined when it no longer exists. */
async function rowOf(name: string, session: Session): Promise<SessionRow | undefined> {
  try {
    const { bytes, changedAt } = session.size();
    return { name, path: session.path, bytes, changedAt, ...(await factsIn(session)) };
  } catch (error) {
    if (isHeddleError(error, 'HEDDLE_SESSION_NOT_FOUND')) return undefined;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

type RowFacts = Pick<SessionRow, 'state' | 'succeeded' | 'failed' | 'total' | 'problem'>;

async function factsIn(session: Session): Promise<RowFacts> {
  try {
    const status = await session.status();
    const { succeeded, failed, total, damages } = status;
    return { state: stateOf(status), succeeded, failed, total, problem: damages[0] };
  } catch (error) {
    if (!isHeddleError(error) || error.code === 'HEDDLE_SESSION_NOT_FOUND') throw error;
    return { state: 'unreadable', succeeded: 0, failed: 0, total: undefined, problem: error.message };
  }
}

/** "120/400", or "120" when the length of the batch is unknown. */
export function doneText({
  succeeded,
  failed,
  total,
}: Pick<SessionStatus, 'succeeded' | 'failed' | 'total'>): string {
  const done = formatCount(succeeded + failed);
  return total === undefined ? done : `${done}/${formatCount(total)}`;
}

/** One line per session, in columns. */
export function listText(rows: readonly SessionRow[], now: Date): string {
  return columns([
    ['NAME', 'STATE', 'DONE', 'FAILED', 'CHANGED'],
    ...rows.map((row) => [
      clean(row.name),
      row.state,
      doneText(row),
      formatCount(row.failed),
      `${formatAge(now.getTime() - row.changedAt.getTime())} ago`,
    ]),
  ]);
}

/** Prints the list of sessions. */
export async function printList(isJson: boolean): Promise<void> {
  const rows = await listRows();
  if (isJson) await print(`${JSON.stringify(rows)}\n`);
  else if (rows.length === 0)
    await print(`There are no sessions in ${SESSIONS_FOLDER}; heddle run makes one.\n`);
  else await print(`${listText(rows, new Date())}\n`);
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
