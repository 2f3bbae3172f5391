/**
 * From arguments, globs and files to input sources, in this order.
 *
 * A regular file can be read twice, so it is checked before any task runs. Anything else that `-i` names
 * (standard input, a pipe, a process substitution) is a stream.
 */

import { createReadStream, readFileSync, type Stats, statSync } from 'node:fs';
import { extname } from 'node:path';
import { isatty } from 'node:tty';
import type { InputFormat } from '../commands/run/run-flags.js';
import { systemReason, UsageError } from '../shell/exit-codes.js';
import { rowsOfCsv } from './csv.js';
import { fixedSource, type InputSource, type Row } from './input-source.js';
import { linesOfFile, linesOfStream } from './lines.js';
import { ROW_PARSERS, rowsOf, rowsOfArray } from './rows.js';

/** Inputs as the command line names them. */
export interface InputRequest {
  readonly args: readonly string[];
  readonly globs: readonly string[] | undefined;
  readonly files: readonly string[] | undefined;
  readonly format: InputFormat | undefined;
  /** The flag that names files, for messages. @defaultValue '-i' */
  readonly fileFlag?: string;
  /** @defaultValue the standard input of the process */
  readonly stdin?: Stdin;
}

/** Standard input, which is not opened before it is needed. */
export interface Stdin {
  readonly isTerminal: () => boolean;
  readonly open: () => Bytes;
}

/** A stream of bytes that can be closed. */
export type Bytes = AsyncIterable<Uint8Array> & { destroy(): unknown };

const STDIN: Stdin = { isTerminal: () => isatty(0), open: () => process.stdin as Bytes };

const FORMATS: Readonly<Record<string, InputFormat>> = {
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.json': 'json',
  '.csv': 'csv',
};

/** @throws UsageError when there is no input, or a file cannot be read */
export async function openSources(request: InputRequest): Promise<InputSource[]> {
  const { args, globs = [], files = [], stdin = STDIN } = request;
  const named = args.length + globs.length + files.length > 0;
  if (!named && stdin.isTerminal()) {
    throw new UsageError(
      'no inputs: give them as arguments, with --glob or -i <file>, or pipe them in; see heddle run --help',
    );
  }
  if (files.filter((file) => file === '-').length > 1) throw new UsageError('-i - is given twice');
  const sources: InputSource[] = [];
  if (args.length > 0) sources.push(fixedSource('arguments', 'argument', args));
  if (globs.length > 0) sources.push(await globSource(globs));
  for (const file of named ? files : ['-']) sources.push(fileSource(file, request, stdin));
  return sources;
}

async function globSource(globs: readonly string[]): Promise<InputSource> {
  if (globs.every((pattern) => pattern.startsWith('!'))) {
    throw new UsageError(`--glob ${globs.join(' ')} only excludes files; add a pattern that takes files in`);
  }
  const { glob } = await import('tinyglobby');
  const files = await glob([...globs], { expandDirectories: false });
  return fixedSource('--glob', 'file', files.sort());
}

function fileSource(file: string, request: InputRequest, stdin: Stdin): InputSource {
  if (file === '-') return streamSource('stdin', request.format ?? 'lines', stdin.open);
  const named = `${request.fileFlag ?? '-i'} ${file}`;
  const stats = statOf(file, named);
  if (stats.isDirectory() && request.fileFlag === undefined) {
    throw new UsageError(`-i ${file} is a folder; for the files in it write --glob '${file}/*'`);
  }
  if (stats.isDirectory()) throw new UsageError(`${named} is a folder; name a file in it`);
  const format = request.format ?? FORMATS[extname(file).toLowerCase()] ?? 'lines';
  return stats.isFile()
    ? regularFile(file, named, format)
    : streamSource(file, format, () => createReadStream(file));
}

function statOf(file: string, named: string): Stats {
  try {
    return statSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new UsageError(`${named} does not exist; check the path`);
    }
    throw new UsageError(`${named} cannot be read: ${systemReason(error)}`);
  }
}

function regularFile(file: string, named: string, format: InputFormat): InputSource {
  return {
    name: file,
    isRepeatable: true,
    isSync: format !== 'csv',
    isLines: format === 'lines',
    place: (line) => (format === 'json' ? `${file}, element ${line}` : `${file}:${line}`),
    open: () => {
      if (format === 'csv') return rowsOfCsv(createReadStream(file), file);
      return format === 'json' ? arrayRows(file, named) : lineRows(file, named, format);
    },
  };
}

function* lineRows(file: string, named: string, format: 'lines' | 'jsonl'): Generator<Row, void> {
  let line = 1;
  try {
    for (const lines of linesOfFile(file)) {
      yield* rowsOf(lines, ROW_PARSERS[format], line);
      line += lines.length;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw new UsageError(`${named} cannot be read: ${systemReason(error)}`);
  }
}

function* arrayRows(file: string, named: string): Generator<Row, void> {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new UsageError(`${named} cannot be read: ${systemReason(error)}`);
  }
  yield* rowsOfArray(bytes, file);
}

function streamSource(name: string, format: InputFormat, openStream: () => Bytes): InputSource {
  return {
    name,
    isRepeatable: false,
    isSync: false,
    isLines: format === 'lines',
    place: (line) => (format === 'json' ? `${name}, element ${line}` : `${name}:${line}`),
    open: () => {
      const stream = openStream();
      return interruptible(streamRows(stream, name, format), () => stream.destroy());
    },
  };
}

async function* streamRows(stream: Bytes, name: string, format: InputFormat): AsyncGenerator<Row, void> {
  if (format === 'csv') {
    yield* rowsOfCsv(stream, name);
  } else if (format === 'json') {
    const blocks: Uint8Array[] = [];
    for await (const block of stream) blocks.push(block);
    yield* rowsOfArray(Buffer.concat(blocks), name);
  } else {
    let line = 1;
    for await (const lines of linesOfStream(stream)) {
      yield* rowsOf(lines, ROW_PARSERS[format], line);
      line += lines.length;
    }
  }
}

/**
 * An iterable whose `return` ends at once, even while a read waits for a silent pipe. That of an async
 * generator would wait for the read, and Ctrl-C with it.
 */
function interruptible(rows: AsyncGenerator<Row, void>, stop: () => void): AsyncIterable<Row> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => rows.next(),
      return: async () => {
        stop();
        rows.return().catch(() => {});
        return { value: undefined, done: true };
      },
    }),
  };
}
