/** `--timeout` in a loop without heddle: an attempt that is not back in time is given up, as on the main thread it can only be. */

import { failWith } from './loop-context.js';
import type { Call } from './task-function.js';

/** The call with a limit. Its outcome has the library's own code, so that it equals that of the other variants. */
export function timedCall(call: Call, timeoutMs: number): Call {
  return async (input, ctx) => {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => failWith('HEDDLE_TIMEOUT', `The attempt took longer than ${timeoutMs} ms`).catch(reject),
        timeoutMs,
      );
    });
    try {
      return await Promise.race([call(input, ctx), over]);
    } finally {
      clearTimeout(timer);
    }
  };
}
