/**
 * The verdict: which flags to use, in one sentence with the figures it stands on. A pure function of what was measured.
 *
 * Of the variants that no other beats (judge.ts says what that means), the simplest is recommended: the one with the fewest flags, so
 * `heddle run` as it is if that will do.
 */

import { plural } from '../text/durations.js';
import { type Figures, type Measured, startOf } from './figures.js';
import { efficiencyOf, isQuicker, Judge, speedupOf } from './judge.js';
import { type Reason, reasonFor } from './reasons.js';
import { percent, time, times } from './words.js';

/** What to do. */
export interface Verdict {
  readonly kind: 'threads' | 'inline' | 'concurrency';
  /** The variant that is recommended. */
  readonly name: string;
  /** For `heddle run`. */
  readonly flags: readonly string[];
  readonly speedup: number;
  /** Why parallel is slower, or not much faster; undefined when it is. */
  readonly reason: Reason['name'] | 'start' | undefined;
  readonly text: string;
  readonly notes: readonly string[];
}

/** An efficiency below this is worth a word. */
const GOOD_EFFICIENCY = 0.7;

/** @returns undefined when no variant of heddle was measured */
export function verdictOf(figures: Figures): Verdict | undefined {
  const loop = figures.measured.find(({ variant }) => variant.kind === 'loop');
  const options = figures.measured.filter(({ variant }) => variant.flags !== undefined).sort(bySimplicity);
  if (loop === undefined) return undefined;
  const judge = new Judge(figures);
  const chosen = options.find((option) => !options.some((other) => judge.isBetter(other, option)));
  if (chosen === undefined) return undefined;
  const said = new Words(figures, loop, options, judge).of(chosen);
  const { name, flags = [] } = chosen.variant;
  return { name, flags, speedup: speedupOf(loop, chosen), ...said };
}

function bySimplicity(a: Measured, b: Measured): number {
  const { variant: left } = a;
  const { variant: right } = b;
  return (
    (left.flags?.length ?? 0) - (right.flags?.length ?? 0) ||
    left.threads - right.threads ||
    left.concurrency - right.concurrency
  );
}

type Said = Pick<Verdict, 'kind' | 'reason' | 'text' | 'notes'>;

/** Puts a choice into words. */
class Words {
  readonly #figures: Figures;
  readonly #loop: Measured;
  readonly #options: readonly Measured[];
  readonly #judge: Judge;

  constructor(figures: Figures, loop: Measured, options: readonly Measured[], judge: Judge) {
    this.#figures = figures;
    this.#loop = loop;
    this.#options = options;
    this.#judge = judge;
  }

  of(chosen: Measured): Said {
    const { kind, concurrency, threads } = chosen.variant;
    if (concurrency > threads) return this.#concurrent(chosen);
    return kind === 'inline' ? this.#inline(chosen) : this.#threaded(chosen);
  }

  #concurrent(chosen: Measured): Said {
    const { cpuShare } = this.#figures;
    const reason = reasonFor(this.#figures, this.#loop, chosen).name === 'waits' ? 'waits' : undefined;
    const why =
      reason === 'waits'
        ? `the tasks wait (they compute ${percent(cpuShare)} of their time), so more of them at once help, more threads do not: `
        : '';
    const text = `${why}${shown(chosen)} ${this.#factor(chosen)} as fast as one at a time`;
    return { kind: 'concurrency', reason, text, notes: [] };
  }

  #inline(chosen: Measured): Said {
    const threaded = this.#bestThreaded();
    const notes = this.#loopNotes(chosen);
    if (threaded === undefined)
      return {
        kind: 'inline',
        reason: undefined,
        text: 'nothing with threads was measured; give it more time (--max-time)',
        notes,
      };
    const startMs = startOf(this.#figures, threaded);
    const isOverBefore = this.#figures.sample.total !== undefined && startMs > this.#judge.wholeMs(chosen);
    if (isOverBefore || isQuicker(threaded, chosen)) {
      const text = `run it on the main thread: starting ${plural(threaded.variant.threads, 'thread')} takes ${time(startMs)}, the whole batch ${time(this.#judge.wholeMs(chosen))}`;
      return { kind: 'inline', reason: 'start', text, notes };
    }
    const { name, text } = reasonFor(this.#figures, this.#loop, threaded);
    return { kind: 'inline', reason: name, text: `run it on the main thread: ${text}`, notes };
  }

  #threaded(chosen: Measured): Said {
    const loop = this.#loop;
    const efficiency = efficiencyOf(loop, chosen) ?? 1;
    const { name, text: reason } = reasonFor(this.#figures, loop, chosen);
    if (!this.#judge.isFaster(chosen, loop)) {
      const startMs = startOf(this.#figures, chosen);
      const isStart = isQuicker(chosen, loop);
      const { threads, flags } = chosen.variant;
      const why = isStart
        ? `starting ${plural(threads, 'thread')} takes ${time(startMs)}, which eats up what ${threads === 1 ? 'it gains' : 'they gain'}`
        : reason;
      const rest = flags?.length === 0 ? 'no flag makes it faster' : 'these flags do the least harm';
      const text = this.#judge.isBetter(loop, chosen)
        ? `a plain loop is ${times(this.#judge.wholeMs(chosen) / this.#judge.wholeMs(loop))} as fast as threads: ${why}; if it is to be heddle, ${rest}`
        : `threads bring nothing over a plain loop: ${why}; ${rest}`;
      return {
        kind: 'threads',
        reason: isStart ? 'start' : name,
        text,
        notes: [],
      };
    }
    const isPoor = efficiency < GOOD_EFFICIENCY;
    return {
      kind: 'threads',
      reason: isPoor ? name : undefined,
      text: `${shown(chosen)} ${this.#factor(chosen)} as fast as a plain loop (${percent(efficiency)} efficiency)`,
      notes: [
        ...(isPoor ? [`${percent(efficiency)} efficiency: ${reason}`] : []),
        ...this.#startNotes(chosen),
      ],
    };
  }

  #factor(measured: Measured): string {
    return times(speedupOf(this.#loop, measured));
  }

  /** With the most threads, whatever else. */
  #bestThreaded(): Measured | undefined {
    return this.#options
      .filter(({ variant }) => variant.kind === 'threads')
      .toSorted((a, b) => b.variant.threads - a.variant.threads || a.timing.medianMs - b.timing.medianMs)[0];
  }

  /** What the loop can do that heddle cannot is told as well. */
  #loopNotes(chosen: Measured): string[] {
    if (!isQuicker(this.#loop, chosen)) return [];
    const { count } = this.#figures.sample;
    return [
      `a plain loop without heddle is faster still: ${time(this.#loop.timing.medianMs / count)} a task, with heddle on the main thread ${time(chosen.timing.medianMs / count)}`,
    ];
  }

  #startNotes(chosen: Measured): string[] {
    const { timing, variant } = chosen;
    const startMs = startOf(this.#figures, chosen);
    const wholeMs = this.#judge.wholeMs(chosen);
    if (this.#figures.sample.total === undefined || startMs < wholeMs * 0.25 || startMs > wholeMs) return [];
    return [
      `starting ${plural(variant.threads, 'thread')} takes ${time(startMs)} of the ${time(wholeMs)} that the whole batch takes (a round: ${time(timing.medianMs)})`,
    ];
  }
}

/** "2 threads with --chunk 16 are" */
function shown({ variant: { name, threads } }: Measured): string {
  const words = name.replace(', chunk ', ' with --chunk ').replace(', -c ', ' with -c ');
  return `${words} ${threads === 1 ? 'is' : 'are'}`;
}
