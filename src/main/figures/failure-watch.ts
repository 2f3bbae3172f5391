/** Failures of a run: grouped for the report, and counted against `failFast` and `maxFailures`. */

import { HeddleError } from '../../protocol/errors.js';
import { FailureGroups } from './failure-groups.js';

/** How many failures end a run; undefined: none do. */
export type FailureLimit = { readonly count: number } | { readonly share: number } | undefined;

/** With a share as limit and a batch of unknown length, the share counts only from here on. */
const MIN_SHARE_TASKS = 20;

/** Watches over the failures of one run. */
export class FailureWatch {
  readonly #limit: FailureLimit;
  readonly #groups = new FailureGroups();
  /** Failures of earlier runs: they do not end this one. */
  #before = 0;

  constructor(limit: FailureLimit) {
    this.#limit = limit;
  }

  /** A task that failed in an earlier run. */
  addEarlier(index: number, error: Error): void {
    this.#groups.add(index, error);
    this.#before++;
  }

  /**
   * A task has failed.
   *
   * @param total - length of the batch, if known
   * @param settled - tasks with an outcome
   * @returns the reason to end the run, if that is one too many
   */
  add(index: number, error: Error, total: number | undefined, settled: number): HeddleError | undefined {
    this.#groups.add(index, error);
    const limit = this.#limit;
    if (limit === undefined) return undefined;
    const failed = this.#groups.count - this.#before;
    const base = total ?? (settled >= MIN_SHARE_TASKS ? settled : undefined);
    const most =
      'count' in limit ? limit.count : base === undefined ? Number.POSITIVE_INFINITY : limit.share * base;
    if (failed <= most) return undefined;
    const told = 'count' in limit ? `${limit.count}` : `${Number((limit.share * 100).toPrecision(12))} %`;
    const message =
      `The run was ended: ${failed} ${failed === 1 ? 'task' : 'tasks'} failed, more than the ` +
      `${told} allowed; the first error: ${error.message}`;
    return new HeddleError('HEDDLE_TOO_MANY_FAILURES', message, { cause: error });
  }

  list(): ReturnType<FailureGroups['list']> {
    return this.#groups.list();
  }
}
