/**
 * Lines on their way to a target: batched, with backpressure.
 *
 * Lines are collected until they reach BATCH_CHARS or the event loop turns. One batch is written while the
 * next one fills; when both are full, `add` returns a promise to wait for. So at most two batches are held,
 * however slow the reader is.
 */

import type { Target } from './targets.js';

const BATCH_CHARS = 64 * 1024;

/** Writes lines to one target. */
export class LineWriter {
  /** Lines added so far. */
  count = 0;
  readonly #target: Target;
  readonly #onError: (error: unknown) => void;
  #text = '';
  #writing: Promise<void> | undefined;
  #turn: NodeJS.Immediate | undefined;
  #error: { readonly cause: unknown } | undefined;

  /** @param onError - called once, when a write fails */
  constructor(target: Target, onError: (error: unknown) => void) {
    this.#target = target;
    this.#onError = onError;
  }

  /** Adds a line. Wait for the promise, if any, before adding more; it rejects when the target fails. */
  add(line: string): Promise<void> | undefined {
    return this.addText(`${line}\n`);
  }

  /** Adds a text without a line feed, for formats that are not line by line. */
  addText(text: string): Promise<void> | undefined {
    this.count++;
    this.#text += text;
    if (this.#error !== undefined) return Promise.reject(this.#error.cause);
    if (this.#text.length < BATCH_CHARS) {
      this.#turn ??= setImmediate(() => {
        this.#turn = undefined;
        if (this.#writing === undefined) this.#write();
      });
      return undefined;
    }
    if (this.#writing === undefined) {
      this.#write();
      return undefined;
    }
    return this.#writing.then(() => this.#throwError());
  }

  /** Writes the rest and puts the target in place. */
  async commit(): Promise<void> {
    clearImmediate(this.#turn);
    while (this.#writing !== undefined || this.#text !== '') {
      this.#throwError();
      if (this.#writing === undefined) this.#write();
      await this.#writing;
    }
    this.#throwError();
    await this.#target.commit();
  }

  /** Drops what is not written, and the target with it. */
  async discard(): Promise<void> {
    clearImmediate(this.#turn);
    this.#text = '';
    await this.#writing;
    await this.#target.discard();
  }

  /** The same, synchronously, for a process that ends now. */
  discardNow(): void {
    this.#target.discardNow();
  }

  /** Never rejects: a failure is kept for the next `add` or `commit`. */
  #write(): void {
    const bytes = Buffer.from(this.#text, 'utf8');
    this.#text = '';
    this.#writing = this.#target.write(bytes).then(
      () => {
        this.#writing = undefined;
        if (this.#text.length >= BATCH_CHARS) this.#write();
      },
      (cause: unknown) => {
        this.#writing = undefined;
        this.#error = { cause };
        this.#onError(cause);
      },
    );
  }

  #throwError(): void {
    if (this.#error !== undefined) throw this.#error.cause;
  }
}
