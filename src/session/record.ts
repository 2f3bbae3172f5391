/**
 * Records: the lines of a frame. One outcome, or one note that the session makes for itself.
 *
 *   {"id":"<32 hex>","status":"succeeded","index":0,"attempts":1,"startedAt":<ms>,"durationMs":<ms>,"workerId":1,"value":<json>}
 *   {"id":"<32 hex>","status":"failed","index":7,...,"key":"<the user's key>","error":<json>}
 *
 * `id` names the task: the default key, which is the hash of the input; that with n - 1 added to its last 32 bits for the n-th of equal
 * inputs, whose key is `<hash>-<n>`; for a key of the user's own the first 128 bits of its SHA-256. `key` is there when it is not the id. The first three fields stand in this order, so that recovery finds them without parsing. `value` is left out when
 * it is undefined; where JSON would change it, `"valueClone":"<base64>"` or `"errorClone"` holds the structured clone instead.
 *
 *   {"@head":{...}}                first line of a journal (journal.ts) or a base (compaction.ts)
 *   {"@started":["<id>",<attempt>,<ms>]}   an attempt is about to begin (only for tasks that ask for it)
 *   {"@unstarted":"<id>"}          that attempt never began
 *   {"@submitted":["<id>",<handle>,"<account>"]}  the task's work goes on elsewhere, as the job that the handle names; of several the last counts
 *   {"@moved":[["<id>",<index>]]}  where tasks stand in the batch of the newest run, if elsewhere than recorded
 *   {"@gone":["<id>"]}, {"@back":["<id>"]}   tasks that the batch has no longer, has again
 *   {"@close":{...}}               last line of a journal whose run ended in good order
 *
 * Of several records of one task the last counts, in the order base, journals by epoch, frames, lines.
 */

import { hash } from 'node:crypto';
import type { EncodedValue } from '../protocol/encoded-value.js';
import { decodeValue } from '../protocol/encoded-value.js';
import type { Job } from '../protocol/messages.js';
import type { SerializedError } from '../protocol/serialized-error.js';

/** A final outcome on its way to the journal. */
export interface NewRecord {
  readonly key: string;
  readonly index: number;
  readonly status: 'succeeded' | 'failed';
  readonly attempts: number;
  readonly startedAt: number | undefined;
  readonly durationMs: number;
  readonly workerId: number | undefined;
  /** The value, or the serialized error. */
  readonly content: EncodedValue;
}

/** A recorded outcome. */
export interface OutcomeOnDisk {
  readonly id: string;
  readonly key: string;
  readonly index: number;
  readonly status: 'succeeded' | 'failed';
  readonly attempts: number;
  readonly startedAt: number | undefined;
  readonly durationMs: number;
  readonly workerId: number | undefined;
  readonly value: unknown;
  readonly error: SerializedError | undefined;
}

const HASH = /^[0-9a-f]{32}$/;
const REPEATED = /^([0-9a-f]{24})([0-9a-f]{8})-([2-9]|[1-9]\d{1,8})$/;

/** The id of a task by a key of the user's own. */
export function idOf(key: string): string {
  // As JSON text: UTF-8 alone has no lone surrogates, and keys that differ in them would be one.
  return hash('sha256', JSON.stringify(key), 'hex').slice(0, 32);
}

/** The id of a task by its default key: the hash of its input, with `-2`, `-3`, … for equal inputs, whose ids follow each other. */
export function hashIdOf(key: string): string {
  if (HASH.test(key)) return key;
  const match = REPEATED.exec(key);
  if (match === null) return idOf(key);
  const [, start, end, occurrence] = match as unknown as [string, string, string, string];
  const last = (Number.parseInt(end, 16) + Number(occurrence) - 1) >>> 0;
  return start + last.toString(16).padStart(8, '0');
}

/** The shard, from 1, that a task falls to. */
export function shardOf(id: string, count: number): number {
  return (Number.parseInt(id.slice(0, 8), 16) % count) + 1;
}

/** The line of an outcome, with its newline. */
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
  const fields = JSON.parse(line) as Omit<OutcomeOnDisk, 'key' | 'workerId' | 'startedAt'> & {
    readonly key?: string;
    readonly startedAt?: number;
    readonly workerId?: number;
    readonly valueClone?: string;
    readonly errorClone?: string;
  };
  const { id, index, status, attempts, durationMs } = fields;
  return {
    id,
    key: fields.key ?? id,
    index,
    status,
    attempts,
    startedAt: fields.startedAt,
    durationMs,
    workerId: fields.workerId,
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

/** The line of a note, with its newline. */
export function noteLine(note: SessionNote): string {
  return `${JSON.stringify(note)}\n`;
}

/** The line of a job that a task waits for, with its newline. */
export function jobLine(id: string, { handle, account }: Job): string {
  const of = account === undefined ? '' : `,${JSON.stringify(account)}`;
  return `{"@submitted":["${id}",${handle}${of}]}\n`;
}

const ID_AT = '{"id":"'.length;
const STATUS_AT = ID_AT + 32 + '","status":"'.length;
const INDEX_AFTER = { succeeded: 'succeeded","index":'.length, failed: 'failed","index":'.length };
const [NEWLINE, QUOTE_AT, AT, F, ZERO, NINE] = [10, 2, 64, 102, 48, 57];

/** Who is told what a body holds. */
export interface BodyReader {
  /** An outcome: where its id and its line stand in the body. */
  onOutcome(idAt: number, status: 'succeeded' | 'failed', index: number, from: number, to: number): void;
  onNote(note: SessionNote): void;
}

/** Goes through the lines of a body without parsing the outcomes. */
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
