/**
 * Single events of a run, as text: logs of tasks, and with `--verbose` each failure and retry. With
 * `--progress json` every event is one line of JSON instead:
 *
 *   {"v":1,"t":"2026-01-01T00:00:00.000Z","type":"task-failed","index":3,"key":"…","attempts":1,"error":{…}}
 */

import { type RunEvent, serializeError } from '../../main/index.js';
import { formatDuration } from '../../text/durations.js';
import { clean, showInput } from '../../text/shown-text.js';
import type { Messages } from '../shell/terminal.js';

/**
 * What the user would call a task: its key if keys were asked for, else its input. Undefined when the task
 * has ended and its input is forgotten.
 */
export type NameOf = (index: number, key: string) => string | undefined;

type EventOf<Type extends RunEvent['type']> = Extract<RunEvent, { readonly type: Type }>;

/** Shorter pauses of a lane are shown with `--verbose` only. */
const SHOWN_PAUSE_MS = 1000;

/** Shows events. */
export class EventLog {
  readonly #messages: Messages;
  readonly #nameOf: NameOf;
  readonly #isVerbose: boolean;
  /** Lanes whose provider is in trouble. */
  readonly #stopped = new Set<string>();

  constructor(messages: Messages, nameOf: NameOf = () => undefined) {
    this.#messages = messages;
    this.#nameOf = nameOf;
    this.#isVerbose = messages.verbosity === 'verbose';
  }

  show(event: RunEvent): void {
    if (this.#messages.isJson) this.#showJson(event);
    else if (this.#messages.verbosity !== 'quiet') this.#showText(event);
  }

  #showJson(event: RunEvent): void {
    // The command writes run-ended itself, with the complete summary.
    if (event.type === 'task-progress' || event.type === 'run-ended') return;
    const { type, ...fields } = event;
    const plain: Record<string, unknown> = { ...fields };
    for (const name of ['error', 'reason'])
      if (plain[name] instanceof Error) plain[name] = serializeError(plain[name]);
    this.#messages.event(type, plain);
  }

  #showText(event: RunEvent): void {
    const { colors } = this.#messages;
    switch (event.type) {
      case 'task-log':
        return this.#log(event);
      case 'task-failed':
        return this.#detail(colors.red('failed:'), `${this.#task(event)}: ${stackOf(event.error)}`);
      case 'task-retry': {
        const when = `attempt ${event.attempt} failed, next in ${formatDuration(event.delayMs)}`;
        return this.#detail(
          colors.yellow('retry:'),
          `${this.#task(event)}: ${when}: ${headline(event.error)}`,
        );
      }
      case 'worker-exit':
        return this.#detail(
          colors.yellow('thread:'),
          `${event.workerId} ended and was replaced: ${headline(event.error)}`,
        );
      case 'lane-paused':
        return this.#paused(event);
      case 'lane-breaker':
        return this.#breaker(event);
      case 'events-lost':
        return this.#messages.warn(`${event.count} messages of tasks were lost; they came too fast`);
      default:
        return undefined;
    }
  }

  /** With `--verbose` only. */
  #detail(label: string, text: string): void {
    if (this.#isVerbose) this.#messages.info(`${label} ${text}`);
  }

  #log(event: EventOf<'task-log'>): void {
    const { level, message, fields } = event;
    if (!this.#isVerbose && (level === 'debug' || level === 'info')) return;
    const { red, yellow, dim } = this.#messages.colors;
    const paint = level === 'error' ? red : level === 'warn' ? yellow : dim;
    const more = fields === undefined || fields === null ? '' : ` ${showInput(fields, 400)}`;
    this.#messages.info(`${paint(`${level}:`)} ${this.#task(event)}: ${clean(message)}${more}`);
  }

  #paused(event: EventOf<'lane-paused'>): void {
    if (event.forMs < SHOWN_PAUSE_MS && !this.#isVerbose) return;
    this.#lane(event, `waits ${formatDuration(event.forMs)}: ${clean(event.reason)}`);
  }

  #breaker(event: EventOf<'lane-breaker'>): void {
    const { state, reason } = event;
    const lane = laneOf(event);
    // Each probe that fails opens the breaker again: that is no news.
    const isNews = state === 'open' ? !this.#stopped.has(lane) : state === 'closed';
    if (state === 'open') this.#stopped.add(lane);
    if (state === 'closed') this.#stopped.delete(lane);
    if (!isNews && !this.#isVerbose) return;
    const why = reason === undefined ? '' : ` (${clean(reason)})`;
    const what = {
      open: `stops: the provider is in trouble${why}; it is tried again in a while`,
      'half-open': 'tries the provider again',
      closed: 'continues: the provider answers again',
    }[state];
    this.#lane(event, what);
  }

  #lane(event: EventOf<'lane-paused' | 'lane-breaker'>, what: string): void {
    this.#messages.info(`${this.#messages.colors.yellow('lane:')} ${laneOf(event)} ${what}`);
  }

  #task({ index, key }: { readonly index: number; readonly key: string }): string {
    const name = this.#nameOf(index, key);
    return name === undefined ? `task ${index}` : `task ${index} (${clean(name)})`;
  }
}

function laneOf({ lane, account }: { readonly lane: string; readonly account: string | undefined }): string {
  return clean(account === undefined ? lane : `${lane} (${account})`);
}

/** "TypeError: x is not a function" */
function headline(error: Error): string {
  return clean(error.message === '' ? error.name : `${error.name}: ${error.message}`);
}

function stackOf(error: Error): string {
  return error.stack === undefined ? headline(error) : clean(error.stack);
}
