/**
 * One batch, from opened outputs to the exit code.
 *
 * The end, in this order: the run is over → its events were told → threads are gone → the display is gone → outputs are put in place →
 * the summary is printed. A file is put in place however the run ended, for what it holds is true; it is dropped when it could not be
 * written, or when the run never gave an outcome because it was impossible.
 */

import {
  createRuntime,
  HeddleError,
  type Outcome,
  type Report,
  type Run,
  type RunEvent,
  type Runtime,
  task,
} from '../../../main/index.js';
import { showInput } from '../../../text/shown-text.js';
import type { Checked } from '../../inputs/check.js';
import { Feed } from '../../inputs/feed.js';
import { EventLog } from '../../progress/event-log.js';
import { LineWriter } from '../../results/line-writer.js';
import { Results } from '../../results/results.js';
import { fileTarget, openTarget } from '../../results/targets.js';
import { ClosedPipe, type Ending, EXIT } from '../../shell/exit-codes.js';
import { classify } from '../../shell/fatal.js';
import type { StdoutWrite } from '../../shell/shell.js';
import type { EndSignal } from '../../shell/signals.js';
import { closeSummary } from './close-summary.js';
import type { RunParts } from './run-command.js';
import { SessionOfRun } from './session-of-run.js';
import { failedFormat } from './settings.js';

/** What a batch needs. */
export interface BatchParts extends RunParts {
  readonly checked: Checked;
  readonly writeStdout: StdoutWrite;
}

/** With a share as failure limit and a batch of unknown length, the share counts only from here on. */
const MIN_SHARE_TASKS = 20;

/** Runs the batch. */
export async function runBatch(parts: BatchParts): Promise<Ending> {
  const batch = new Batch(parts);
  try {
    await batch.open();
    return await batch.run();
  } finally {
    await batch.close();
  }
}

class Batch {
  readonly #parts: BatchParts;
  #runtime: Runtime | undefined;
  #run: Run | undefined;
  #lines: LineWriter | undefined;
  #failedLines: LineWriter | undefined;
  #results: Results | undefined;
  #feed: Feed | undefined;
  #session: SessionOfRun | undefined;
  #isFutile = false;
  #outputError: unknown;
  #thrown: unknown;

  constructor(parts: BatchParts) {
    this.#parts = parts;
  }

