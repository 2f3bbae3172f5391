/**
 * The items of `heddle http call`: from a flag, a file or a stream.
 *
 * A source that can be read twice is checked to its end before anything is sent: that it is JSON, that each
 * item is an object, and that no path variable is missing in all of them. A stream is read once; an unusable
 * item there fails alone.
 */

import { createReadStream, statSync } from 'node:fs';
import { extname } from 'node:path';
import { isatty } from 'node:tty';
import { HttpError } from '../../../integrations/http/index.js';
import { unusableInput } from '../../../main/index.js';
import { showInput } from '../../../text/shown-text.js';
import { checkInputs } from '../../inputs/check.js';
import { asyncInputs, type InputSource, type Row } from '../../inputs/input-source.js';
import { rowsOfArray } from '../../inputs/rows.js';
import { type Bytes, openSources } from '../../inputs/sources.js';
import { Interrupted, UsageError } from '../../shell/exit-codes.js';
import type { InputFormat } from '../run/run-flags.js';
import type { HttpCallFlags } from './http-flags.js';

/** The items of one command. */
export interface CallItems {
  readonly items: AsyncIterable<unknown> | readonly unknown[];
  /** Undefined for a stream. */
  readonly total: number | undefined;
  /** The first of them, for a dry run; none of a stream. */
  readonly first: readonly unknown[];
  /** Not a batch: one call, with the parameters of the command line. */
  readonly isSingle: boolean;
}

/** Requirements on the items. */
export interface ItemRules {
  /** Path variables that each item must contain. */
  readonly required: readonly string[];
  readonly signal: AbortSignal;
}

/** @throws UsageError naming what cannot be used, and where */
export async function openItems(flags: HttpCallFlags, rules: ItemRules): Promise<CallItems> {
  const source = await sourceOf(flags, rules.signal);
  if (source === undefined) {
    refuseMissing(rules.required, 1, new Map(rules.required.map((name) => [name, 1])));
    return { items: [{}], total: 1, first: [{}], isSingle: true };
  }
  const missing = new Map<string, number>();
  const { total, first } = await checkInputs([source], {
    keyOf: undefined,
    includesStreams: false,
    signal: rules.signal,
    onCount: () => {},
    look: (item) => {
      if (typeof item !== 'object' || item === null || Array.isArray(item))
        throw new Error(`expected an object of parameters, got ${showInput(item)}`);
      for (const name of rules.required)
        if (!Object.hasOwn(item, name)) missing.set(name, (missing.get(name) ?? 0) + 1);
    },
  });
  if (total === 0) throw emptyBatch(source.name);
  if (total !== undefined) refuseMissing(rules.required, total, missing);
  return { items: asyncInputs([source], itemOf), total, first, isSingle: false };
}

/** An empty batch points to a mistake in what made it, so it is not a success. */
export function emptyBatch(name: string): UsageError {
  return new UsageError(`${name}: the batch is empty; there is nothing to send`);
}

function refuseMissing(
  required: readonly string[],
  total: number,
  missing: ReadonlyMap<string, number>,
): void {
  for (const name of required) {
    if (missing.get(name) !== total) continue;
    throw new UsageError(
      total === 1
        ? `the path parameter "${name}" is missing; add --param ${name}=<value>, or give it in the item`
        : `no item has the path parameter "${name}"; add it to the items, or add --param ${name}=<value>`,
    );
  }
}

async function sourceOf(
  { batchJson, batchFile }: HttpCallFlags,
  signal: AbortSignal,
): Promise<InputSource | undefined> {
  if (batchJson !== undefined) return jsonSource(batchJson);
  if (batchFile === undefined) return undefined;
  if (batchFile === '-') return streamSource('stdin', process.stdin as Bytes, signal);
  const isStream = statSync(batchFile, { throwIfNoEntry: false })?.isFile() === false;
  if (isStream && !statSync(batchFile).isDirectory())
    return streamSource(batchFile, createReadStream(batchFile), signal);
  const isKnown = ['.json', '.csv'].includes(extname(batchFile).toLowerCase());
  return openOne(batchFile, isKnown ? undefined : 'jsonl');
}

function jsonSource(text: string): InputSource {
  if (!/^\s*\[/.test(text))
    throw new UsageError(`--batch-json: expected a JSON array such as '[{"id":1}]', got ${showInput(text)}`);
  const bytes = Buffer.from(text);
  return {
    name: '--batch-json',
    isRepeatable: true,
    isSync: true,
    isLines: false,
    place: (line) => `--batch-json, element ${line}`,
    open: () => rowsOfArray(bytes, '--batch-json'),
  };
}

/** A stream is an array when it begins with a bracket: an item never does. */
async function streamSource(name: string, stream: Bytes, signal: AbortSignal): Promise<InputSource> {
  if (name === 'stdin' && isatty(0))
    throw new UsageError('--batch-file - reads standard input, which is a terminal; pipe the items in');
  const blocks = stream[Symbol.asyncIterator]();
  const { head, start } = await headOf(stream, blocks, signal);
  const whole: Bytes = Object.assign(again(head, blocks), { destroy: () => stream.destroy() });
  const source = await openOne('-', start.startsWith('[') ? 'json' : 'jsonl', whole);
  return name === 'stdin' ? source : { ...source, name, place: (line) => `${name}:${line}` };
}

/** The first blocks, up to one that is not blank. They may take long to come, so Ctrl-C ends the wait. */
async function headOf(
  stream: Bytes,
  blocks: AsyncIterator<Uint8Array>,
  signal: AbortSignal,
): Promise<{ readonly head: readonly Uint8Array[]; readonly start: string }> {
  const head: Uint8Array[] = [];
  let start = '';
  const stop = () => stream.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    while (start === '') {
      const block = await blocks.next();
      if (block.done === true) break;
      head.push(block.value);
      start = Buffer.from(block.value).toString('latin1').replace('\u00ef\u00bb\u00bf', '').trimStart();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
  if (signal.aborted) throw new Interrupted('interrupted while waiting for items');
  return { head, start };
}

async function* again(
  head: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  yield* head;
  for (let block = await rest.next(); block.done !== true; block = await rest.next()) yield block.value;
}

async function openOne(file: string, format: InputFormat | undefined, stream?: Bytes): Promise<InputSource> {
  const [source] = await openSources({
    args: [],
    globs: [],
    files: [file],
    format,
    fileFlag: '--batch-file',
    stdin: { isTerminal: () => false, open: () => stream as Bytes },
  });
  return source as InputSource;
}

function itemOf(source: InputSource, { problem, line, input }: Row): unknown {
  if (problem === undefined) return input;
  const place = `${source.place(line)}${problem.column === undefined ? '' : `:${problem.column}`}`;
  if (source.isRepeatable)
    throw new UsageError(`${place}: ${problem.reason}; the file was changed while it was read`);
  return unusableInput(new HttpError('PARAM_INVALID', `${place}: ${problem.reason}`));
}
