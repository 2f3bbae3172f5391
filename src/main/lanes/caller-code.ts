/** How the lanes call functions of the caller: `retryIf`, `classify`, `estimate`. */

import { OptionError } from '../../protocol/errors.js';
import type { InContext } from '../executor/executor.js';

/**
 * Calls a function of the caller and rethrows what it throws. A thrown undefined or null becomes an
 * OptionError, because a run that stores the cause of its failure could not distinguish it from no cause.
 */
export function runCallerCode<T>(option: string, work: () => T, inContext?: InContext): T {
  try {
    return inContext === undefined ? work() : inContext(work);
  } catch (error) {
    if (error !== undefined && error !== null) throw error;
    throw new OptionError(option, `\`${option}\` threw ${error}; throw an Error instead`);
  }
}
