/**
 * Lines to rows: `lines` and `jsonl`, and the array of a `.json` file.
 *
 * Lines without content are not inputs: empty ones in `lines`, blank ones in `jsonl`.
 */

import { unwrapFailedInput } from '../results/failed-input.js';
import { UsageError } from '../shell/exit-codes.js';
import { badRow, type Row } from './input-source.js';
import { findJsonProblem, lineAndColumn } from './json-place.js';

/** Turns one line into a row; undefined when the line is empty. */
export type RowParser = (text: string | undefined, line: number) => Row | undefined;

/** The parser of each format that is read line by line. */
export const ROW_PARSERS: Readonly<Record<'lines' | 'jsonl', RowParser>> = {
  lines: (text, line) => {
    if (text === '') return undefined;
    return text === undefined ? notUtf8(line) : { line, input: text, problem: undefined };
  },
  jsonl: (text, line) => {
    if (text === undefined) return notUtf8(line);
    if (text.trim() === '') return undefined;
    try {
      return { line, input: unwrapFailedInput(JSON.parse(text)), problem: undefined };
    } catch (error) {
      const found = findJsonProblem(text);
      return badRow(
        line,
        `not JSON: ${found?.reason ?? (error as Error).message}`,
        text,
        found === undefined ? undefined : found.at + 1,
      );
    }
  },
};

function notUtf8(line: number): Row {
  return badRow(line, 'not UTF-8; convert the file, for example with iconv', '');
}

/** The rows of one block of lines. */
export function* rowsOf(
  lines: readonly (string | undefined)[],
  parse: RowParser,
  firstLine: number,
): Generator<Row, void> {
  for (let i = 0; i < lines.length; i++) {
    const row = parse(lines[i], firstLine + i);
    if (row !== undefined) yield row;
  }
}

/**
 * The rows of a JSON array. Their `line` is their number in the array.
 *
 * @throws UsageError when the text is not JSON, or not an array
 */
export function rowsOfArray(bytes: Buffer, name: string): Row[] {
  const text = decode(bytes, name);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    const found = findJsonProblem(text);
    if (found === undefined) throw new UsageError(`${name}: not JSON: ${(error as Error).message}`);
    const { line, column } = lineAndColumn(text, found.at);
    const isLines = line > 1 && looksLikeLines(text);
    const advice = isLines ? '; if it holds one JSON value per line, add --format jsonl' : '';
    throw new UsageError(`${name}:${line}:${column}: not JSON: ${found.reason}${advice}`);
  }
  if (!Array.isArray(parsed)) {
    throw new UsageError(
      `${name}: expected a JSON array, each element an input; for one JSON value per line add --format jsonl`,
    );
  }
  return parsed.map((input, i) => ({ line: i + 1, input: unwrapFailedInput(input), problem: undefined }));
}

function looksLikeLines(text: string): boolean {
  try {
    JSON.parse(text.slice(0, text.indexOf('\n')));
    return true;
  } catch {
    return false;
  }
}

function decode(bytes: Buffer, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new UsageError(
      error instanceof TypeError
        ? `${name}: not UTF-8; convert the file, for example with iconv`
        : `${name}: ${(error as Error).message}; write it as one JSON value per line (.jsonl)`,
    );
  }
}
