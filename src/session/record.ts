/**
 * Records: the lines of a frame. Each is an outcome, or a note that the session makes for itself.
 *
 *   {"id":"<32 hex>","status":"succeeded","index":0,"attempts":1,"startedAt":<ms>,"durationMs":<ms>,
 *    "workerId":1,"value":<json>}
 *   {"id":"<32 hex>","status":"failed","index":7,...,"key":"<the user's key>","error":<json>}
 *
 * The first three fields stand in this order, so that recovery finds them without parsing. `key` is left out
 * when it is the id. `value` is left out when it is undefined; where JSON would change it,
 * `"valueClone":"<base64>"` or `"errorClone"` holds the structured clone instead.
 *
 *   {"@head":{...}}                first line of a journal (journal.ts) or a base (compaction.ts)
 *   {"@started":["<id>",<attempt>,<ms>]}   an attempt is about to begin (only for tasks that ask for it)
 *   {"@unstarted":"<id>"}          that attempt never began
 *   {"@submitted":["<id>",<handle>,"<account>"]}   the task waits for the job of this handle; the last counts
 *   {"@moved":[["<id>",<index>]]}  positions of tasks in the newest batch, where they differ from their lines
 *   {"@gone":["<id>"]}, {"@back":["<id>"]}   tasks that the newest batch no longer has, or has again
 *   {"@close":{...}}               last line of a journal whose run ended in good order
 *
 * The last of several records of one task counts, in the order base, journals by epoch, frames, lines.
 */

import { constants } from 'node:buffer';
import { hash } from 'node:crypto';
import { decodeValue, type EncodedValue } from '../protocol/encoded-value.js';
import { HeddleError } from '../protocol/errors.js';
import type { Job } from '../protocol/messages.js';
import type { SerializedError } from '../protocol/serialized-error.js';

/** What an outcome to be recorded and a recorded one have in common. */
interface RecordFields {
  readonly key: string;
  readonly index: number;
  readonly status: 'succeeded' | 'failed';
  readonly attempts: number;
  readonly startedAt: number | undefined;
  readonly durationMs: number;
  readonly workerId: number | undefined;
}

/** A final outcome on its way to the journal. */
export interface NewRecord extends RecordFields {
  /** The value, or the serialized error. */
  readonly content: EncodedValue;
}

/** A recorded outcome. */
export interface OutcomeOnDisk extends RecordFields {
  readonly id: string;
  readonly value: unknown;
  readonly error: SerializedError | undefined;
}

const HASH = /^[0-9a-f]{32}$/;
const REPEATED = /^([0-9a-f]{24})([0-9a-f]{8})-([2-9]|[1-9]\d{1,8})$/;

/** The id of a task with an explicit key: the first 128 bits of its SHA-256. */
export function idOf(key: string): string {
  // Hashed as JSON text: UTF-8 has no lone surrogates, so keys that differ only in them would be equal.
  return hash('sha256', JSON.stringify(key), 'hex').slice(0, 32);
}

/**
 * The id of a task with the default key, the hash of its input. Equal inputs have the keys `<hash>-2`,
 * `<hash>-3`, …; the id of the n-th is the hash with n - 1 added to its last 32 bits.
 */
export function hashIdOf(key: string): string {
  if (HASH.test(key)) return key;
  const match = REPEATED.exec(key);
  if (match === null) return idOf(key);
  const [, start, end, occurrence] = match as unknown as [string, string, string, string];
  const last = (Number.parseInt(end, 16) + Number(occurrence) - 1) >>> 0;
  return start + last.toString(16).padStart(8, '0');
}

/** The index, from 1, of the shard that a task belongs to. */
export function shardOf(id: string, count: number): number {
  return (Number.parseInt(id.slice(0, 8), 16) % count) + 1;
}

/** The largest line that can be read again: reading makes one string of it. */
export const MAX_LINE_BYTES: number = constants.MAX_STRING_LENGTH;
/** More than the fields of a line take, key and content excepted. */
const FIELDS_BYTES = 300;
const SHOWN_KEY = 100;

/**
 * Returns the error for a value, error or job handle whose line would be larger than `maxBytes`; undefined
 * when it fits.
 */
export function sizeError(
  what: 'value' | 'error' | 'job handle',
  key: string,
  content: EncodedValue,
  maxBytes: number = MAX_LINE_BYTES,
): HeddleError | undefined {
  // JSON writes six characters for some code units.
  const rest = FIELDS_BYTES + 6 * key.length;
  const bytes = rest + contentBytes(content, maxBytes - rest);
  if (bytes <= maxBytes) return undefined;
  const shownKey = key.length > SHOWN_KEY ? `${key.slice(0, SHOWN_KEY)}…` : key;
  return new HeddleError(
    'HEDDLE_SESSION_WRITE',
    `The ${what} of the task ${shownKey} is too large for a session: about ${Math.ceil(bytes / 1e6)} MB, ` +
      `the limit is ${Math.floor(maxBytes / 1e6)} MB. Write large data to a file and return its path`,
  );
}

