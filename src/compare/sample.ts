/**
 * The sample: how many inputs of the batch are run, and which. They are spread evenly over the whole batch.
 *
 * A pilot finds out how long a task takes: it runs 1, 4, 16, … inputs until they take PILOT_MS. So the first
 * task is enough for a batch of slow ones, and the code of short ones is compiled by the time that counts.
 */

import { formatDuration } from '../text/durations.js';
import { showInput } from '../text/shown-text.js';
import { type ChildProcess, OutOfTime } from './child-process.js';
import { BenchProblem, type Payload } from './child-protocol.js';

/** Inputs to choose from. */
export interface Candidates {
  readonly inputs: readonly unknown[];
  /** How far apart they are in the batch. */
  readonly step: number;
  /** Inputs of the batch; undefined for a stream that was not read to its end. */
  readonly total: number | undefined;
  /** Rows that could not be used. */
  readonly badRows: number;
}

/** Inputs to run. */
export interface Sample {
  readonly inputs: readonly unknown[];
  /** Position in the batch of each. */
  readonly indexes: readonly number[];
}

/** Chooses `count` of the candidates, evenly spread. */
export function pick({ inputs, step }: Candidates, count: number): Sample {
  const most = Math.min(count, inputs.length);
  const places = Array.from({ length: most }, (_, i) => Math.floor((i * inputs.length) / most));
  return {
    inputs: places.map((place) => inputs[place]),
    indexes: places.map((place) => place * step),
  };
}

/** What one task is like. */
export interface Pilot {
  readonly taskMs: number;
  /** Share of its time in which a task computes, 0 to 1. */
  readonly cpuShare: number;
  readonly payload: Payload;
}

/** A task that computes for a smaller share of its time waits. */
export const WAITING_SHARE = 0.5;

const PILOT_MS = 200;
const GROWTH = 4;

/** @throws BenchProblem if the pilot does not fit into the time */
export async function runPilot(
  child: Pick<ChildProcess, 'ask' | 'give'>,
  candidates: Candidates,
  deadline: number,
  maxMs: number,
): Promise<Pilot> {
  for (let size = 1; ; size *= GROWTH) {
    const { inputs } = pick(candidates, size);
    try {
      await child.give(inputs, deadline);
      const { ms, cpuMs } = await child.ask({ type: 'round', hashes: false, times: false }, deadline);
      if (ms < PILOT_MS && inputs.length < candidates.inputs.length) continue;
      const payload = await child.ask({ type: 'payload' }, deadline);
      return {
        taskMs: ms / inputs.length,
        cpuShare: Math.min(1, cpuMs / Math.max(ms, 1e-6)),
        payload,
      };
    } catch (error) {
      throw error instanceof OutOfTime ? tooSlow(inputs, maxMs) : error;
    }
  }
}

function tooSlow(inputs: readonly unknown[], maxMs: number): BenchProblem {
  const which =
    inputs.length === 1
      ? `the task with the input ${showInput(inputs[0])}`
      : `a sample of ${inputs.length} tasks`;
  return new BenchProblem(
    `${which} did not end within ${formatDuration(maxMs)} on the main thread; if it ends later, raise ` +
      '--max-time; if it never ends, leave such inputs out, or end them with --timeout ' +
      '(on the main thread that ends only tasks that wait)',
  );
}

/** What the size of a sample depends on. */
export interface SizeRequest {
  readonly asked: number | 'auto';
  readonly candidates: number;
  readonly pilot: Pilot;
  readonly maxMs: number;
}

const TARGET_MS = 1000;
/** Tasks that wait need more of them side by side before concurrency shows. */
const WAITING_TARGET_MS = 2000;
/** Five rounds of about ten variants, and their checks, must fit into the time. */
const SHARE = 60;
const LEAST = 16;
/** How often a value is copied, or walked, until it is compared. */
const MOVES = 2;
/** Inputs of an automatic sample. */
export const MOST_AUTO = 100_000;

/** How many inputs to run. */
export function sampleSize({ asked, candidates, pilot, maxMs }: SizeRequest): number {
  if (asked !== 'auto') return Math.min(asked, candidates);
  // Large values take their time in threads and when results are compared, however short the task is.
  const taskMs = Math.max(pilot.taskMs, pilot.payload.moveMs * MOVES, 1e-6);
  // A few tasks more than fit into the target, but never so many that two rounds do not fit into the time.
  const least = Math.max(2, Math.min(LEAST, Math.floor(maxMs / 20 / taskMs)));
  return Math.min(candidates, MOST_AUTO, Math.max(least, Math.round(targetOf(pilot, maxMs) / taskMs)));
}

/**
 * A better size after the sample took `tookMs`; undefined if this one will do. The few tasks of the pilot may
 * have been the short ones, or have paid for compilation.
 */
export function betterSize(request: SizeRequest, count: number, tookMs: number): number | undefined {
  if (request.asked !== 'auto') return undefined;
  const targetMs = targetOf(request.pilot, request.maxMs);
  const isFar = tookMs < targetMs / 2 || tookMs > targetMs * 3;
  const pilot = { ...request.pilot, taskMs: tookMs / count };
  const better = sampleSize({ ...request, pilot });
  return isFar && better !== count ? better : undefined;
}

/** How long the loop should take for the sample. */
function targetOf({ cpuShare }: Pilot, maxMs: number): number {
  return cpuShare < WAITING_SHARE
    ? Math.min(WAITING_TARGET_MS, (maxMs / SHARE) * 2)
    : Math.min(TARGET_MS, maxMs / SHARE);
}
