/**
 * `heddle status`: one session, or the list of all, once or again and again.
 *
 * Reads only; a run that works on the session does not notice. With --watch a terminal shows the page in place, anything else gets a
 * line each time. Ctrl-C ends it as it ends any reader: there is nothing to clean up.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { openSession, type SessionStatus } from '../../../main/index.js';
import { type Ending, EXIT, UsageError } from '../../shell/exit-codes.js';
import { print, withMessages } from '../../shell/shell.js';
import { isLive } from '../../shell/terminal.js';
import { listRows, listText } from './overview.js';
import { placeOf, SESSIONS, type SessionPlace } from './place.js';
import type { StatusFlags } from './session-flags.js';
import { factsOf, statusLine, statusText } from './status-text.js';

const EVERY_MS = 1000;

/** Runs `heddle status`. */
export function statusCommand(text: string | undefined, flags: StatusFlags): Promise<Ending> {
  return withMessages(flags, async () => {
    if (text !== undefined) await show(placeOf(text, process.cwd()), flags);
    else if (flags.watch === true)
      throw new UsageError('--watch needs a session: heddle status <session> --watch');
    else await printList(flags.json === true);
    return { code: EXIT.ok };
  });
}

/** Prints the list of sessions. */
export async function printList(isJson: boolean): Promise<void> {
  const rows = await listRows();
  if (isJson) await print(`${JSON.stringify(rows)}\n`);
  else if (rows.length === 0) await print(`There are no sessions in ${SESSIONS}; heddle run makes one.\n`);
  else await print(`${listText(rows, new Date())}\n`);
}

async function show(place: SessionPlace, { watch, json }: StatusFlags): Promise<void> {
  const session = openSession(place.path);
  const isRedrawn = watch === true && json !== true && isLive(process.stdout, process.env);
  let height = 0;
  for (;;) {
    const status = await session.status();
    const now = new Date();
    const isLast = watch !== true || !status.runs.some((run) => run.isAlive);
    const isPage = isRedrawn || isLast;
    const text =
      json === true
        ? JSON.stringify(statusRecord(status, place))
        : isPage
          ? statusText(status, place.text, now)
          : statusLine(status, now);
    const isRead = await print(`${height > 0 ? eraseUp(height) : ''}${text}\n`);
    if (isLast || !isRead) return;
    height = isRedrawn ? heightOf(text) : 0;
    await sleep(EVERY_MS);
  }
}

/** The status as `--json` gives it. */
function statusRecord(status: SessionStatus, place: SessionPlace): object {
  const { path, identity, ...rest } = status;
  const { task, keys, createdAt } = identity ?? {};
  return { v: 1, name: place.text, path, task, keys, createdAt, ...factsOf(status), ...rest };
}

/** Rows on a terminal: long lines take several. */
function heightOf(text: string): number {
  const width = process.stdout.columns || 80;
  return text.split('\n').reduce((rows, line) => rows + Math.max(1, Math.ceil(line.length / width)), 0);
}

function eraseUp(rows: number): string {
  return `\u001b[${rows}A\u001b[0J`;
}
