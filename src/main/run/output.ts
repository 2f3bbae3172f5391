/**
 * Outcomes on their way to the consumer: order and backpressure.
 *
 * Outcomes arrive in blocks of consecutive indexes. In input order a block waits until all before it were
 * given out; in completion order it is given out as it comes. `delivered` counts what the consumer has taken:
 * the scheduler reads no further than a window ahead of it, which bounds what can pile up here.
 *
 *   blocks that wait:   { 0: [..] }   { 4: [. . .] }        indexes 1..3 are missing
 *   ready:              [..] → consumer
 */

import type { Outcome } from '../../protocol/outcome.js';
import { onNextTurn } from '../../protocol/turn.js';
import type { OutcomeBlock } from './outcome-block.js';

/** Tasks of other shards. */
interface Gap {
  readonly length: number;
}

type Waiter = {
  readonly resolve: (result: IteratorResult<Outcome, undefined>) => void;
  readonly reject: (error: unknown) => void;
};

/** Outcomes that are given out before the event loop turns. */
const TURN_EVERY = 256;

/** Outcomes to take before the schedule is woken: waking it for each would cost more than a small task. */
const TELL_EVERY = 32;

/** The queue between the coordinator and one consumer. */
export class Output {
  /** Outcomes of this run that the consumer took. Outcomes of earlier runs stay on disk and do not count. */
  delivered = 0;
  readonly #isOrdered: boolean;
  readonly #onSpace: () => void;
  readonly #onBroken: (error: unknown) => void;
  readonly #waiting = new Map<number, OutcomeBlock | Gap>();
  readonly #waiters: Waiter[] = [];
  #ready: OutcomeBlock[] = [];
  /** Place of the next outcome in the first ready block. */
  #cursor = 0;
  #next = 0;
  #untold = 0;
  #sink: ((block: OutcomeBlock) => void) | undefined;
  #end: { readonly error: unknown } | undefined;
  #isBroken = false;
  #takenInARow = 0;
  #onTaken: () => void = () => {};
  /** Fulfils when the end has come and the consumer has taken, or dropped, all that was there. */
  readonly taken: Promise<void> = new Promise((resolve) => {
    this.#onTaken = resolve;
  });

  /**
   * @param order - in which outcomes are given out
   * @param onSpace - called after the consumer took some
   * @param onBroken - called when an outcome of an earlier run cannot be read; it is left out
   */
  constructor(order: 'input' | 'completion', onSpace: () => void, onBroken: (error: unknown) => void) {
    this.#isOrdered = order === 'input';
    this.#onSpace = onSpace;
    this.#onBroken = onBroken;
  }

  /** Adds the outcomes of consecutive tasks. */
  push(block: OutcomeBlock): void {
    if (this.#isBroken) return;
    if (!this.#isOrdered) {
      this.#ready.push(block);
    } else if (block.first === this.#next) {
      this.#ready.push(block);
      this.#next += block.length;
      this.#releaseWaiting();
    } else {
      this.#waiting.set(block.first, block);
    }
    this.#serve();
  }

  /** These tasks of the batch are not this run's: nobody waits for them. */
  pass(first: number, length: number): void {
    if (!this.#isOrdered) return;
    this.#waiting.set(first, { length });
    this.#releaseWaiting();
    this.#serve();
  }

  /** Nothing more will come. The consumer gets what is there, then the end, or the error. */
  end(error: unknown): void {
    this.#end ??= { error };
    this.#serve();
    this.#tellTaken();
  }

  /** Takes the next outcome. */
  take(): Promise<IteratorResult<Outcome, undefined>> {
    const outcome = this.#shift();
    if (outcome !== undefined) return this.#paced({ value: outcome, done: false });
    if (this.#end === undefined)
      return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
    const { error } = this.#end;
    this.#end = { error: undefined };
    return error === undefined ? Promise.resolve({ value: undefined, done: true }) : Promise.reject(error);
  }

  /** From now on everything goes straight to a function, block by block. Not to be mixed with `take`. */
  drainInto(sink: (block: OutcomeBlock) => void): void {
    this.#dropTaken();
    this.#sink = sink;
    this.#serve();
    this.#tellTaken();
  }

  #releaseWaiting(): void {
    if (this.#waiting.size === 0) return;
    for (
      let block = this.#waiting.get(this.#next);
      block !== undefined;
      block = this.#waiting.get(this.#next)
    ) {
      this.#waiting.delete(this.#next);
      if ('status' in block) this.#ready.push(block);
      this.#next += block.length;
    }
  }

  #serve(): void {
    if (this.#sink !== undefined) this.#drain(this.#sink);
    while (this.#ready.length > 0 && this.#waiters.length > 0) {
      const outcome = this.#shift();
      if (outcome !== undefined) this.#waiters.shift()?.resolve({ value: outcome, done: false });
    }
    if (this.#end === undefined || this.#ready.length > 0) return;
    for (const { resolve, reject } of this.#waiters.splice(0)) {
      const { error } = this.#end;
      this.#end = { error: undefined };
      if (error === undefined) resolve({ value: undefined, done: true });
      else reject(error);
    }
  }

  #drain(sink: (block: OutcomeBlock) => void): void {
    const blocks = this.#ready;
    this.#ready = [];
    for (const block of blocks) {
      this.#guard(() => sink(block));
      if (this.#isBroken) return;
      if (!block.isResumed) this.delivered += block.length;
    }
    if (blocks.length > 0) this.#onSpace();
  }

  /** A consumer that took outcomes one by one and then left may have left within a block. */
  #dropTaken(): void {
    if (this.#cursor === 0) return;
    const block = this.#ready.shift();
    if (block?.isResumed === false) this.delivered += block.length - this.#cursor;
    this.#cursor = 0;
  }

  /**
   * Reads outcomes of earlier runs from the disk. If one cannot be read, nothing more is given out, and the
   * consumer gets the error in place of the end.
   */
  #guard<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      this.#isBroken = true;
      this.#ready = [];
      this.#cursor = 0;
      this.#waiting.clear();
      const isOver = this.#end !== undefined;
      this.#end = { error };
      if (isOver) this.#tellTaken();
      this.#onBroken(error);
      return undefined;
    }
  }

  /** Outcomes that are ready come without a wait, so other work gets a turn now and then. */
  #paced(result: IteratorResult<Outcome, undefined>): Promise<IteratorResult<Outcome, undefined>> {
    if (++this.#takenInARow % TURN_EVERY !== 0) return Promise.resolve(result);
    return new Promise((resolve) => onNextTurn(resolve, result));
  }

  #tellTaken(): void {
    if (this.#end !== undefined && this.#ready.length === 0) this.#onTaken();
  }

  #shift(): Outcome | undefined {
    const block = this.#ready[0];
    if (block === undefined) return undefined;
    const outcome = this.#guard(() => block.at(this.#cursor));
    if (outcome === undefined) return undefined;
    this.#cursor++;
    if (this.#cursor === block.length) {
      this.#ready.shift();
      this.#cursor = 0;
      this.#tellTaken();
    }
    if (!block.isResumed) this.delivered++;
    this.#untold++;
    if (this.#untold >= TELL_EVERY || this.#ready.length === 0) {
      this.#untold = 0;
      this.#onSpace();
    }
    return outcome;
  }
}
