/**
 * A wake-up call for the schedule: something may be startable now (a slot, an input, room in the output).
 *
 * `fire` only resolves a promise. So the schedule never runs within the call of something else, and code of
 * the caller (inputs, keys, callbacks, inline tasks) may call back into the run at any time.
 */
export class Wake {
  #isFired = false;
  #resolve: (() => void) | undefined;

  fire(): void {
    if (this.#resolve === undefined) this.#isFired = true;
    else this.#resolve();
    this.#resolve = undefined;
  }

  /** Resolves after the next call of `fire`, or at once if there was one since the last wait. */
  wait(): Promise<void> {
    if (this.#isFired) {
      this.#isFired = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }
}
