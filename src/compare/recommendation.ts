/**
 * The recommendation: which flags to use, in one sentence with the figures that support it. A pure function
 * of the figures.
 *
 * Of the variants that no other beats, the simplest is recommended: the one with the fewest flags, so `heddle
 * run` without flags if that will do.
 */

import { plural } from '../text/durations.js';
import {
  efficiencyOf,
  type Figures,
  isBetter,
  isFaster,
  isQuicker,
  type Measured,
  percent,
  speedupOf,
  startOf,
  time,
  times,
  wholeMs,
} from './figures.js';
import { type Reason, reasonFor } from './reasons.js';
import { WAITING_SHARE } from './sample.js';

export interface Recommendation {
  readonly kind: 'threads' | 'inline' | 'concurrency';
  /** Name of the variant. */
  readonly name: string;
  /** Flags of `heddle run`. */
  readonly flags: readonly string[];
  readonly speedup: number;
  /** Why threads are slower, or not much faster; undefined if they are much faster. */
  readonly reason: Reason['name'] | undefined;
  readonly text: string;
  readonly notes: readonly string[];
}

type Wording = Pick<Recommendation, 'kind' | 'reason' | 'text' | 'notes'>;

/** What the wording depends on. */
interface Choice {
  readonly figures: Figures;
  readonly loop: Measured;
  readonly chosen: Measured;
  /** The variant with the most threads; of several, the quickest. */
  readonly threaded: Measured | undefined;
}

/** A lower efficiency is explained. */
const GOOD_EFFICIENCY = 0.7;

/** @returns undefined if no variant of heddle was measured */
export function recommend(figures: Figures): Recommendation | undefined {
  const loop = figures.measured.find(({ variant }) => variant.kind === 'loop');
  const options = figures.measured.filter(({ variant }) => variant.flags !== undefined).sort(bySimplicity);
  const chosen = options.find((option) => !options.some((other) => isBetter(figures, other, option)));
  if (loop === undefined || chosen === undefined) return undefined;
  const threaded = options
    .filter(({ variant }) => variant.kind === 'threads')
    .sort((a, b) => b.variant.threads - a.variant.threads || a.timing.medianMs - b.timing.medianMs)[0];
  const { name, flags = [] } = chosen.variant;
  return { name, flags, speedup: speedupOf(loop, chosen), ...worded({ figures, loop, chosen, threaded }) };
}

function bySimplicity({ variant: a }: Measured, { variant: b }: Measured): number {
  return (
    (a.flags?.length ?? 0) - (b.flags?.length ?? 0) || a.threads - b.threads || a.concurrency - b.concurrency
  );
}

function worded(choice: Choice): Wording {
  const { figures, loop, chosen } = choice;
  const { kind, concurrency, threads } = chosen.variant;
  if (concurrency > threads) return concurrent(choice);
  if (kind === 'inline') return inline(choice);
  return isFaster(figures, chosen, loop) ? fasterThreads(choice) : slowThreads(choice);
}

function concurrent({ figures, loop, chosen }: Choice): Wording {
  const text = `${speedText(loop, chosen)} one at a time`;
  if (figures.cpuShare >= WAITING_SHARE) return { kind: 'concurrency', reason: undefined, text, notes: [] };
  const waits =
    `the tasks wait (they compute ${percent(figures.cpuShare)} of their time), ` +
    'so more of them at once help, more threads do not';
  return { kind: 'concurrency', reason: 'waits', text: `${waits}: ${text}`, notes: [] };
}

function inline({ figures, loop, chosen, threaded }: Choice): Wording {
  const { count, total } = figures.sample;
  const perTask = ({ timing }: Measured) => time(timing.medianMs / count);
  const note =
    `a plain loop without heddle is faster still: ${perTask(loop)} a task, ` +
    `with heddle on the main thread ${perTask(chosen)}`;
  const notes = isQuicker(loop, chosen) ? [note] : [];
  if (threaded === undefined) {
    const text = 'nothing with threads was measured; give it more time (--max-time)';
    return { kind: 'inline', reason: undefined, text, notes };
  }
  const batchMs = wholeMs(figures, chosen);
  const isOverFirst = total !== undefined && startOf(figures, threaded) > batchMs;
  const reason: Reason =
    isOverFirst || isQuicker(threaded, chosen)
      ? { name: 'start', text: `${startText(figures, threaded)}, the whole batch ${time(batchMs)}` }
      : reasonFor(figures, loop, threaded);
  return { kind: 'inline', reason: reason.name, text: `run it on the main thread: ${reason.text}`, notes };
}

function slowThreads({ figures, loop, chosen }: Choice): Wording {
  const { threads, flags } = chosen.variant;
  const saves = threads === 1 ? 'it saves' : 'they save';
  const { name: reason, text: why }: Reason = isQuicker(chosen, loop)
    ? { name: 'start', text: `${startText(figures, chosen)}, more than ${saves}` }
    : reasonFor(figures, loop, chosen);
  const rest = flags?.length === 0 ? 'no flag makes it faster' : 'these flags cost the least';
  const factor = times(wholeMs(figures, chosen) / wholeMs(figures, loop));
  const text = isBetter(figures, loop, chosen)
    ? `a plain loop is ${factor} as fast as threads: ${why}; with heddle, ${rest}`
    : `threads are no faster than a plain loop: ${why}; ${rest}`;
  return { kind: 'threads', reason, text, notes: [] };
}

function fasterThreads({ figures, loop, chosen }: Choice): Wording {
  const efficiency = efficiencyOf(loop, chosen) ?? 1;
  const reason = efficiency < GOOD_EFFICIENCY ? reasonFor(figures, loop, chosen) : undefined;
  const notes = reason === undefined ? [] : [`${percent(efficiency)} efficiency: ${reason.text}`];
  const startMs = startOf(figures, chosen);
  const batchMs = wholeMs(figures, chosen);
  if (figures.sample.total !== undefined && startMs >= batchMs * 0.25 && startMs <= batchMs)
    notes.push(
      `${startText(figures, chosen)} of the ${time(batchMs)} that the whole batch takes ` +
        `(a round: ${time(chosen.timing.medianMs)})`,
    );
  const text = `${speedText(loop, chosen)} a plain loop (${percent(efficiency)} efficiency)`;
  return { kind: 'threads', reason: reason?.name, text, notes };
}

/** "starting 2 threads takes 45 ms" */
function startText(figures: Figures, measured: Measured): string {
  const threads = plural(measured.variant.threads, 'thread');
  return `starting ${threads} takes ${time(startOf(figures, measured))}`;
}

/** "2 threads with --chunk 16 are 1.73x as fast as" */
function speedText(loop: Measured, measured: Measured): string {
  const { name, threads } = measured.variant;
  const shown = name.replace(', chunk ', ' with --chunk ').replace(', -c ', ' with -c ');
  return `${shown} ${threads === 1 ? 'is' : 'are'} ${times(speedupOf(loop, measured))} as fast as`;
}