function contentBytes(content: EncodedValue, limit: number): number {
  if (content === undefined) return 0;
  if (typeof content !== 'string') return Math.ceil(content.byteLength / 3) * 4;
  // A code unit takes at most three bytes, so most contents need not be measured.
  return content.length * 3 <= limit ? content.length * 3 : Buffer.byteLength(content);
}

/** Returns the line of an outcome, with its newline. */
export function recordLine(id: string, record: NewRecord): string {
  const { key, index, status, attempts, startedAt, durationMs, workerId, content } = record;
  return (
    `{"id":"${id}","status":"${status}","index":${index},"attempts":${attempts}` +
    (startedAt === undefined ? '' : `,"startedAt":${startedAt}`) +
    `,"durationMs":${durationMs}` +
    (workerId === undefined ? '' : `,"workerId":${workerId}`) +
    (id === key ? '' : `,"key":${JSON.stringify(key)}`) +
    contentField(status === 'succeeded' ? 'value' : 'error', content) +
    '}\n'
  );
}

function contentField(name: string, content: EncodedValue): string {
  if (content === undefined) return '';
  if (typeof content === 'string') return `,"${name}":${content}`;
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  return `,"${name}Clone":"${bytes.toString('base64')}"`;
}

/** Reads the line of an outcome. @throws SyntaxError */
export function parseRecord(line: string): OutcomeOnDisk {
  const fields = JSON.parse(line) as Omit<OutcomeOnDisk, 'key'> & {
    readonly key?: string;
    readonly valueClone?: string;
    readonly errorClone?: string;
  };
  const { id, index, status, attempts, startedAt, durationMs, workerId } = fields;
  // Field by field: rest and spread of a parsed object take four times as long.
  return {
    id,
    key: fields.key ?? id,
    index,
    status,
    attempts,
    startedAt,
    durationMs,
    workerId,
    value: cloned(fields.valueClone) ?? fields.value,
    error: (cloned(fields.errorClone) as SerializedError | undefined) ?? fields.error,
  };
}

function cloned(base64: string | undefined): unknown {
  return base64 === undefined ? undefined : decodeValue(Buffer.from(base64, 'base64'));
}

/** A note that the session makes for itself. */
export type SessionNote =
  | { readonly '@head': unknown }
  | { readonly '@started': readonly [id: string, attempt: number, at: number] }
  | { readonly '@unstarted': string }
  | { readonly '@submitted': readonly [id: string, handle: unknown, account?: string] }
  | { readonly '@moved': readonly (readonly [id: string, index: number])[] }
  | { readonly '@gone': readonly string[] }
  | { readonly '@back': readonly string[] }
  | { readonly '@close': unknown };

/** Returns the line of a note, with its newline. */
export function noteLine(note: SessionNote): string {
  return `${JSON.stringify(note)}\n`;
}

/** Returns the line of a job that a task waits for, with its newline. */
export function jobLine(id: string, { handle, account }: Job): string {
  const shownAccount = account === undefined ? '' : `,${JSON.stringify(account)}`;
  return `{"@submitted":["${id}",${handle}${shownAccount}]}\n`;
}

const ID_AT = '{"id":"'.length;
const STATUS_AT = ID_AT + 32 + '","status":"'.length;
const INDEX_AFTER = { succeeded: 'succeeded","index":'.length, failed: 'failed","index":'.length };
const [NEWLINE, QUOTE_AT, AT, F, ZERO, NINE] = [10, 2, 64, 102, 48, 57];

/** Receives the lines of a body. */
export interface BodyReader {
  /** An outcome: the offsets of its id and its line in the body. */
  onOutcome(idAt: number, status: 'succeeded' | 'failed', index: number, from: number, to: number): void;
  onNote(note: SessionNote): void;
}

/** Reads the lines of a body without parsing the outcomes. */
export function readBody(body: Buffer, reader: BodyReader): void {
  for (let from = 0; from < body.length; ) {
    const to = body.indexOf(NEWLINE, from);
    if (to === -1) break;
    if (body[from + QUOTE_AT] === AT) {
      reader.onNote(JSON.parse(body.toString('utf8', from, to)) as SessionNote);
    } else {
      const status = body[from + STATUS_AT] === F ? 'failed' : 'succeeded';
      let at = from + STATUS_AT + INDEX_AFTER[status];
      let index = 0;
      for (let byte = body[at] as number; byte >= ZERO && byte <= NINE; byte = body[++at] as number)
        index = index * 10 + byte - ZERO;
      reader.onOutcome(from + ID_AT, status, index, from, to);
    }
    from = to + 1;
  }
}
