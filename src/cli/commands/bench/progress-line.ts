/**
 * What `heddle bench` is doing, on standard error: one line in place on a terminal, otherwise at most one
 * line a second. Nothing with `--quiet`.
 */

import { stripVTControlCharacters } from 'node:util';
import { isLive, type Messages } from '../../shell/terminal.js';

const EVERY_MS = 1000;
const ERASE = '\r\u001b[2K';

/** Shows steps. */
export class ProgressLine {
  readonly #label: string;
  readonly #messages: Messages;
  readonly #isLive = isLive(process.stderr, process.env);
  readonly #startedAt = performance.now();
  /** What ends within a second needs no line. */
  #writtenAt = this.#startedAt;
  #isDrawn = false;

  /** @param label - the task module, cleaned */
  constructor(label: string, messages: Messages) {
    this.#label = label;
    this.#messages = messages;
  }

  step(text: string): void {
    if (this.#messages.verbosity === 'quiet') return;
    const now = performance.now();
    if (this.#isLive) {
      const seconds = Math.round((now - this.#startedAt) / 1000);
      const line = `${this.#label}: ${text}   ${seconds} s`.slice(0, (process.stderr.columns ?? 80) - 1);
      process.stderr.write(`${ERASE}${stripVTControlCharacters(line)}`);
      this.#isDrawn = true;
    } else if (now - this.#writtenAt >= EVERY_MS) {
      this.#writtenAt = now;
      this.#messages.info(`${this.#label}: ${text}`);
    }
  }

  /** Erases the line. */
  stop(): void {
    if (this.#isDrawn) process.stderr.write(ERASE);
    this.#isDrawn = false;
  }
}
