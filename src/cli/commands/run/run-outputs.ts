/**
 * What a run writes: outcomes to a file or standard output, and the inputs of failed tasks.
 *
 * Both are opened before the run starts, so that it does not find out at its end that it cannot keep its
 * results.
 */

import { LineWriter } from '../../results/line-writer.js';
import { fileTarget, openTarget, type Target } from '../../results/targets.js';
import type { StdoutWrite } from '../../shell/shell.js';
import type { PreparedRun } from './prepared-run.js';
import { failedFormat } from './settings.js';

/** The outputs of one run. */
export class RunOutputs {
  readonly lines: LineWriter;
  failed: { readonly lines: LineWriter; readonly format: 'jsonl' | 'lines' } | undefined;
  /** The first failure to write. */
  error: unknown;
  #onError: (error: unknown) => void = () => {};

  private constructor(target: Target) {
    this.lines = this.#writer(target);
  }

  /** @throws UsageError, OutputError */
  static async open(
    { settings, sources, signals, display }: PreparedRun,
    writeStdout: StdoutWrite,
  ): Promise<RunOutputs> {
    const { output, failedOut } = settings.flags;
    const areLines = sources.every((source) => source.isLines);
    const format = failedOut === undefined ? 'jsonl' : failedFormat(failedOut, areLines);
    const target = await openTarget(output, (data, done) => {
      if (process.stdout.isTTY) display.erase();
      return writeStdout(data, done);
    });
    const outputs = new RunOutputs(target);
    signals.atOnce(() => outputs.#discardNow());
    try {
      if (failedOut !== undefined)
        outputs.failed = { lines: outputs.#writer(await fileTarget('--failed-out', failedOut)), format };
      return outputs;
    } catch (error) {
      await outputs.discard();
      throw error;
    }
  }

  /** Calls the listener when a write fails for the first time. */
  onError(listener: (error: unknown) => void): void {
    this.#onError = listener;
  }

  /**
   * Puts the files in place, however the run ended, because what they hold is true.
   *
   * @param keepsEmpty - also a file without lines
   */
  async commit(keepsEmpty: boolean): Promise<void> {
    for (const writer of this.#writers()) {
      if (writer.count === 0 && !keepsEmpty) continue;
      await writer.commit().catch((error: unknown) => {
        this.error ??= error;
      });
    }
  }

  /** Drops what was not put in place. */
  async discard(): Promise<void> {
    for (const writer of this.#writers()) await writer.discard();
  }

  #discardNow(): void {
    for (const writer of this.#writers()) writer.discardNow();
  }

  #writers(): LineWriter[] {
    return this.failed === undefined ? [this.lines] : [this.lines, this.failed.lines];
  }

  #writer(target: Target): LineWriter {
    return new LineWriter(target, (error) => {
      this.error ??= error;
      this.#onError(error);
    });
  }
}
