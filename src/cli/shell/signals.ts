/**
 * Signals: the first drains the run, the second aborts it, the third ends the process immediately.
 *
 * A shell stops its loop only when a command dies of the signal, not when it exits with 130. So after a clean
 * end the process removes its handlers and sends the signal to itself.
 */

import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A signal that ends a run. */
export type EndSignal = (typeof SIGNALS)[number];

/** How a run reacts to signals. */
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

  /** The first signal that was caught. */
  get received(): EndSignal | undefined {
    return this.#first;
  }

  /** Aborted by the first signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Sends signals to a run from now on, including those that were caught before. */
  connect(actions: SignalActions): void {
    this.#actions = actions;
    if (this.#first !== undefined) actions.drain(this.#first);
    if (this.#first !== undefined && this.#count > 1) actions.abort(this.#first);
  }

  /** Registers work for when the process ends immediately. It must be synchronous and may be called twice. */
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
  // A process on Windows cannot die of a signal.
  if (process.platform === 'win32') process.exit(code);
  process.kill(process.pid, signal);
  // If another listener swallows the signal, the exit code still shows it.
  setTimeout(() => process.exit(code), 1000);
}
