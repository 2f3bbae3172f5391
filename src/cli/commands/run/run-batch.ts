/**
 * One batch, from opened outputs to the exit code.
 *
 * The end, in this order: the run ends → its events are shown → its threads are gone → the display is gone →
 * outputs are put in place → the summary is printed.
 */

import {
  createRuntime,
  type FailureGroup,
  HeddleError,
  type Report,
  type Run,
  type Runtime,
  task,
} from '../../../main/index.js';
import { plural } from '../../../text/durations.js';
import { showInput } from '../../../text/shown-text.js';
import { Feed } from '../../inputs/feed.js';
import { contentOf } from '../../inputs/input-source.js';
import { EventLog } from '../../progress/event-log.js';
import { Results } from '../../results/results.js';
import { ClosedPipe, type Ending, EXIT } from '../../shell/exit-codes.js';
import { classify } from '../../shell/fatal.js';
import type { EndSignal } from '../../shell/signals.js';
import { closeSummary } from './close-summary.js';
import type { BatchParts } from './prepared-run.js';
import { RunOutputs } from './run-outputs.js';
import { SessionOfRun } from './session-of-run.js';

/** Runs the batch. */
export async function runBatch(parts: BatchParts): Promise<Ending> {
  parts.signals.atOnce(() => parts.display.stop());
  const outputs = await RunOutputs.open(parts, parts.writeStdout);
  try {
    return await new Batch(parts, outputs).run();
  } finally {
    await outputs.discard();
  }
}

class Batch {
  readonly #parts: BatchParts;
  readonly #outputs: RunOutputs;
  readonly #session: SessionOfRun | undefined;
  readonly #feed: Feed;
  readonly #results: Results;
  readonly #runtime: Runtime;
  readonly #run: Run;
  /** The run was impossible or had no inputs. */
  #isFutile = false;

