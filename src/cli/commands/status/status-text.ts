/** The status of one session as text: a page for people, and one line for logs. */

import type { SessionRun, SessionStatus } from '../../../main/index.js';
import { formatAge, formatCount, formatDuration, formatRate, formatTime } from '../../../text/durations.js';
import { clean } from '../../../text/shown-text.js';
import { canResume, doneText, hasCommand, type SessionState, stateOf } from '../sessions/overview.js';
import { quote } from '../sessions/place.js';

/** The state of a session, and what its running processes add up to. */
export interface StatusFacts {
  readonly state: SessionState;
  /** Tasks in execution, in all live runs. */
  readonly running: number;
  readonly tasksPerSecond: number | undefined;
  readonly remainingMs: number | undefined;
}

/** Adds up the figures of the live runs. */
export function factsOf(status: SessionStatus): StatusFacts {
  const alive = status.runs.filter((run) => run.isAlive);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const rates = alive.flatMap(({ tasksPerSecond }) => tasksPerSecond ?? []);
  const rests = alive.flatMap(({ remainingMs }) => remainingMs ?? []);
  return {
    state: stateOf(status),
    running: sum(alive.flatMap(({ running }) => running ?? [])),
    tasksPerSecond: rates.length === 0 ? undefined : sum(rates),
    // The session ends with its last shard, so an estimate needs that of every shard.
    remainingMs: rests.length === 0 || rests.length < alive.length ? undefined : Math.max(...rests),
  };
}

/**
 * The page.
 *
 * @param text - the session as the user names it
 */
export function statusText(status: SessionStatus, text: string, now: Date): string {
  const { identity, runs, damages } = status;
  const facts = factsOf(status);
  const rows: (readonly [string, string])[] = [['session', `${clean(text)}   ${facts.state}`]];
  if (identity !== undefined) rows.push(['task', clean(identity.task.name)]);
  rows.push(['done', countsText(status, facts)]);
  const pace = paceText(facts);
  if (pace !== '') rows.push(['speed', pace]);
  for (const run of runs) rows.push([partText(run.part), runText(run, now, runs.length > 1)]);
  for (const damage of damages) rows.push(['damaged', clean(damage)]);
  const lines = rows.map(([name, value]) => `${name.padEnd(10)}${value}`);
  return [...lines, ...nextSteps(status, facts.state, text)].join('\n');
}

function countsText(status: SessionStatus, { running }: StatusFacts): string {
  const { succeeded, failed, removed, total = 0, started } = status;
  const share = total === 0 ? '' : ` (${Math.floor(((succeeded + failed) * 100) / total)} %)`;
  const counts = [`${formatCount(succeeded)} succeeded`, `${formatCount(failed)} failed`];
  if (running > 0) counts.push(`${formatCount(running)} running`);
  if (started > 0 && running === 0) counts.push(`${formatCount(started)} cut off`);
  if (removed > 0) counts.push(`${formatCount(removed)} no longer in the batch`);
  return `${doneText(status)}${share}: ${counts.join(', ')}`;
}

/** "120/400 (30 %), 2 failed, 12/s, about 23 s left" */
export function statusLine(status: SessionStatus, now: Date): string {
  const facts = factsOf(status);
  const done = `${formatTime(now)}  ${facts.state}  ${doneText(status)}`;
  const pace = paceText(facts);
  return `${done}, ${formatCount(status.failed)} failed${pace === '' ? '' : `, ${pace}`}`;
}

/** "12/s, about 23 s left" */
function paceText({ tasksPerSecond = 0, remainingMs }: Partial<StatusFacts>): string {
  const parts: string[] = [];
  // 0 until it has been measured.
  if (tasksPerSecond > 0) parts.push(formatRate(tasksPerSecond));
  if (remainingMs !== undefined) parts.push(`about ${formatDuration(remainingMs)} left`);
  return parts.join(', ');
}

/** "1of1" → "run", "2of8" → "shard 2/8" */
function partText(part: string): string {
  return part === '1of1' ? 'run' : `shard ${part.replace('of', '/')}`;
}

function runText(run: SessionRun, now: Date, isOneOfMany: boolean): string {
  const { pid, host, startedAt, updatedAt, reason, status, isAlive } = run;
  const since = new Date(startedAt);
  const who = `process ${pid} on ${clean(host)}`;
  if (isAlive) {
    const { tasksPerSecond, remainingMs } = run;
    const pace = paceText({ tasksPerSecond, remainingMs });
    const shown = isOneOfMany && pace !== '' ? `   ${pace}` : '';
    const age = formatAge(now.getTime() - since.getTime());
    return `running: ${who} since ${formatTime(since)} (${age})${shown}`;
  }
  const last = formatTime(new Date(updatedAt));
  if (status === 'running') return `killed: ${who} was cut off, last update at ${last}`;
  return `${status} at ${last}${reason === undefined ? '' : `: ${clean(reason)}`}`;
}

function nextSteps(
  { damages, failed, identity }: SessionStatus,
  state: SessionState,
  text: string,
): string[] {
  const name = quote(text);
  if (damages.length > 0 && state !== 'running')
    return [`set the damage aside with: heddle verify ${name} --repair`];
  if (!canResume(state)) return [];
  if (!hasCommand(identity)) return ['to continue, run the program that made this session again'];
  if (state === 'failed') return [`retry the failed ones with: heddle resume ${name} --retry-failed`];
  return [
    `resume with: heddle resume ${name}`,
    ...(failed > 0 ? [`retry the failed ones as well with: heddle resume ${name} --retry-failed`] : []),
  ];
}
