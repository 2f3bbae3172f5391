/**
 * `heddle status`: one session, or the list of all, once or repeatedly.
 *
 * It only reads; a run that works on the session is not affected. With --watch a terminal shows the page in place, any
 * other output receives one line each time. Signals are not caught: there is nothing to clean up.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { openSession, type SessionStatus } from '../../../main/index.js';
import { type Ending, EXIT, UsageError } from '../../shell/exit-codes.js';
import { print } from '../../shell/shell.js';
import { isLive } from '../../shell/terminal.js';
import { printList } from '../sessions/overview.js';
import { placeOf, type SessionPlace } from '../sessions/place.js';
import type { StatusFlags } from './status-row.js';
import { factsOf, statusLine, statusText } from './status-text.js';

const EVERY_MS = 1000;

/** Runs `heddle status`. */
export async function statusCommand(
  [text]: readonly [session: string | undefined],
  flags: StatusFlags,
): Promise<Ending> {
  if (text !== undefined) await show(placeOf(text, process.cwd()), flags);
  else if (flags.watch === true)
    throw new UsageError('--watch needs a session: heddle status <session> --watch');
  else await printList(flags.json === true);
  return { code: EXIT.ok };
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
