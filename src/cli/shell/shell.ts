/** What the commands that look at sessions share: messages on standard error, results on standard output, and their endings. */

import type { CommonFlags } from '../commands/sessions/session-flags.js';
import { type Ending, OutputError, systemReason } from './exit-codes.js';
import { tellError } from './fatal.js';
import { Messages } from './terminal.js';

/** Runs a command. What the user can mend is told here; only bugs throw. */
export async function withMessages(
  flags: CommonFlags,
  work: (messages: Messages) => Promise<Ending>,
): Promise<Ending> {
  const messages = new Messages({
    stream: process.stderr,
    env: process.env,
    color: flags.color,
    verbosity: flags.verbose === true ? 'verbose' : 'normal',
    isJson: false,
  });
  try {
    return await work(messages);
  } catch (error) {
    return tellError(error, messages);
  }
}

/**
 * Writes to standard output. That nobody reads any more is no error: it fulfils with false.
 *
 * @throws OutputError
 */
export function print(text: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error == null) return resolve(true);
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED') return resolve(false);
      reject(new OutputError(`standard output cannot be written: ${systemReason(error)}`, { cause: error }));
    });
  });
}