  constructor(parts: BatchParts, outputs: RunOutputs) {
    const { settings, sources, checked } = parts;
    const { keyOf, flags } = settings;
    this.#parts = parts;
    this.#outputs = outputs;
    this.#session = SessionOfRun.open(settings, parts.args, sources);
    const hasStream = sources.some((source) => !source.isRepeatable);
    const isCertain = flags.shard === undefined || flags.failedOut !== undefined;
    this.#feed = new Feed(sources, {
      // Keys of files alone were checked before.
      keyOf: hasStream ? keyOf : undefined,
      keeps: flags.order !== 'completion' ? 'in-order' : isCertain ? 'all' : 'no',
    });
    this.#results = new Results({
      feed: this.#feed,
      lines: outputs.lines,
      mode: flags.values === true ? 'values' : 'outcomes',
      failed: outputs.failed,
      onUnwritable: (all) => this.#limitUnwritable(all),
    });
    this.#runtime = createRuntime(settings.runtime);
    const reference = task<(input: unknown) => unknown>(settings.module, { inline: flags.inline === true });
    this.#run = this.#runtime.run(reference, this.#feed.inputs(), {
      ...settings.run,
      total: checked.total,
      key: keyOf,
      session: this.#session?.option,
    });
    outputs.onError((error) => this.#run.abort(error));
  }

  async run(): Promise<Ending> {
    try {
      this.#announce();
      const watched = this.#watch();
      this.#parts.signals.connect({
        drain: (signal) => this.#drain(signal),
        abort: () => this.#abort(),
      });
      const thrown = await this.#consume();
      await watched;
      return await this.#conclude(thrown);
    } finally {
      await this.#runtime.close();
      if (this.#isFutile) await this.#session?.drop();
    }
  }

  #announce(): void {
    const { display, settings, messages, checked, sources } = this.#parts;
    const facts = {
      total: checked.total,
      threads: settings.threads,
      concurrency: settings.run.concurrency,
      isInline: settings.flags.inline === true,
      from: sources.map(({ name }) => name).join(', '),
    };
    const session = this.#session?.place.path;
    if (messages.isJson) messages.event('starting', { task: settings.moduleText, session, ...facts });
    display.running(facts, () => this.#run.progress);
  }

  async #watch(): Promise<void> {
    const { display, messages } = this.#parts;
    const log = new EventLog(messages, (index, key) => this.#nameOf(index, key));
    for await (const event of this.#run.events()) {
      if (event.type === 'progress') display.update(event.progress);
      log.show(event);
    }
  }

  #nameOf(index: number, key: string): string | undefined {
    if (this.#parts.settings.keyOf !== undefined) return key;
    const row = this.#feed.peek(index);
    return row === undefined ? this.#results.examples.get(index) : showInput(contentOf(row), 40);
  }

  /** Returns what ended the outcomes early. */
  async #consume(): Promise<unknown> {
    try {
      for await (const outcome of this.#run) {
        const wait = this.#results.take(outcome);
        if (wait !== undefined) await wait;
      }
      return undefined;
    } catch (error) {
      return error;
    }
  }

  /**
   * The run counts failed tasks but does not see values that cannot be written: the limit holds for each
   * kind.
   */
  #limitUnwritable({ count, message }: FailureGroup): void {
    const { failFast, maxFailures } = this.#parts.settings.flags;
    const limit = failFast === true ? 0 : maxFailures;
    if (limit === undefined) return;
    const { total = Number.POSITIVE_INFINITY } = this.#run.progress;
    const most = typeof limit === 'number' ? limit : (Number.parseFloat(limit) / 100) * total;
    if (count <= most) return;
    const what = `${plural(count, 'value')} could not be written, more than the ${limit} allowed`;
    const text = `The run was ended: ${what}; the first error: ${message}`;
    this.#run.abort(new HeddleError('HEDDLE_TOO_MANY_FAILURES', text));
  }

  #drain(signal: EndSignal): void {
    const { settings, messages } = this.#parts;
    const most = Math.min(this.#run.progress.running, settings.run.concurrency ?? settings.threads);
    const what =
      most === 0 ? 'no task is running' : `${most} running ${most === 1 ? 'task finishes' : 'tasks finish'}`;
    messages.info(`Stopping: ${what} (Ctrl-C again to stop now)`);
    const reason = new HeddleError('HEDDLE_ABORTED', `The run was stopped by ${signal}`);
    this.#run.drain(reason, settings.run.graceMs);
  }

  #abort(): void {
    this.#parts.messages.info('Stopping now: running tasks are aborted (once more to end at once)');
    this.#run.abort();
  }

  async #conclude(thrown: unknown): Promise<Ending> {
    const outputs = this.#outputs;
    const [ended] = await Promise.allSettled([this.#run.report()]);
    const report = ended.status === 'fulfilled' ? ended.value : undefined;
    const fatal: unknown = ended.status === 'rejected' ? ended.reason : undefined;
    await this.#runtime.close();
    this.#parts.display.stop();
    const isExplained = [undefined, fatal, report?.reason].includes(thrown) || outputs.error !== undefined;
    if (!isExplained) throw thrown;
    await outputs.commit(fatal === undefined);
    if (outputs.error instanceof ClosedPipe) return { code: EXIT.ok };
    const { succeeded, failed } = this.#run.progress;
    const hasOutcomes = succeeded + failed > 0;
    this.#isFutile = report === undefined ? !hasOutcomes : report.read === 0;
    const wrong = outputs.error ?? fatal;
    if (wrong !== undefined || report === undefined)
      throw this.#session?.explain(wrong, hasOutcomes) ?? classify(wrong);
    return this.#sumUp(report);
  }

  async #sumUp(report: Report): Promise<Ending> {
    const code = await this.#exitCode(report);
    const signal = this.#parts.signals.received;
    await closeSummary({
      ...this.#parts,
      report,
      results: this.#results,
      first: this.#feed.first,
      ending: signal === undefined ? { code } : { signal },
      session: this.#session,
    });
    return signal === undefined ? { code } : { signal };
  }

  /** Speaks of the whole session: also of failures of earlier runs that this one did not reach. */
  async #exitCode(report: Report): Promise<number> {
    if (report.failed > 0 || this.#results.unwritable !== undefined) return EXIT.failed;
    if (report.status !== 'aborted') return EXIT.ok;
    const isWhole = this.#parts.settings.flags.shard === undefined;
    const before = isWhole ? await this.#session?.failed() : 0;
    return before === undefined || before === 0 ? EXIT.stopped : EXIT.failed;
  }
}
