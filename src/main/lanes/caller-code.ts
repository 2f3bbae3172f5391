/** How the lanes call functions of the caller: `retryIf`, `classify`, `estimate`. */

import { OptionError } from '../../protocol/errors.js';

/** Runs a function in the async context in which the caller started the run. */
export type InContext = <T>(work: () => T) => T;

/**
 * Calls a function of the caller. What it throws is thrown on, but undefined and null become an OptionError:
 * a run that stores the cause of its failure could not tell them from no cause.
 */
export function runCallerCode<T>(option: string, work: () => T, inContext?: InContext): T {
  try {
    return inContext === undefined ? work() : inContext(work);
  } catch (error) {
    if (error !== undefined && error !== null) throw error;
    throw new OptionError(option, `\`${option}\` threw ${error}; throw an Error instead`);
  }
}
