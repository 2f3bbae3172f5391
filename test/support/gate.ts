/** A promise that a test resolves when what it waits for has happened. */

export class Gate {
  readonly opened: Promise<void>;
  #resolve = () => {};

  constructor() {
    this.opened = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  open(): void {
    this.#resolve();
  }
}
