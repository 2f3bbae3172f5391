/** Writes answers to standard output, in order and with backpressure: a slow reader delays new requests. */

import {
  type ApiResponse,
  type Call,
  type OutputFormat,
  outputWriter,
  singleText,
} from '../../../integrations/http/index.js';
import { clean } from '../../../text/shown-text.js';
import { LineWriter } from '../../results/line-writer.js';
import { stdoutTarget } from '../../results/targets.js';

/** How answers are written. */
export interface AnswersOptions {
  readonly format: OutputFormat;
  readonly total: number | undefined;
  /** One call, not a batch: its data alone. */
  readonly isSingle: boolean;
  /** Nothing is written after the first failure. */
  readonly endsAtFailure: boolean;
  /** Clears the progress line. */
  readonly erase: () => void;
  /** Called when standard output cannot be written. */
  readonly onError: (error: unknown) => void;
}

/** Writes the answers of one call. */
export class Answers {
  succeeded = 0;
  failed = 0;
  cancelled = 0;
  readonly #options: AnswersOptions;
  readonly #lines: LineWriter;
  #error: { readonly cause: unknown } | undefined;

  constructor(options: AnswersOptions) {
    this.#options = options;
    const write = process.stdout.write.bind(process.stdout);
    const target = stdoutTarget(process.stdout, (data, done) => {
      if (process.stdout.isTTY) options.erase();
      return write(data, done);
    });
    this.#lines = new LineWriter(target, (cause) => {
      this.#error ??= { cause };
      options.onError(cause);
    });
  }

  /**
   * Writes all of them.
   *
   * @throws ClosedPipe when the reader is gone; OutputError when standard output cannot be written; what
   *   made the call impossible
   */
  async writeAll(call: Call): Promise<void> {
    const { format, total, isSingle, endsAtFailure } = this.#options;
    const isBare = isSingle && format === 'json';
    const writer = outputWriter(format, total);
    let isEnded = false;
    try {
      for await (const { index, response } of call) {
        if (isEnded || this.#error !== undefined) continue;
        this.#count(response);
        const text = isBare ? `${singleText(response)}\n` : writer.add(index, response);
        await this.#write(text)?.catch(() => {});
        isEnded = endsAtFailure && !response.success;
      }
      if (this.succeeded + this.failed + this.cancelled > 0) {
        if (!isBare) await this.#write(writer.end());
        await this.#lines.commit();
      }
    } catch (error) {
      this.#error ??= { cause: error };
      await this.#lines.discard();
    }
    if (this.#error !== undefined) throw this.#error.cause;
  }

  #write(text: string): Promise<void> | undefined {
    return this.#lines.addText(this.#options.format === 'pretty' ? clean(text) : text);
  }

  #count(response: ApiResponse): void {
    if (response.success) this.succeeded++;
    else if (response.error.code === 'CANCELLED') this.cancelled++;
    else this.failed++;
  }
}
