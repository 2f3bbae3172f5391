/**
 * The pilot: finds out how long a task takes, and with it how large the sample should be.
 *
 * Samples of 1, 4, 16, … evenly spread inputs are run until one takes PILOT_MS. So a batch of slow tasks is found out by its first task,
 * and for short ones the code is compiled by the time that counts.
 */

import { formatDuration } from '../text/durations.js';
import { showInput } from '../text/shown-text.js';
import type { ChildProcess } from './child-process.js';
import { BenchProblem, OutOfTime } from './problems.js';
import { type Candidates, pick, type Sample } from './sample.js';

/** What one task is like. */
export interface Pilot {
  readonly taskMs: number;
  /** Share of its time in which a task computes, 0 to 1. */
  readonly cpuShare: number;
  /** Bytes of input and value, and the time to copy both. */
  readonly payload: { readonly bytes: number; readonly moveMs: number };
}

const PILOT_MS = 200;
const GROWTH = 4;

/** @throws BenchProblem when not even that fits into the time */
export async function runPilot(
  child: ChildProcess,
  candidates: Candidates,
  deadline: number,
  maxMs: number,
): Promise<Pilot> {
  for (let size = 1; ; size *= GROWTH) {
    const sample = pick(candidates, size);
    try {
      await child.give(sample.inputs, deadline);
      const { ms, cpuMs } = await child.ask({ type: 'round', hashes: false, times: false }, deadline);
      const { length } = sample.inputs;
      if (ms < PILOT_MS && length < candidates.inputs.length) continue;
      const { bytes, moveMs } = await child.ask({ type: 'payload' }, deadline);
      return {
        taskMs: ms / length,
        cpuShare: Math.min(1, cpuMs / Math.max(ms, 1e-6)),
        payload: { bytes, moveMs },
      };
    } catch (error) {
      throw error instanceof OutOfTime ? tooSlow(sample, maxMs) : error;
    }
  }
}

function tooSlow({ inputs }: Sample, maxMs: number): BenchProblem {
  const which =
    inputs.length === 1
      ? `the task with the input ${showInput(inputs[0])}`
      : `a sample of ${inputs.length} tasks`;
  return new BenchProblem(
    `${which} did not end within ${formatDuration(maxMs)} on the main thread; if it does end, give more time with --max-time, ` +
      'else leave such inputs out, or end them with --timeout (only tasks that wait can be ended on the main thread)',
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
/** Tasks that wait need more of them side by side before more concurrency shows. */
const WAITING_TARGET_MS = 2000;
const LEAST = 16;
/** A round and its check of about ten variants, five times over, has to fit. */
const SHARE = 60;
/** How often a value is copied, or walked as if, by the time it is compared. */
const MOVES = 2;
/** Inputs of an automatic sample. */
export const MOST_AUTO = 100_000;

/** How many inputs to run. */
export function sampleSize({ asked, candidates, pilot, maxMs }: SizeRequest): number {
  if (asked !== 'auto') return Math.min(asked, candidates);
  const targetMs = targetOf(pilot, maxMs);
  // Large values take their time in threads and in the comparison of results, however short the task.
  const taskMs = Math.max(pilot.taskMs, pilot.payload.moveMs * MOVES, 1e-6);
  // A few tasks more than fit into the target, but never so many that two rounds are out of reach.
  const least = Math.max(2, Math.min(LEAST, Math.floor(maxMs / 20 / taskMs)));
  return Math.min(candidates, MOST_AUTO, Math.max(least, Math.round(targetMs / taskMs)));
}

/**
 * The size to try instead, once the sample was run; undefined when it will do. The pilot's few tasks may have been the short ones, or have
 * paid for compilation.
 */
export function betterSize(request: SizeRequest, count: number, tookMs: number): number | undefined {
  if (request.asked !== 'auto') return undefined;
  const targetMs = targetOf(request.pilot, request.maxMs);
  const isFar = tookMs < targetMs / 2 || tookMs > targetMs * 3;
  const pilot = { ...request.pilot, taskMs: tookMs / count };
  const better = sampleSize({ ...request, pilot });
  return isFar && better !== count ? better : undefined;
}

/** Below this share of computing, a task waits. */
export const WAITING_SHARE = 0.5;

/** Whether tasks wait rather than compute. */
export function waits({ cpuShare }: Pilot): boolean {
  return cpuShare < WAITING_SHARE;
}

/** How long the loop should take for the sample. */
function targetOf(pilot: Pilot, maxMs: number): number {
  return Math.min(waits(pilot) ? WAITING_TARGET_MS : TARGET_MS, (maxMs / SHARE) * (waits(pilot) ? 2 : 1));
}
