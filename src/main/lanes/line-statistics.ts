/** What a lane did for one run: how many calls, and what held them back for how long. */

import type { Bound } from './account.js';

/** What can hold the tasks of a run back. */
export type HeldBy = Bound | 'locks';

/** Collects the figures of one line. */
export class LineStatistics {
  starts = 0;
  /** Attempts that were repeated. */
  retries = 0;
  /** Attempts that cost the task nothing: throttled, or the provider was in trouble. */
  refunds = 0;
  pauses = 0;
  opened = 0;
  readonly #heldMs = new Map<HeldBy, number>();
  /** By what held it: the limit in words, and for how long. */
  readonly #texts = new Map<string, number>();
  #held: HeldBy | undefined;
  #text = '';
  #since = 0;

  /** From now on, tasks that could start otherwise are held by this; undefined: by nothing. */
  hold(by: HeldBy | undefined, text: string, now: number): void {
    if (by === this.#held && text === this.#text) return;
    if (this.#held !== undefined) {
      const ms = now - this.#since;
      this.#heldMs.set(this.#held, (this.#heldMs.get(this.#held) ?? 0) + ms);
      // To be asked to wait is no limit.
      const isLimit = this.#held !== 'pause' && this.#held !== 'breaker' && this.#held !== 'locks';
      if (isLimit) this.#texts.set(this.#text, (this.#texts.get(this.#text) ?? 0) + ms);
    }
    this.#held = by;
    this.#text = text;
    this.#since = now;
  }

  /** For how long tasks were held by this, in ms. */
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
