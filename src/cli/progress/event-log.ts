/**
 * What is said about single events of a run: logs of tasks, and with `--verbose` each failure and retry. With `--progress json` every
 * event is one line of JSON instead:
 *
 *   {"v":1,"t":"2026-01-01T00:00:00.000Z","type":"task-failed","index":3,"key":"…","attempts":1,"error":{…}}
 */

import { type RunEvent, serializeError } from '../../main/index.js';
import { formatDuration } from '../../text/durations.js';
import { clean, showInput } from '../../text/shown-text.js';
import type { Messages } from '../shell/terminal.js';

/** What the log needs to know of tasks. */
export interface TaskNames {
  /** Position in the batch of what the runtime calls index. */
  readonly indexOf: (ordinal: number) => number;
  /** What the user would call the task: its key if keys were asked for, else its input; undefined when it is over and forgotten. */
  readonly nameOf: (ordinal: number, key: string) => string | undefined;
}

/** Says what happens. */
export class EventLog {
  readonly #messages: Messages;
  readonly #names: TaskNames;
  /** Lanes whose provider is in trouble. */
  readonly #stopped = new Set<string>();

  constructor(messages: Messages, names: TaskNames) {
    this.#messages = messages;
    this.#names = names;
  }

  tell(event: RunEvent): void {
    if (this.#messages.isJson) this.#tellJson(event);
    else if (this.#messages.verbosity !== 'quiet') this.#tellText(event);
  }

  #tellJson(event: RunEvent): void {
    // The command sends run-ended itself, with the summary of everything.
    if (event.type === 'task-progress' || event.type === 'run-ended') return;
    const { type, ...fields } = event;
    const plain: Record<string, unknown> = { ...fields };
    if ('index' in event) plain['index'] = this.#names.indexOf(event.index);
    if ('error' in event) plain['error'] = serializeError(event.error);
    if ('reason' in event && event.reason instanceof Error) plain['reason'] = serializeError(event.reason);
    this.#messages.event(type, plain);
  }

  #tellText(event: RunEvent): void {
    const { colors, verbosity } = this.#messages;
    const isVerbose = verbosity === 'verbose';
    switch (event.type) {
      case 'task-log': {
        const { level, message, fields } = event;
        if (!isVerbose && (level === 'debug' || level === 'info')) return;
        const paint = level === 'error' ? colors.red : level === 'warn' ? colors.yellow : colors.dim;
        const more = fields === undefined || fields === null ? '' : ` ${showInput(fields, 400)}`;
        return this.#messages.info(`${paint(`${level}:`)} ${this.#task(event)}: ${clean(message)}${more}`);
      }
      case 'task-failed':
        if (!isVerbose) return;
        return this.#messages.info(`${colors.red('failed:')} ${this.#task(event)}: ${detail(event.error)}`);
      case 'task-retry':
        if (!isVerbose) return;
        return this.#messages.info(
          `${colors.yellow('retry:')} ${this.#task(event)}: attempt ${event.attempt} failed, next in ${formatDuration(event.delayMs)}: ${headline(event.error)}`,
        );
      case 'worker-exit':
        if (!isVerbose) return;
        return this.#messages.info(
          `${colors.yellow('thread:')} ${event.workerId} ended and was replaced: ${headline(event.error)}`,
        );
      case 'lane-paused':
        if (!isVerbose && event.forMs < TOLD_PAUSE_MS) return;
        return this.#messages.info(
          `${colors.yellow('lane:')} ${laneOf(event)} waits ${formatDuration(event.forMs)}: ${clean(event.reason)}`,
        );
      case 'lane-breaker':
        return this.#tellBreaker(event);
      case 'events-lost':
        return this.#messages.warn(`${event.count} messages of tasks were lost; they came too fast`);
      default:
        return undefined;
    }
  }

  #tellBreaker(event: Extract<RunEvent, { type: 'lane-breaker' }>): void {
    const { colors, verbosity } = this.#messages;
    const { state, reason } = event;
    const lane = laneOf(event);
    // Each probe that fails opens it again: that is no news.
    const isNews = state === 'open' ? !this.#stopped.has(lane) : state === 'closed';
    if (state === 'open') this.#stopped.add(lane);
    if (state === 'closed') this.#stopped.delete(lane);
    if (!isNews && verbosity !== 'verbose') return;
    const what = {
      open: `stops: the provider is in trouble${reason === undefined ? '' : ` (${clean(reason)})`}; it is tried again in a while`,
      'half-open': 'tries the provider again',
      closed: 'goes on: the provider answers again',
    }[state];
    this.#messages.info(`${colors.yellow('lane:')} ${lane} ${what}`);
  }

  #task({ index, key }: { readonly index: number; readonly key: string }): string {
    const name = this.#names.nameOf(index, key);
    const shown = name === undefined ? '' : ` (${clean(name)})`;
    return `task ${this.#names.indexOf(index)}${shown}`;
  }
}

/** Shorter pauses of a lane are told on demand only. */
const TOLD_PAUSE_MS = 1000;

function laneOf({ lane, account }: { readonly lane: string; readonly account: string | undefined }): string {
  return clean(account === undefined ? lane : `${lane} (${account})`);
}

/** "TypeError: x is not a function" */
export function headline(error: Error): string {
  return clean(error.message === '' ? error.name : `${error.name}: ${error.message}`);
}

function detail(error: Error): string {
  return error.stack === undefined ? headline(error) : clean(error.stack);
}