  /** Opens what will be written, so that a run does not find out at its end that it cannot keep its results. */
  async open(): Promise<void> {
    const { settings, sources, signals, writeStdout, display } = this.#parts;
    const { output, failedOut, values } = settings.flags;
    const format =
      failedOut === undefined
        ? undefined
        : failedFormat(
            failedOut,
            sources.every((source) => source.isLines),
          );
    const onError = (error: unknown) => {
      this.#outputError ??= error;
      this.#run?.abort(error);
    };
    signals.atOnce(() => display.stop());
    const write: StdoutWrite = (data, done) => {
      if (process.stdout.isTTY) display.erase();
      return writeStdout(data, done);
    };
    const lines = new LineWriter(await openTarget(output, write), onError);
    this.#lines = lines;
    signals.atOnce(() => lines.discardNow());
    if (failedOut !== undefined) {
      const failedLines = new LineWriter(await fileTarget('--failed-out', failedOut), onError);
      this.#failedLines = failedLines;
      signals.atOnce(() => failedLines.discardNow());
    }
    this.#session = SessionOfRun.open(this.#parts.settings, this.#parts.args, sources);
    this.#results = new Results({
      lines,
      mode: values === true ? 'values' : 'outcomes',
      order: settings.flags.order ?? 'input',
      failed:
        this.#failedLines === undefined || format === undefined
          ? undefined
          : { lines: this.#failedLines, format },
      onExtraFailure: (error) => this.#limitFailures(error),
    });
  }

  async run(): Promise<Ending> {
    const { signals, display, settings, messages, checked, sources } = this.#parts;
    const run = this.#start();
    const log = new EventLog(messages, {
      indexOf: (ordinal) => this.#feed?.indexOf(ordinal) ?? ordinal,
      nameOf: (ordinal, key) => this.#nameOf(ordinal, key),
    });
    const facts = {
      total: checked.total,
      threads: settings.threads,
      concurrency: settings.run.concurrency,
      isInline: settings.flags.inline === true,
      from: sources.map(({ name }) => name).join(', '),
    };
    const session = this.#session?.place.path;
    if (messages.isJson) messages.event('starting', { task: settings.moduleText, session, ...facts });
    display.running(facts, () => this.#progress(run));
    const watched = this.#watch(run.events(), log);
    signals.connect({ drain: (signal) => this.#drain(run, signal), abort: () => this.#abort(run) });
    await this.#consume(run);
    await watched;
    return this.#conclude(run);
  }

  /** Whatever happened: nothing is left. */
  async close(): Promise<void> {
    await this.#runtime?.close();
    await this.#lines?.discard();
    await this.#failedLines?.discard();
    if (this.#isFutile) await this.#session?.drop();
  }

  #start(): Run {
    const { settings, sources, checked } = this.#parts;
    const { keyOf } = settings;
    const hasStream = sources.some((source) => !source.isRepeatable);
    const { order, shard, failedOut } = settings.flags;
    const feed = new Feed(sources, {
      keyOf: hasStream ? keyOf : undefined,
      keeps:
        order !== 'completion' ? 'in-order' : shard === undefined || failedOut !== undefined ? 'all' : 'no',
      onBadRow: (bad) => this.#results?.takeBadRow(bad),
    });
    this.#feed = feed;
    this.#results?.connect(feed);
    this.#runtime = createRuntime(settings.runtime);
    const reference = task<(input: unknown) => unknown>(settings.module, {
      inline: settings.flags.inline === true,
    });
    this.#run = this.#runtime.run(reference, feed.inputs(), {
      ...settings.run,
      total: checked.total,
      key: keyOf,
      session: this.#session?.option,
    });
    return this.#run;
  }

  async #watch(events: AsyncIterable<RunEvent>, log: EventLog): Promise<void> {
    for await (const event of events) {
      if (event.type === 'progress') this.#parts.display.update(this.#complete(event.progress));
      log.tell(event);
    }
  }

  async #consume(run: Run): Promise<void> {
    try {
      for await (const outcome of run) {
        const wait = this.#take(outcome);
        if (wait !== undefined) await wait;
      }
    } catch (error) {
      this.#thrown = error;
    }
    // Bad rows may wait for outcomes that will not come any more.
    if (this.#outputError === undefined) await this.#results?.finish().catch(() => {});
  }

  #take(outcome: Outcome): Promise<void> | undefined {
    const results = this.#results;
    if (outcome.status === 'failed' && results !== undefined && results.badRows + results.unwritable > 0)
      this.#limitFailures(outcome.error);
    return results?.take(outcome);
  }

  #nameOf(ordinal: number, key: string): string | undefined {
    if (this.#parts.settings.keyOf !== undefined) return key;
    const input = this.#feed?.peek(ordinal);
    if (input !== undefined) return showInput(input, 40);
    return this.#results?.examples.get(this.#feed?.indexOf(ordinal) ?? ordinal);
  }

  #progress(run: Run): Run['progress'] {
    return this.#complete(run.progress);
  }

  /** Adds what the runtime knows nothing of. */
  #complete(progress: Run['progress']): Run['progress'] {
    const { badRows = 0, unwritable = 0 } = this.#results ?? {};
    if (badRows + unwritable === 0) return progress;
    return {
      ...progress,
      succeeded: progress.succeeded - unwritable,
      failed: progress.failed + badRows + unwritable,
    };
  }

  /** The runtime keeps to its limit by itself; this counts what it does not see. */
  #limitFailures(error: Error): void {
    const { failFast, maxFailures } = this.#parts.settings.flags;
    const limit = failFast === true ? 0 : maxFailures;
    if (limit === undefined || this.#run === undefined) return;
    const { failed, succeeded, total } = this.#progress(this.#run);
    const settled = failed + succeeded;
    const base = total ?? (settled >= MIN_SHARE_TASKS ? settled : Number.POSITIVE_INFINITY);
    const most = typeof limit === 'number' ? limit : (Number.parseFloat(limit) / 100) * base;
    if (failed <= most) return;
    const message = `The run was ended: ${failed} ${failed === 1 ? 'task' : 'tasks'} failed, more than the ${limit} allowed; the last error: ${error.message}`;
    this.#run.abort(new HeddleError('HEDDLE_TOO_MANY_FAILURES', message, { cause: error }));
  }

  #drain(run: Run, signal: EndSignal): void {
    const { settings, messages } = this.#parts;
    const { running } = run.progress;
    const most = Math.min(running, settings.run.concurrency ?? settings.threads);
    const what =
      most === 0 ? 'no task is running' : `${most} running ${most === 1 ? 'task finishes' : 'tasks finish'}`;
    messages.info(`Stopping: ${what} (Ctrl-C again to stop now)`);
    run.drain(new HeddleError('HEDDLE_ABORTED', `The run was stopped by ${signal}`), settings.run.graceMs);
  }

  #abort(run: Run): void {
    this.#parts.messages.info('Stopping now: running tasks are aborted (once more to end at once)');
    run.abort();
  }

  async #conclude(run: Run): Promise<Ending> {
    const { display, signals } = this.#parts;
    let report: Report | undefined;
    let fatal: unknown;
    try {
      report = await run.report();
    } catch (error) {
      fatal = error;
    }
    await this.#runtime?.close();
    display.stop();
    const known = [fatal, this.#outputError, report?.reason];
    if (this.#thrown !== undefined && this.#outputError === undefined && !known.includes(this.#thrown))
      throw this.#thrown;
    await this.#commit(fatal !== undefined);
    if (this.#outputError instanceof ClosedPipe) return { code: EXIT.ok };
    const hasOutcomes = run.progress.succeeded + run.progress.failed > 0;
    this.#isFutile = fatal !== undefined ? !hasOutcomes : report?.read === 0;
    const wrong = this.#outputError ?? fatal;
    if (wrong !== undefined || report === undefined)
      throw this.#session?.explain(wrong, hasOutcomes) ?? classify(wrong);
    const code = await this.#exitCode(report);
    const signal = signals.received;
    await this.#summarize(report, code, signal);
    return signal === undefined ? { code } : { signal };
  }

  async #commit(isFatal: boolean): Promise<void> {
    for (const writer of [this.#lines, this.#failedLines]) {
      if (writer === undefined || (isFatal && writer.count === 0)) continue;
      try {
        await writer.commit();
      } catch (error) {
        this.#outputError ??= error;
      }
    }
  }

  /** It speaks of the whole session: also of failures of earlier runs that this one did not come to. */
  async #exitCode(report: Report): Promise<number> {
    const { badRows = 0, unwritable = 0 } = this.#results ?? {};
    if (report.failed + badRows + unwritable > 0) return EXIT.failed;
    if (report.status !== 'aborted') return EXIT.ok;
    const isWhole = this.#parts.settings.flags.shard === undefined;
    const before = isWhole ? await this.#session?.failed() : 0;
    return before === undefined || before === 0 ? EXIT.stopped : EXIT.failed;
  }

  async #summarize(report: Report, code: number, signal: EndSignal | undefined): Promise<void> {
    const results = this.#results;
    const feed = this.#feed;
    if (results === undefined || feed === undefined) return;
    await closeSummary({ ...this.#parts, report, results, feed, code, signal, session: this.#session });
  }
}
