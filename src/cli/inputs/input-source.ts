/**
 * Where inputs come from, and in what form they are read.
 *
 * A source is read in rows: each holds one input, or what is wrong with it, and its line. A regular file is
 * read twice (a check of all of it before any task runs, then the run), synchronously where possible: the
 * runtime then pulls inputs without a promise for each. A stream (standard input, a pipe) is read once; a row
 * of it that cannot be used is a failed task.
 */

/** What is wrong with one row. */
export interface Problem {
  /** "not JSON: unexpected end" */
  readonly reason: string;
  /** Column in the line, from 1, where it is known. */
  readonly column: number | undefined;
  /** The row as it was read, cut to MAX_TEXT characters. */
  readonly text: string;
}

/** One input, or what is wrong with it. */
export interface Row {
  /** Line in the file, or number of the argument, from 1. */
  readonly line: number;
  readonly input: unknown;
  readonly problem: Problem | undefined;
}

/** One place that inputs come from. */
export interface InputSource {
  /** As the user wrote it: "items.jsonl", "stdin", "arguments". */
  readonly name: string;
  /** False when it can be read only once. */
  readonly isRepeatable: boolean;
  /** True when `open` returns a plain iterable. */
  readonly isSync: boolean;
  /** True when every input is a string without a line break, so that inputs can be written as lines. */
  readonly isLines: boolean;
  /** True when it is known to have no input before it is read. */
  readonly isEmpty?: boolean;
  /** "items.jsonl:3", "argument 3" */
  place(line: number): string;
  /** Starts reading from the beginning. */
  open(): Iterable<Row> | AsyncIterable<Row>;
}

/** What a row shows of itself: its input, or its text when it cannot be read. */
export function contentOf({ input, problem }: Row): unknown {
  return problem === undefined ? input : problem.text;
}

/** Longest text that a problem keeps of its row. */
const MAX_TEXT = 64 * 1024;

/** A row that cannot be used. */
export function badRow(line: number, reason: string, text: string, column?: number): Row {
  return { line, input: undefined, problem: { reason, column, text: text.slice(0, MAX_TEXT) } };
}

/**
 * The inputs of sources, one source after the other, each row made an input by `give`.
 *
 * Not an async generator: its `return` would wait for a pending read, indefinitely if nothing arrives.
 */
export function asyncInputs(
  sources: readonly InputSource[],
  give: (source: InputSource, row: Row) => unknown,
): AsyncIterable<unknown> {
  const rest = [...sources];
  let open: { readonly source: InputSource; readonly rows: Iterator<Row> | AsyncIterator<Row> } | undefined;
  const next = async (): Promise<IteratorResult<unknown, undefined>> => {
    for (;;) {
      const source = open?.source ?? rest.shift();
      if (source === undefined) return { value: undefined, done: true };
      open ??= { source, rows: iterate(source) };
      const row = await open.rows.next();
      if (row.done !== true) return { value: give(source, row.value), done: false };
      open = undefined;
    }
  };
  const close = async (): Promise<IteratorResult<unknown, undefined>> => {
    rest.length = 0;
    await open?.rows.return?.();
    return { value: undefined, done: true };
  };
  return { [Symbol.asyncIterator]: () => ({ next, return: close }) };
}

function iterate(source: InputSource): Iterator<Row> | AsyncIterator<Row> {
  const rows = source.open();
  return Symbol.asyncIterator in rows ? rows[Symbol.asyncIterator]() : rows[Symbol.iterator]();
}

/** Inputs that exist already: arguments, and the files that match a glob. */
export function fixedSource(name: string, word: string, inputs: readonly string[]): InputSource {
  return {
    name,
    isEmpty: inputs.length === 0,
    isRepeatable: true,
    isSync: true,
    isLines: inputs.every((input) => !/[\r\n]/.test(input) && input !== ''),
    place: (line) => `${word} ${line}`,
    open: () => inputs.map((input, i) => ({ line: i + 1, input, problem: undefined })),
  };
}
