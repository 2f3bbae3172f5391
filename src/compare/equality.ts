/**
 * Whether all variants give the same results.
 *
 * The outcomes of a plain loop are the truth. When a variant differs, the loop is run again first: a task that does not even agree
 * with itself (it draws random numbers, reads the clock) is told as such, and nothing is compared any more. Then the variant is run
 * again: a difference that does not come back is the task's own as well. What is left is the variant's, and ends the command.
 */

import { showInput } from '../text/shown-text.js';
import type { ChildProcess } from './child-process.js';
import { firstDifference } from './outcome-hashes.js';
import { BenchProblem } from './problems.js';
import type { Round } from './protocol.js';
import type { Sample } from './sample.js';

/** Compares rounds of variants with those of the loop. */
export class Equality {
  readonly #loop: ChildProcess;
  readonly #sample: Sample;
  readonly #truth: Uint8Array;
  #warning: string | undefined;

  constructor(loop: ChildProcess, sample: Sample, truth: Round) {
    this.#loop = loop;
    this.#sample = sample;
    this.#truth = truth.hashes ?? new Uint8Array();
  }

  /** Says that results differ from run to run. */
  get warning(): string | undefined {
    return this.#warning;
  }

  /**
   * Looks at the first round of a variant.
   *
   * @throws BenchProblem when the variant, and only it, gives other results
   */
  async check(name: string, variant: ChildProcess, round: Round, deadline: number): Promise<void> {
    const at = this.#differs(round);
    if (at === -1 || this.#warning !== undefined) return;
    const again = await this.#loop.ask({ type: 'round', hashes: true, times: false, show: at }, deadline);
    const own = this.#differs(again);
    if (own !== -1) {
      this.#warning = `results differ from run to run, first at ${this.#inputAt(own)}; so it cannot be told whether all variants give the same`;
      return;
    }
    const second = await variant.ask({ type: 'round', hashes: true, times: false, show: at }, deadline);
    if (this.#differs(second) === -1) {
      this.#warning = `results differ from run to run: "${name}" gave another one once, at ${this.#inputAt(at)}`;
      return;
    }
    throw new BenchProblem(
      `"${name}" gives other results than a plain loop on the main thread, first at ${this.#inputAt(at)}:\n` +
        `  plain loop: ${again.shown}\n  ${name}: ${second.shown}${mend(second.shown)}`,
    );
  }

  #differs({ hashes }: Round): number {
    return hashes === undefined ? -1 : firstDifference(this.#truth, hashes);
  }

  #inputAt(position: number): string {
    const { inputs, indexes } = this.#sample;
    return `input ${indexes[position]} (${showInput(inputs[position], 40)})`;
  }
}

/** An error of heddle says itself what to do. */
function mend(shown = ''): string {
  if (shown.includes('HEDDLE_')) return '';
  return '\nwhat a task gives must not depend on the thread it runs on or on the tasks before it';
}
