/**
 * Errors: one class hierarchy and one table of stable codes.
 *
 * There are two channels, never mixed. The failure of a task is data: an outcome that carries an error. What
 * stops a whole run is thrown as a `HeddleError`. Both use the codes below. docs/reference/errors.md has one
 * section for each code, and a test compares the two lists.
 *
 * `instanceof HeddleError` checks a registered symbol, so it also works for errors of another installed copy
 * of heddle and of another realm.
 */

/** All codes of errors. Stable: adding one is a minor change, renaming one a major change. */
export const ERROR_CODES = {
  HEDDLE_INVALID_OPTION: 'An option is unknown, impossible, or contradicts another.',
  HEDDLE_TASK_MODULE_NOT_FOUND: 'The task module does not exist or cannot be read.',
  HEDDLE_TASK_MODULE_INVALID: 'The task module has no default export that is a function.',
  HEDDLE_TASK_MODULE_LOAD: 'The task module threw, or ended its thread, while it was loaded.',
  HEDDLE_TYPESCRIPT_UNSUPPORTED: 'The task module is TypeScript and nothing here can load TypeScript.',
  HEDDLE_WORKER_START: 'Worker threads could not be started.',
  HEDDLE_WORKER_EXIT: 'The worker thread ended while it executed the task.',
  HEDDLE_OUT_OF_MEMORY: 'The worker thread ran out of memory while it executed the task.',
  HEDDLE_TIMEOUT: 'The attempt took longer than its timeout.',
  HEDDLE_DEADLINE: 'The run reached its deadline.',
  HEDDLE_ABORTED: 'The run was aborted.',
  HEDDLE_TOO_MANY_FAILURES: 'The run was ended by fail-fast or by maxFailures.',
  HEDDLE_NOT_CLONEABLE: 'An input or a value cannot be sent between threads.',
  HEDDLE_INPUT_TRANSFERRED: 'The task cannot run again: its input was moved to a thread that ended.',
  HEDDLE_NON_ERROR_THROWN: 'The task threw something that is not an Error.',
  HEDDLE_TASKS_FAILED: 'Some tasks of the batch failed.',
  HEDDLE_DUPLICATE_KEY: 'Two inputs of the batch have the same key.',
  HEDDLE_INVALID_KEY: 'The key of an input is not a string or number, or the input cannot be hashed to one.',
  HEDDLE_BAD_INPUT: 'An input cannot be read or parsed.',
  HEDDLE_INPUT_SOURCE: 'The source of inputs threw.',
  HEDDLE_OUTPUT: 'Output could not be written.',
  HEDDLE_SERVICE_UNAVAILABLE: 'A task called a service that does not exist or is gone.',
  HEDDLE_ALREADY_CONSUMED: 'The outcomes of this run are already being read.',
  HEDDLE_INTERRUPTED: 'An attempt was cut off, and the task must not be executed twice.',
  HEDDLE_SESSION_NOT_FOUND: 'There is no session of that name or at that place.',
  HEDDLE_SESSION_BUSY: 'The session, or the shard of it, is in use by a live run.',
  HEDDLE_SESSION_MISMATCH: 'The session belongs to another task or batch.',
  HEDDLE_SESSION_FORMAT: 'The session was written by a newer release.',
  HEDDLE_SESSION_DAMAGED: 'The session is damaged, and repairing it needs a decision.',
  HEDDLE_SESSION_INVALID: 'The file or folder at the path of the session is not a session.',
  HEDDLE_SESSION_FENCED: 'Another process took over the session while this one did not respond.',
  HEDDLE_SESSION_WRITE: 'The session could not be written. What was recorded before is kept.',
  HEDDLE_LANE_OPEN: 'A lane is closed: its provider has not answered, or none of its accounts can be used.',
  HEDDLE_CLOSED: 'The runtime is closed.',
  HEDDLE_INTERNAL: 'A bug in heddle.',
} as const;

/** A code of {@link ERROR_CODES}. */
export type HeddleErrorCode = keyof typeof ERROR_CODES;

const BRAND = Symbol.for('heddle.error');

/** An error that heddle itself reports. `code` is stable, `message` says what to do next. */
export class HeddleError extends Error {
  readonly code: HeddleErrorCode;

  constructor(code: HeddleErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    try {
      if (typeof value !== 'object' || value === null || !(BRAND in value)) return false;
      // Subclasses are compared by name, so that the subclass of another copy of heddle matches as well.
      for (let proto = Object.getPrototypeOf(value); proto !== null; proto = Object.getPrototypeOf(proto)) {
        // biome-ignore lint/complexity/noThisInStatic: subclasses inherit this method
        if (proto.constructor?.name === this.name) return true;
      }
      return false;
    } catch {
      // A proxy whose traps throw.
      return false;
    }
  }
}
Object.defineProperty(HeddleError.prototype, BRAND, { value: true });
Object.defineProperty(HeddleError.prototype, 'name', {
  value: 'HeddleError',
  configurable: true,
  writable: true,
});

/** An option is invalid. `option` is its name as the caller wrote it. */
export class OptionError extends HeddleError {
  readonly option: string;

  constructor(option: string, message: string) {
    super('HEDDLE_INVALID_OPTION', message);
    this.option = option;
  }
}

/** `run.values()` rejects with this when tasks have no value. `errors` are their errors, in input order. */
export class TasksFailedError extends HeddleError {
  readonly errors: readonly Error[];
  /** Index of the input of each entry of `errors`. */
  readonly indexes: readonly number[];

  constructor(message: string, errors: readonly Error[], indexes: readonly number[]) {
    super('HEDDLE_TASKS_FAILED', message, { cause: errors[0] });
    this.errors = errors;
    this.indexes = indexes;
  }
}

/** Whether a value is a heddle error, with the given code if one is given. */
export function isHeddleError(value: unknown, code?: HeddleErrorCode): value is HeddleError {
  return value instanceof HeddleError && (code === undefined || value.code === code);
}

/** A broken invariant: never caught, always a bug in heddle. */
export function internalError(message: string): HeddleError {
  return new HeddleError(
    'HEDDLE_INTERNAL',
    `Internal error: ${message}. This is a bug in heddle; please report it.`,
  );
}
