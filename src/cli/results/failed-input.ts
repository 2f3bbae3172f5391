/**
 * How a failed input is written to the file of `--failed-out`, and read back as the same input.
 *
 * A `.jsonl` file carries the error beside the input, under `error`:
 *
 *   {"id":3,"error":{"name":"Error","message":"boom","attempts":1,"heddle":"failed-out"}}   from {"id":3}
 *   {"input":"a.txt","error":{…,"heddle":"failed-out","whole":true}}                        from "a.txt"
 *
 * An input that had an `error` of its own keeps it there as `had`. Reading removes the note again, so the
 * task receives the same input and has the same key. Only objects with the mark are changed.
 */

const MARK = 'failed-out';

interface FailureNote {
  readonly name: string;
  readonly message: string;
  readonly code?: string | number;
  readonly attempts: number;
  readonly heddle: typeof MARK;
  readonly whole?: true;
  readonly had?: unknown;
}

/** One line of a `.jsonl` file of failed inputs. */
export function wrapFailedInput(input: unknown, error: Error, attempts: number): string {
  const { code } = error as { code?: unknown };
  const note: FailureNote = {
    name: error.name,
    message: error.message,
    ...((typeof code === 'string' || typeof code === 'number') && { code }),
    attempts,
    heddle: MARK,
  };
  if (!isPlain(input)) return JSON.stringify({ input, error: { ...note, whole: true } });
  // An array of pairs keeps a field with the name __proto__.
  const fields = Object.entries(input).filter(([name]) => name !== 'error');
  const had = Object.hasOwn(input, 'error') ? { had: input['error'] } : {};
  return JSON.stringify(Object.fromEntries([...fields, ['error', { ...note, ...had }]]));
}

/** The original input, if this one comes from a file of failed inputs; else the input itself. */
export function unwrapFailedInput(input: unknown): unknown {
  if (!isPlain(input)) return input;
  const { error } = input;
  if (!isPlain(error) || error['heddle'] !== MARK) return input;
  if (error['whole'] === true) return input['input'];
  const { error: _, ...rest } = input;
  return Object.hasOwn(error, 'had') ? { ...rest, error: error['had'] } : rest;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
