/**
 * `heddle status`: one session, or the list of all, once or repeatedly.
 *
 * It only reads; a run that works on the session is not affected. With --watch a terminal shows the page in
 * place, any other output receives one line each time. Signals are not caught: there is nothing to clean up.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { openSession, type SessionStatus } from '../../../main/index.js';
import { type Ending, EXIT, UsageError } from '../../shell/exit-codes.js';
import { type CommonFlags, print } from '../../shell/shell.js';
import { isLive } from '../../shell/terminal.js';
import { printList } from '../sessions/overview.js';
import { placeOf, type SessionPlace } from '../sessions/place.js';
import { factsOf, statusLine, statusText } from './status-text.js';

/** The parsed flags. */
export interface StatusFlags extends CommonFlags {
  readonly watch?: true;
  readonly json?: true;
}

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

async function show(
  place: SessionPlace,
  { watch = false, json = false }: Partial<Record<'watch' | 'json', boolean>>,
): Promise<void> {
  const session = openSession(place.path);
  const isRedrawn = watch && !json && isLive(process.stdout, process.env);
  let erase = '';
  for (;;) {
    const status = await session.status();
    const isLast = !watch || !status.runs.some((run) => run.isAlive);
    const text = json
      ? JSON.stringify(statusRecord(status, place))
      : textOf(status, place, isRedrawn || isLast);
    const isRead = await print(`${erase}${text}\n`);
    if (isLast || !isRead) return;
    if (isRedrawn) erase = eraseUp(heightOf(text));
    await sleep(EVERY_MS);
  }
}

function textOf(status: SessionStatus, place: SessionPlace, isPage: boolean): string {
  const now = new Date();
  return isPage ? statusText(status, place.text, now) : statusLine(status, now);
}

/** The status as `--json` prints it. */
function statusRecord(status: SessionStatus, place: SessionPlace): object {
  const { path, identity, ...rest } = status;
  const { task, keys, createdAt } = identity ?? {};
  return { v: 1, name: place.text, path, task, keys, createdAt, ...factsOf(status), ...rest };
}

/** Rows on a terminal, where a long line takes several. */
function heightOf(text: string): number {
  const width = process.stdout.columns || 80;
  return text.split('\n').reduce((rows, line) => rows + Math.max(1, Math.ceil(line.length / width)), 0);
}

function eraseUp(rows: number): string {
  return `\u001b[${rows}A\u001b[0J`;
}
