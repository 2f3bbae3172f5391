/**
 * Signals: the first asks the run to drain, the second to stop now, the third ends the process on the spot.
 *
 * A shell stops its loop only when a command dies of the signal, not when it exits with 130. So after the clean end the handlers
 * are taken off and the process sends the signal to itself.
 */

import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A signal that ends a run. */
export type EndSignal = (typeof SIGNALS)[number];

/** What a run does about signals. */
export interface SignalActions {
  drain(signal: EndSignal): void;
  abort(signal: EndSignal): void;
}

/** Catches the signals that end a run. */
export class Signals {
  readonly #controller = new AbortController();
  readonly #cleanups: (() => void)[] = [];
  readonly #listener = (signal: EndSignal) => this.#receive(signal);
  readonly #onExit = () => this.#cleanUp();
  #first: EndSignal | undefined;
  #count = 0;
  #actions: SignalActions | undefined;

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#listener);
    process.on('exit', this.#onExit);
  }

  /** The first signal that came. */
  get received(): EndSignal | undefined {
    return this.#first;
  }

  /** Aborted by the first signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** From now on a run answers to signals; one that came before is passed on. */
  connect(actions: SignalActions): void {
    this.#actions = actions;
    if (this.#first !== undefined) actions.drain(this.#first);
    if (this.#first !== undefined && this.#count > 1) actions.abort(this.#first);
  }

  /** What must be done even when the process ends on the spot, by a signal or a bug. Synchronous, and harmless when it is done twice. */
  atOnce(cleanup: () => void): void {
    this.#cleanups.push(cleanup);
  }

  close(): void {
    for (const signal of SIGNALS) process.off(signal, this.#listener);
    process.off('exit', this.#onExit);
  }

  #receive(signal: EndSignal): void {
    this.#count++;
    this.#first ??= signal;
    if (this.#count === 1) {
      this.#controller.abort();
      this.#actions?.drain(signal);
    } else if (this.#count === 2) {
      this.#actions?.abort(signal);
    } else {
      this.#cleanUp();
      this.close();
      raise(signal);
    }
  }

  #cleanUp(): void {
    for (const cleanup of this.#cleanups) cleanup();
  }
}

/** Ends this process with a signal. */
export function raise(signal: EndSignal): void {
  const code = 128 + constants.signals[signal];
  // Windows has no signals to die of.
  if (process.platform === 'win32') process.exit(code);
  process.kill(process.pid, signal);
  // The signal arrives before the next turn of the loop; should another listener swallow it, the code still tells.
  setTimeout(() => process.exit(code), 1000);
}
