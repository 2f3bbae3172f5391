/** The errors that the threads executor gives to tasks and runs when a thread ends. */

import { HeddleError } from '../../../protocol/errors.js';
import { reasonOf } from '../../../protocol/plain-data.js';
import type { Death } from './blame.js';

/** The code that Node gives to a thread's death by its heap limit. */
const OUT_OF_MEMORY = 'ERR_WORKER_OUT_OF_MEMORY';

/** How the thread ended, by the error of its request and its last words. */
export function deathOf(error: unknown, crash: Error | undefined): Death {
  if ((error as { code?: unknown } | null)?.code === OUT_OF_MEMORY) return 'out-of-memory';
  return crash === undefined ? 'exit' : 'uncaught';
}

/** The error of a task that ended its thread. */
export function exitError(death: Death, error: unknown, crash: Error | undefined): HeddleError {
  if (death === 'out-of-memory') {
    const advice = 'raise the memory limit, or let the task hold less at a time';
    return new HeddleError('HEDDLE_OUT_OF_MEMORY', `The worker thread ran out of memory; ${advice}`, {
      cause: error,
    });
  }
  if (crash !== undefined) {
    const message =
      `The worker thread ended: ${crash.name}: ${crash.message} was thrown outside the task function, ` +
      'in a timer, an event handler or a promise that is not awaited';
    return new HeddleError('HEDDLE_WORKER_EXIT', message, { cause: crash });
  }
  const code = /exited with code: (\d+)/.exec(reasonOf(error))?.[1];
  const how =
    code === undefined
      ? `(${reasonOf(error)}) while it executed the task`
      : `(exit code ${code}) while it executed the task; process.exit in a task ends its thread`;
  return new HeddleError('HEDDLE_WORKER_EXIT', `The worker thread ended ${how}`, {
    cause: error,
  });
}

/** A thread ended between tasks. */
export function strayError(cause: Error): HeddleError {
  const message =
    `A worker thread ended between tasks and was replaced: ${cause.name}: ${cause.message} was thrown ` +
    'by something that an earlier task left running';
  return new HeddleError('HEDDLE_WORKER_EXIT', message, { cause });
}

/** True for the death of a thread that had come up. */
export function endsThread(error: unknown): boolean {
  return (
    (error as { code?: unknown } | null)?.code === OUT_OF_MEMORY ||
    /^worker exited with code/.test(reasonOf(error))
  );
}

/** Why a run could not start: its threads never came up, or the module ended its thread. */
export function startError(module: string, cause: unknown): HeddleError {
  if (endsThread(cause))
    return loadError(module, `ended its thread while it was loaded: ${reasonOf(cause)}`, cause);
  return new HeddleError('HEDDLE_WORKER_START', `Worker threads could not be started: ${reasonOf(cause)}`, {
    cause,
  });
}

/** A task module that cannot be loaded. */
export function loadError(module: string, what: string, cause?: unknown): HeddleError {
  return new HeddleError('HEDDLE_TASK_MODULE_LOAD', `Task module ${module} ${what}`, { cause });
}
