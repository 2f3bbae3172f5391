/**
 * Why threads are not faster than they are: the first reason that the figures show. What a user can change
 * comes first.
 */

import { formatBytes, plural } from '../text/durations.js';
import { type Figures, type Measured, percent, time } from './figures.js';
import { WAITING_SHARE } from './sample.js';

type Cause = 'waits' | 'payload' | 'small' | 'few' | 'one-core' | 'contention' | 'busy' | 'unknown';

/** A name for programs, a text for people. */
export interface Reason {
  readonly name: Cause | 'start';
  readonly text: string;
}

/** Copying is the reason if it costs this share of a task's own time, and there is something to copy. */
const PAYLOAD_SHARE = 0.25;
const PAYLOAD_BYTES = 4096;
/** Passing a task on costs a few microseconds; a longer task is not too small. */
const SMALL_MS = 0.05;
const CONTENTION = 1.25;
const BUSY_SHARE = 0.75;

/** @param threaded - a variant with threads */
export function reasonFor(figures: Figures, loop: Measured, threaded: Measured): Reason {
  return (
    waits(figures) ??
    payload(figures, loop) ??
    small(figures, loop, threaded) ??
    few(figures, threaded) ??
    machine(figures, loop, threaded) ?? {
      name: 'unknown',
      text:
        'the figures do not show why; ' +
        'one possible cause: a few long tasks at the end of the sample leave threads idle',
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
  const share = percent(Math.min(moveMs / (moveMs + taskMs), 0.99));
  return {
    name: 'payload',
    text:
      `inputs and values are large: ${share} of the time goes into copying them ` +
      `(${formatBytes(bytes)} a task); pass paths, and read and write files in the task`,
  };
}

function small({ sample }: Figures, loop: Measured, threaded: Measured): Reason | undefined {
  const taskMs = loop.timing.medianMs / sample.count;
  const wholeTaskMs = threaded.timing.medianMs / sample.count;
  if (taskMs >= SMALL_MS) return undefined;
  return {
    name: 'small',
    text:
      wholeTaskMs > taskMs
        ? `a task takes ${time(taskMs)}, less than passing it to a thread (${time(wholeTaskMs)})`
        : `a task takes ${time(taskMs)}, and passing it to a thread is a large part of that; ` +
          'give each task more to do',
  };
}

function few({ sample }: Figures, { variant }: Measured): Reason | undefined {
  if (sample.count >= variant.threads * 2) return undefined;
  const tasks = plural(sample.count, 'task');
  return { name: 'few', text: `${tasks} on ${plural(variant.threads, 'thread')}: some have nothing to do` };
}

function machine({ cores }: Figures, loop: Measured, threaded: Measured): Reason | undefined {
  if (cores === 1) return { name: 'one-core', text: 'this process may use one processor only' };
  const { variant, cpuMs, timing } = threaded;
  const more = cpuMs / Math.max(loop.cpuMs, 1e-6);
  if (more > CONTENTION)
    return {
      name: 'contention',
      text:
        `the threads slow each other down: together they compute ${more.toFixed(1)} times as long as the ` +
        'loop (shared caches, memory, locks, or processors that are two halves of one)',
    };
  const used = cpuMs / timing.medianMs;
  const wanted = Math.min(variant.threads, cores);
  if (used >= wanted * BUSY_SHARE) return undefined;
  return {
    name: 'busy',
    text:
      `the threads had ${used.toFixed(1)} of ${wanted} processors: ` +
      'other programs, the disk, or a few long tasks at the end took the rest',
  };
}
