/**
 * What `heddle bench` is doing, on standard error: one line in place on a terminal, else a line at most once a second. With `--quiet`, nothing.
 */

import { stripVTControlCharacters } from 'node:util';
import { isLive, type Messages } from '../../shell/terminal.js';

const EVERY_MS = 1000;
const ERASE = '\r\u001b[2K';

/** Shows steps. */
export class ProgressLine {
  readonly #label: string;
  readonly #messages: Messages;
  readonly #isLive: boolean;
  readonly #startedAt = performance.now();
  /** What is over within a second needs no line. */
  #saidAt = this.#startedAt;
  #isDrawn = false;

  /** @param label - the task module, cleaned */
  constructor(label: string, messages: Messages) {
    this.#label = label;
    this.#messages = messages;
    this.#isLive = isLive(process.stderr, process.env);
  }

  step(text: string): void {
    if (this.#messages.verbosity === 'quiet') return;
    const now = performance.now();
    if (this.#isLive) {
      const seconds = Math.round((now - this.#startedAt) / 1000);
      const line = `${this.#label}: ${text}   ${seconds} s`.slice(0, (process.stderr.columns ?? 80) - 1);
      process.stderr.write(`${ERASE}${stripVTControlCharacters(line)}`);
      this.#isDrawn = true;
    } else if (now - this.#saidAt >= EVERY_MS) {
      this.#saidAt = now;
      this.#messages.info(`${this.#label}: ${text}`);
    }
  }

  /** Takes the line away. */
  stop(): void {
    if (this.#isDrawn) process.stderr.write(ERASE);
    this.#isDrawn = false;
  }
}
