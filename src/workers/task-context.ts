/**
 * The context that a task function receives.
 *
 * One is made for every attempt, so everything in it is made when it is first asked for. Reading `signal` is
 * remembered in the control cell: the coordinator gives a grace time only to tasks that can hear an abort.
 */

import type { ControlCell } from '../protocol/control-cell.js';
import { HeddleError, OptionError } from '../protocol/errors.js';
import { describe } from '../protocol/serialized-error.js';
import {
  type LogLevel,
  type Observation,
  type RemoteServices,
  type Services,
  Submitted,
  type TaskContext,
} from '../protocol/task.js';

import { taskKey } from '../protocol/task-key.js';
import { transfer } from '../protocol/transfer.js';

const isAborted = Object.getOwnPropertyDescriptor(AbortSignal.prototype, 'aborted')?.get as () => boolean;

/** What the contexts of one chunk share. */
export interface ContextHost {
  readonly account: string | undefined;
  readonly attempt: number;
  readonly timeoutMs: number | undefined;
  readonly cell: ControlCell;
  indexAt(position: number): number;
  keyAt(position: number): string | undefined;
  inputAt(position: number): unknown;
  progress(position: number, fraction: number, note: string | undefined): void;
  log(position: number, level: LogLevel, message: string, fields: unknown): void;
  observe(position: number, observation: Observation): void;
  services(): RemoteServices<Services>;
  /** Why the run is being aborted, as far as this thread knows. */
  abortReason(): Error;
}

/** A {@link TaskContext} that can be aborted from outside. */
export class AttemptContext implements TaskContext {
  readonly #host: ContextHost;
  readonly #position: number;
  #controller: AbortController | undefined;

  constructor(host: ContextHost, position: number) {
    this.#host = host;
    this.#position = position;
  }

  get index(): number {
    return this.#host.indexAt(this.#position);
  }

  get key(): string {
    return this.#host.keyAt(this.#position) ?? taskKey(this.#host.inputAt(this.#position));
  }

  get attempt(): number {
    return this.#host.attempt;
  }

  get account(): string | undefined {
    return this.#host.account;
  }

  get signal(): AbortSignal {
    this.#controller ??= this.#listen();
    return this.#controller.signal;
  }

  get services(): RemoteServices<Services> {
    return this.#host.services();
  }

  // Getters that answer with functions: tasks destructure their context, so these must not depend on `this`.

  get progress(): TaskContext['progress'] {
    return (fraction, note) => this.#host.progress(this.#position, fraction, note);
  }

  get log(): TaskContext['log'] {
    return (level, message, fields) => this.#host.log(this.#position, level, message, fields);
  }

  get observe(): TaskContext['observe'] {
    return (observation) => this.#host.observe(this.#position, observation);
  }

  get submitted(): TaskContext['submitted'] {
    return submitted;
  }

  get transfer(): TaskContext['transfer'] {
    return transfer;
  }

  /** Aborts the signal if the control cell asks for it and somebody has the signal. */
  pollAbort(): void {
    const controller = this.#controller;
    if (controller === undefined || isAborted.call(controller.signal)) return;
    const { cell, timeoutMs } = this.#host;
    if (cell.isTimedOut(this.#position)) controller.abort(timeoutError(timeoutMs));
    else if (cell.isAborted) controller.abort(this.#host.abortReason());
  }

  #listen(): AbortController {
    const controller = new AbortController();
    const { signal } = controller;
    this.#controller = controller;
    this.#host.cell.listen(this.#position);
    // CPU-bound code polls `aborted` without ever returning to the event loop, where messages are read.
    Object.defineProperty(signal, 'aborted', {
      configurable: true,
      get: () => {
        this.pollAbort();
        return isAborted.call(signal);
      },
    });
    signal.throwIfAborted = () => {
      if (signal.aborted) throw signal.reason;
    };
    this.pollAbort();
    return controller;
  }
}

const POLL_MS = 1000;
/** The longest delay that Node's timers can hold. */
const MAX_POLL_MS = 2 ** 31 - 1;

function submitted(...[handle, options]: Parameters<TaskContext['submitted']>): Submitted {
  const { pollMs = POLL_MS } = options ?? {};
  if (typeof pollMs === 'number' && pollMs >= 0 && pollMs <= MAX_POLL_MS)
    return new Submitted(handle, pollMs);
  throw new OptionError(
    'pollMs',
    'Expected `pollMs` of ctx.submitted to be a number of milliseconds ' +
      `from 0 to ${MAX_POLL_MS}, got ${describe(pollMs)}`,
  );
}

/**
 * What a task says of its provider. Units that it does not know (undefined) are left out.
 *
 * @throws {@link OptionError} the attempt then fails, not the run
 */
export function checkedObservation(observation: Observation): Observation {
  if (typeof observation !== 'object' || observation === null)
    throw new OptionError('observe', `Expected ctx.observe({ headers, used }), got ${describe(observation)}`);
  const { headers, used } = observation;
  if (used === undefined) return { headers };
  if (typeof used !== 'object' || used === null)
    throw new OptionError(
      'used',
      `Expected \`used\` of ctx.observe to be units by name, got ${describe(used)}`,
    );
  const known = Object.entries(used).filter(([, value]) => value !== undefined);
  for (const [unit, value] of known) {
    if (typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY) continue;
    throw new OptionError(
      'used',
      `Expected \`used.${unit}\` of ctx.observe to be a number from 0, got ${describe(value)}`,
    );
  }
  return { headers, used: Object.fromEntries(known) };
}

/** The error of an attempt that outlived its timeout. */
export function timeoutError(timeoutMs: number | undefined, cause?: unknown): HeddleError {
  return new HeddleError(
    'HEDDLE_TIMEOUT',
    `The attempt took longer than its timeout of ${timeoutMs} ms; raise timeoutMs, or make the task smaller`,
    cause === undefined ? undefined : { cause },
  );
}
