/**
 * Why threads are not faster than they are: the first reason that the figures show, with the figures.
 *
 * Only what was measured is said. The order is from what a user can change most easily to what nobody can.
 */

import { formatBytes, plural } from '../text/durations.js';
import type { Figures, Measured } from './figures.js';
import { WAITING_SHARE } from './pilot.js';
import { percent, time } from './words.js';

/** A reason: a name for programs, words for people. */
export interface Reason {
  readonly name: 'waits' | 'payload' | 'small' | 'few' | 'one-core' | 'contention' | 'busy' | 'unknown';
  readonly text: string;
}

/** Copying is to blame when it costs that much of a task's own time, and there is something to copy. */
const PAYLOAD_SHARE = 0.25;
const PAYLOAD_BYTES = 4096;
/** Handing over costs a few microseconds; a task that takes longer than this is not too small. */
const SMALL_MS = 0.05;
const CONTENTION = 1.25;
const BUSY_SHARE = 0.75;

/** @param threaded - the variant with threads of which it is asked */
export function reasonFor(figures: Figures, loop: Measured, threaded: Measured): Reason {
  return (
    waits(figures) ??
    payload(figures, loop) ??
    small(figures, loop, threaded) ??
    few(figures, threaded) ??
    machine(figures, loop, threaded) ?? {
      name: 'unknown',
      text: 'these figures do not show why; a few long tasks at the end of the sample leave threads idle, for one',
    }
  );
}

function waits({ cpuShare }: Figures): Reason | undefined {
  if (cpuShare >= WAITING_SHARE) return undefined;
  return { name: 'waits', text: `the tasks wait: they compute ${percent(cpuShare)} of their time` };
}

function payload(figures: Figures, loop: Measured): Reason | undefined {
  const { bytes, moveMs } = figures.payload;
  const taskMs = loop.timing.medianMs / figures.sample.count;
  if (bytes < PAYLOAD_BYTES || moveMs < taskMs * PAYLOAD_SHARE) return undefined;
  const share = moveMs / (moveMs + taskMs);
  return {
    name: 'payload',
    text: `inputs and values are large: ${percent(Math.min(share, 0.99))} of the time goes into copying them (${formatBytes(bytes)} a task); pass paths, and read and write files in the task`,
  };
}

function small({ sample }: Figures, loop: Measured, threaded: Measured): Reason | undefined {
  const taskMs = loop.timing.medianMs / sample.count;
  const wholeMs = threaded.timing.medianMs / sample.count;
  if (taskMs >= SMALL_MS) return undefined;
  return {
    name: 'small',
    text:
      wholeMs > taskMs
        ? `a task takes ${time(taskMs)}, less than handing it to a thread (${time(wholeMs)})`
        : `a task takes ${time(taskMs)}, of which handing it to a thread is a large part; give each task more to do`,
  };
}

function few({ sample }: Figures, { variant }: Measured): Reason | undefined {
  if (sample.count >= variant.threads * 2) return undefined;
  return {
    name: 'few',
    text: `${plural(sample.count, 'task')} on ${plural(variant.threads, 'thread')}: some have nothing to do`,
  };
}

function machine(
  { cores }: Figures,
  loop: Measured,
  { variant, cpuMs, timing }: Measured,
): Reason | undefined {
  if (cores === 1) return { name: 'one-core', text: 'this process may use one processor only' };
  const more = cpuMs / Math.max(loop.cpuMs, 1e-6);
  if (more > CONTENTION)
    return {
      name: 'contention',
      text: `the threads slow each other down: together they compute ${more.toFixed(1)} times as long as the loop (shared caches, memory, locks, or processors that are two halves of one)`,
    };
  const busy = cpuMs / timing.medianMs;
  const wanted = Math.min(variant.threads, cores);
  if (busy < wanted * BUSY_SHARE)
    return {
      name: 'busy',
      text: `the threads had ${busy.toFixed(1)} of ${wanted} processors: other programs, the disk, or a few long tasks at the end took the rest`,
    };
  return undefined;
}
