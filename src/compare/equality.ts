/**
 * Checks that all variants give the same outcomes.
 *
 * The outcomes of a plain loop are the reference. When a variant differs, the loop runs again: if it does not
 * agree with itself (the task draws random numbers or reads the clock), a warning says so and nothing more is
 * compared. Otherwise the variant runs again: a difference that does not come back is a warning too. One that
 * does is the fault of the variant, and ends the command.
 */

import { showInput } from '../text/shown-text.js';
import type { ChildProcess } from './child-process.js';
import { BenchProblem, type Round } from './child-protocol.js';
import { firstDifference } from './outcome-hashes.js';
import type { Sample } from './sample.js';

/** Compares rounds of variants with those of the loop. */
export class Equality {
  readonly #loop: ChildProcess;
  readonly #sample: Sample;
  readonly #reference: Uint8Array;
  /** Says that outcomes differ from run to run, if they do. */
  warning: string | undefined;

  constructor(loop: ChildProcess, sample: Sample, reference: Round) {
    this.#loop = loop;
    this.#sample = sample;
    this.#reference = reference.hashes ?? new Uint8Array();
  }

  /**
   * Checks the first round of a variant.
   *
   * @throws BenchProblem if the variant, and only it, gives other outcomes
   */
  async check(name: string, variant: ChildProcess, round: Round, deadline: number): Promise<void> {
    const at = this.#difference(round);
    if (at === -1 || this.warning !== undefined) return;
    const request = { type: 'round', hashes: true, times: false, show: at } as const;
    const loopAgain = await this.#loop.ask(request, deadline);
    const own = this.#difference(loopAgain);
    if (own !== -1) {
      this.warning =
        `results differ from run to run, first at ${this.#inputAt(own)}; ` +
        'whether all variants give the same cannot be checked';
      return;
    }
    const variantAgain = await variant.ask(request, deadline);
    if (this.#difference(variantAgain) === -1) {
      this.warning = `results differ from run to run: "${name}" gave another once, at ${this.#inputAt(at)}`;
      return;
    }
    const shown = variantAgain.shown ?? '';
    // An error of heddle itself says what to do.
    const advice = shown.includes('HEDDLE_')
      ? ''
      : '\nthe result of a task must not depend on the thread it runs on or on the tasks before it';
    throw new BenchProblem(
      `"${name}" gives other results than a plain loop on the main thread, first at ${this.#inputAt(at)}:\n` +
        `  plain loop: ${loopAgain.shown}\n  ${name}: ${shown}${advice}`,
    );
  }

  #difference({ hashes }: Round): number {
    return hashes === undefined ? -1 : firstDifference(this.#reference, hashes);
  }

  #inputAt(position: number): string {
    const { inputs, indexes } = this.#sample;
    return `input ${indexes[position]} (${showInput(inputs[position], 40)})`;
  }
}
