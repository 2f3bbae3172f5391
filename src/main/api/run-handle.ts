/**
 * The handle of a run.
 *
 * The outcomes of a run are read once, in one of four ways: by iteration, `outcomes()`, `values()`, or not at
 * all with `report()`. A run starts by itself and works ahead as far as the window allows.
 */

import { HeddleError, TasksFailedError } from '../../protocol/errors.js';
import type { Outcome } from '../../protocol/outcome.js';
import { number, optional } from '../../text/schema.js';
import type { Progress } from '../figures/counters.js';
import type { RunEvent } from '../figures/events.js';
import type { Report } from '../figures/report.js';
import { resolveWith } from '../options/option-checks.js';
import type { RunCore } from '../run/run.js';

const ITERATION = 'an iteration';

type Unsuccessful = Exclude<Outcome, { status: 'succeeded' }>;

const GRACE_MS = optional(number(0, Number.POSITIVE_INFINITY, 'a number of milliseconds, or Infinity'));

/** Failures that the message of `values()` names. */
const NAMED_FAILURES = 3;

/** Makes the handle of a run. */
export let makeRun: <Value>(core: RunCore) => Run<Value>;

/**
 * A run in progress: an async iterable of outcomes. Leaving the loop early aborts it and waits for its end.
 */
export class Run<Value = unknown> implements AsyncIterable<Outcome<Value>>, AsyncDisposable {
  readonly #core: RunCore;
  #reader: string | undefined;

  private constructor(core: RunCore) {
    this.#core = core;
  }

  static {
    makeRun = (core) => new Run(core);
  }

  /** A snapshot of what the run has done so far. */
  get progress(): Progress {
    return this.#core.progress();
  }

  /**
   * Outcomes as they come, in the order of the option `order`. After the last one the loop throws if the run
   * was aborted: the abort reason itself, or a HeddleError for what made the run impossible. Failed tasks are
   * outcomes, never thrown.
   */
  [Symbol.asyncIterator](): AsyncIterator<Outcome<Value>, undefined> {
    this.#claim(ITERATION);
    const { output } = this.#core;
    let isLeft = false;
    return {
      next: () =>
        isLeft
          ? Promise.resolve({ value: undefined, done: true })
          : (output.take() as Promise<IteratorResult<Outcome<Value>, undefined>>),
      return: async () => {
        isLeft = true;
        await this.close();
        return { value: undefined, done: true };
      },
    };
  }

  /** All outcomes as an array. Rejects like the iteration does. */
  async outcomes(): Promise<Outcome<Value>[]> {
    this.#claim('outcomes()');
    const all: Outcome<Value>[] = [];
    this.#core.output.drainInto((block) => {
      for (let i = 0; i < block.length; i++) all.push(block.at(i) as Outcome<Value>);
    });
    await this.#rejection();
    return all;
  }

  /**
   * The values of all tasks, in input order; with a shard, of its tasks.
   *
   * @throws {@link TasksFailedError} HEDDLE_TASKS_FAILED if any task has none; its `errors` and `indexes`
   *   list them
   */
  async values(): Promise<Value[]> {
    this.#claim('values()');
    const values: Value[] = [];
    const failures: Unsuccessful[] = [];
    this.#core.output.drainInto((block) => {
      for (let i = 0; i < block.length; i++) {
        if (block.status === 'succeeded') values[block.first + i] = block.valueAt(i) as Value;
        else failures.push(block.at(i) as Unsuccessful);
      }
    });
    await this.#rejection();
    failures.sort((a, b) => a.index - b.index);
    if (failures.length > 0) throw tasksFailed(failures, values.length);
    // The places of other shards' tasks are holes.
    return this.#core.isSharded ? values.filter(() => true) : values;
  }

  /**
   * The report, once the run is over; when nobody reads the outcomes they are dropped. Rejects only with what
   * made the run impossible, never for failed tasks or an abort.
   */
  async report(): Promise<Report> {
    // A caller may ask for the report first and iterate in the same breath.
    await Promise.resolve();
    if (this.#reader === undefined) {
      this.#claim('report()');
      this.#core.output.drainInto(() => {});
    }
    const report = await this.#core.ended;
    const { fatal } = this.#core.stop;
    if (fatal !== undefined) throw fatal.error;
    return report;
  }

  /** Everything that happens in the run, from now on. */
  events(): AsyncIterableIterator<RunEvent> {
    return this.#core.events.read();
  }

  /**
   * Starts nothing more and aborts `ctx.signal` of running tasks; ends them by force after the grace time.
   */
  abort(reason?: unknown): void {
    this.#core.abort(reason);
  }

  /**
   * Starts nothing more and lets running tasks finish; aborts after the grace time.
   *
   * @param graceMs - in ms; Infinity for as long as it takes. @defaultValue the option `graceMs`
   * @throws {@link OptionError} HEDDLE_INVALID_OPTION
   */
  drain(reason?: unknown, graceMs?: number): void {
    this.#core.drain(reason, resolveWith(GRACE_MS, graceMs, 'drain', ['graceMs']));
  }

  /** Aborts the run if it is not over, and waits until its resources are released. */
  async close(): Promise<void> {
    this.#core.abort(undefined);
    // Outcomes that are read by other means stay readable.
    if (this.#reader === undefined || this.#reader === ITERATION) this.#core.output.drainInto(() => {});
    await this.#core.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #claim(reader: string): void {
    if (this.#reader !== undefined) {
      throw new HeddleError(
        'HEDDLE_ALREADY_CONSUMED',
        `The outcomes of this run are already read by ${this.#reader}; they are given out once`,
      );
    }
    this.#reader = reader;
  }

  /** Waits for the end; throws what the iteration would throw. */
  async #rejection(): Promise<void> {
    await this.#core.ended;
    await this.#core.output.take();
  }
}

function tasksFailed(failures: readonly Unsuccessful[], total: number): TasksFailedError {
  const named = failures
    .slice(0, NAMED_FAILURES)
    .map(({ index, status, error }) => `input ${index} ${status}: ${error.name}: ${error.message}`);
  const more = failures.length > NAMED_FAILURES ? `; and ${failures.length - NAMED_FAILURES} more` : '';
  const count = Math.max(total, ...failures.slice(-1).map(({ index }) => index + 1));
  return new TasksFailedError(
    `${failures.length} of ${count} tasks have no value: ${named.join('; ')}${more}`,
    failures.map(({ error }) => error),
    failures.map(({ index }) => index),
  );
}
