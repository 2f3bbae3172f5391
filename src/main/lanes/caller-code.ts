/** How the functions of the caller that must answer at once are called: `retryIf`, `classify`, `key`, ... */

import { OptionError } from '../../protocol/errors.js';
import type { InContext } from '../executor/executor.js';

/**
 * Calls a function of the caller and rethrows what it throws. A thrown undefined or null becomes an
 * OptionError, because a run that stores the cause of its failure could not distinguish it from no cause.
 */
export function runCallerCode<T>(option: string, work: () => T, inContext?: InContext): T {
  try {
    return unheard(inContext === undefined ? work() : inContext(work));
  } catch (error) {
    if (error !== undefined && error !== null) throw error;
    throw new OptionError(option, `\`${option}\` threw ${error}; throw an Error instead`);
  }
}

/**
 * Returns the answer of a function of the caller that must not be a promise. A promise is refused elsewhere;
 * here it is kept from ending the process when it rejects.
 */
export function unheard<T>(answer: T): T {
  if (answer instanceof Promise) answer.catch(() => {});
  return answer;
}
