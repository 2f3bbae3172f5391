/**
 * `heddle sessions`: lists sessions, and deletes old ones.
 *
 *   --prune          sessions in which every task succeeded
 *   --prune --all    all sessions
 *
 * A session in use is kept: the library checks again before it deletes. A session that this release cannot
 * read is kept as well, because what would be lost is unknown.
 */

import { isHeddleError, openSession } from '../../../main/index.js';
import { formatBytes, plural } from '../../../text/durations.js';
import { clean } from '../../../text/shown-text.js';
import { type Ending, EXIT, UsageError } from '../../shell/exit-codes.js';
import { type CommonFlags, print } from '../../shell/shell.js';
import { canResume, listRows, printList, type SessionRow } from './overview.js';

/** The parsed flags. */
export interface SessionsFlags extends CommonFlags {
  readonly prune?: true;
  readonly all?: true;
  readonly olderThan?: number;
  readonly dryRun?: true;
  readonly json?: true;
}

const FLAG_NAMES = { all: '--all', olderThan: '--older-than', dryRun: '--dry-run' } as const;

/** Runs `heddle sessions`. */
export async function sessionsCommand(_: readonly [], flags: SessionsFlags): Promise<Ending> {
  if (flags.prune === true) await prune(flags);
  else {
    const extra = (['all', 'olderThan', 'dryRun'] as const).find((name) => flags[name] !== undefined);
    if (extra !== undefined) throw new UsageError(`${FLAG_NAMES[extra]} says what to delete: add --prune`);
    await printList(flags.json === true);
  }
  return { code: EXIT.ok };
}

async function prune(flags: SessionsFlags): Promise<void> {
  const { all, olderThan = 0, dryRun, json } = flags;
  const before = Date.now() - olderThan;
  const rows = await listRows();
  const removed: SessionRow[] = [];
  for (const row of rows) {
    const isWanted =
      row.state === 'completed' || (all === true && row.state !== 'running' && row.state !== 'unreadable');
    if (!isWanted || row.changedAt.getTime() > before) continue;
    if (dryRun === true || (await remove(row))) removed.push(row);
  }
  const bytes = removed.reduce((sum, row) => sum + row.bytes, 0);
  const kept = rows.length - removed.length;
  if (json === true) {
    const names = removed.map(({ name, path, state, bytes: size }) => ({ name, path, state, bytes: size }));
    await print(`${JSON.stringify({ v: 1, isDryRun: dryRun === true, removed: names, bytes, kept })}\n`);
    return;
  }
  const verb = dryRun === true ? 'would remove' : 'removed';
  const lines = removed.map(
    ({ name, state, bytes: size }) => `${verb} ${clean(name)} (${state}, ${formatBytes(size)})`,
  );
  const rest = kept === 0 ? '' : `; ${plural(kept, 'session')} kept${keptWhy(rows, flags)}`;
  lines.push(`${verb} ${plural(removed.length, 'session')}, ${formatBytes(bytes)}${rest}`);
  await print(`${lines.join('\n')}\n`);
}

/** Why sessions with open tasks are kept. */
function keptWhy(rows: readonly SessionRow[], { all }: SessionsFlags): string {
  const isUnfinished = rows.some(({ state }) => canResume(state));
  return isUnfinished && all !== true ? ' (--all removes those with failed or open tasks as well)' : '';
}

/** @returns false when it is kept */
async function remove({ path }: SessionRow): Promise<boolean> {
  try {
    await openSession(path).remove();
    return true;
  } catch (error) {
    if (isHeddleError(error, 'HEDDLE_SESSION_BUSY') || isHeddleError(error, 'HEDDLE_SESSION_NOT_FOUND'))
      return false;
    throw error;
  }
}
