/**
 * What every command shares: messages on standard error, signals, results on standard output, and its ending.
 */

import { ClosedPipe, type Ending, EXIT, Interrupted, OutputError, systemReason } from './exit-codes.js';
import { Signals } from './signals.js';
import { Messages } from './terminal.js';

/** Flags that mean the same in every command that has them. */
export interface CommonFlags {
  readonly quiet?: true;
  readonly verbose?: true;
  readonly color: boolean;
  /** `json`: standard error carries JSON events only. */
  readonly progress?: string | true;
}

/** The surroundings of one command. */
export class Shell {
  readonly messages: Messages;
  #signals: Signals | undefined;

  constructor({ quiet, verbose, color, progress }: CommonFlags) {
    this.messages = new Messages({
      stream: process.stderr,
      env: process.env,
      color,
      verbosity: quiet === true ? 'quiet' : verbose === true ? 'verbose' : 'normal',
      isJson: progress === 'json',
    });
  }

  /** The first signal that was caught. */
  get received(): Signals['received'] {
    return this.#signals?.received;
  }

  /** Catches signals from now on; until then a signal ends the process at once. */
  catchSignals(): Signals {
    this.#signals ??= new Signals();
    return this.#signals;
  }

  close(): void {
    this.#signals?.close();
  }
}

/** Runs a command. Reports the errors that the user can act on; only bugs throw. */
export async function withShell(
  flags: CommonFlags,
  command: (shell: Shell) => Promise<Ending>,
): Promise<Ending> {
  const shell = new Shell(flags);
  try {
    return await command(shell);
  } catch (error) {
    if (error instanceof Interrupted && shell.received !== undefined) return { signal: shell.received };
    if (error instanceof ClosedPipe) return { code: EXIT.ok };
    // Loads the runtime, which a command that only reports wrong usage does without until here.
    const { reportError } = await import('./fatal.js');
    return reportError(error, shell.messages);
  } finally {
    shell.close();
  }
}

/** `process.stdout.write`; the callback receives the error of a failed write. */
export type StdoutWrite = (data: string | Uint8Array, done: (error?: Error | null) => void) => boolean;

/**
 * Writes to standard output. A reader that is gone is no error: the promise then resolves to false.
 *
 * @param write - the stream's own `write`, where a command has replaced it
 * @throws OutputError
 */
export function print(
  text: string,
  write: StdoutWrite = process.stdout.write.bind(process.stdout),
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    write(text, (error) => {
      if (error == null) return resolve(true);
      const problem = stdoutError(error);
      if (problem instanceof ClosedPipe) resolve(false);
      else reject(problem);
    });
  });
}

/** The error of a failed write to standard output. */
export function stdoutError(error: Error): ClosedPipe | OutputError {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED' || code === 'ECONNRESET')
    return new ClosedPipe('standard output was closed', { cause: error });
  return new OutputError(`standard output cannot be written: ${systemReason(error)}`, { cause: error });
}
