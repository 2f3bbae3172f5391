/** Figures of one line of a run: how many calls started, what held others back, and for how long. */

import type { HeldBy } from './lane-report.js';

/** Collects the figures of one line. */
export class LineStatistics {
  starts = 0;
  /** Repeated attempts that were charged. */
  retries = 0;
  /** Repeated attempts that cost nothing: throttled, or the provider was in trouble. */
  refunds = 0;
  pauses = 0;
  opened = 0;
  readonly #heldMs = new Map<HeldBy, number>();
  /** How long each limit held tasks, by its words. */
  readonly #texts = new Map<string, number>();
  #held: HeldBy | undefined;
  #text = '';
  #since = 0;

  /** From now on, ready tasks are held back by this; undefined: by nothing. */
  hold(by: HeldBy | undefined, text: string, now: number): void {
    if (by === this.#held && text === this.#text) return;
    if (this.#held !== undefined) {
      const ms = now - this.#since;
      this.#heldMs.set(this.#held, (this.#heldMs.get(this.#held) ?? 0) + ms);
      // A pause, a breaker or a lock is no declared limit.
      const isLimit = this.#held !== 'pause' && this.#held !== 'breaker' && this.#held !== 'locks';
      if (isLimit) this.#texts.set(this.#text, (this.#texts.get(this.#text) ?? 0) + ms);
    }
    this.#held = by;
    this.#text = text;
    this.#since = now;
  }

  /** Returns how long tasks were held by this, in ms. */
  heldMs(by: HeldBy): number {
    return this.#heldMs.get(by) ?? 0;
  }

  /** The limit that held them longest, in words. */
  get longest(): { readonly text: string; readonly ms: number } | undefined {
    let longest: { readonly text: string; readonly ms: number } | undefined;
    for (const [text, ms] of this.#texts)
      if (longest === undefined || ms > longest.ms) longest = { text, ms };
    return longest;
  }
}
