/**
 * CSV: the first row names the fields, every further row is an object of strings.
 *
 * A row that does not fit (too many or too few fields, a stray quote) is a bad row; reading continues after
 * it. csv-parse reports such rows separately from the good ones, so the two are merged by line.
 */

import { Readable } from 'node:stream';
import type { Info } from 'csv-parse';
import { UsageError } from '../shell/exit-codes.js';
import { badRow, type Row } from './input-source.js';

interface Parsed {
  readonly record: Record<string, string>;
  readonly info: Info;
}

/**
 * The rows of a CSV text.
 *
 * @throws UsageError when the header cannot be used, or the bytes are not UTF-8
 */
export async function* rowsOfCsv(bytes: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Row, void> {
  const { parse } = await import('csv-parse');
  const problems: Row[] = [];
  const parser = parse({
    bom: true,
    columns: (header: string[]) => checkedHeader(header, name),
    info: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    on_skip: (error, raw) => {
      const { lines, message } = (error ?? {}) as { lines?: number; message?: string };
      problems.push(badRow(lines ?? 0, `not CSV: ${message ?? 'unreadable row'}`, raw ?? ''));
      return undefined;
    },
  });
  const text = Readable.from(decoded(bytes, name));
  text.on('error', (error) => parser.destroy(error));
  text.pipe(parser);
  try {
    for await (const { record, info } of parser as AsyncIterable<Parsed>) {
      while (problems[0] !== undefined && problems[0].line < info.lines) yield problems.shift() as Row;
      yield { line: info.lines, input: record, problem: undefined };
    }
    yield* problems;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const { lines, message } = error as { lines?: number; message: string };
    throw new UsageError(`${name}${lines === undefined ? '' : `:${lines}`}: not CSV: ${message}`);
  } finally {
    text.destroy();
  }
}

async function* decoded(bytes: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<string, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for await (const block of bytes) yield decoder.decode(block, { stream: true });
    yield decoder.decode();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(`${name}: not UTF-8; convert the file, for example with iconv`);
  }
}

function checkedHeader(header: readonly string[], name: string): string[] {
  const seen = new Set<string>();
  for (const [i, field] of header.entries()) {
    if (field === '') throw new UsageError(`${name}:1: column ${i + 1} has no name in the header`);
    if (seen.has(field)) throw new UsageError(`${name}:1: the header names "${field}" twice`);
    seen.add(field);
  }
  return [...header];
}
