/**
 * From the bytes of an answer to data.
 *
 * JSON is parsed, anything else stays text. An answer that claims to be JSON and is not is a failure, because
 * a truncated answer must not pass for data. Compressed answers are unpacked up to the same limit as plain
 * ones.
 */

import { promisify, TextDecoder } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { HttpError } from './http-error.js';
import type { RawAnswer } from './send.js';

/** An answer that succeeded. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON, or text; null for an answer without content. */
  readonly data: unknown;
}

const UNPACKERS: Readonly<
  Record<string, (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>>
> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
};

/** Value of `Accept-Encoding`. */
export const ACCEPTED_ENCODINGS = 'gzip, deflate, br';

/**
 * The text of an answer.
 *
 * @throws HttpError API_TOO_LARGE, API_BAD_JSON when it cannot be unpacked
 */
export async function textOf(answer: RawAnswer, maxBodyBytes: number): Promise<string> {
  const { headers, status } = answer;
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  const unpack = UNPACKERS[encoding];
  if (unpack === undefined || answer.body.length === 0) return decode(answer.body, headers['content-type']);
  try {
    return decode(await unpack(answer.body, { maxOutputLength: maxBodyBytes }), headers['content-type']);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new HttpError(
        'API_TOO_LARGE',
        `The answer unpacks to more than ${maxBodyBytes} bytes; request less, or raise maxBodyBytes`,
        { status },
      );
    throw new HttpError('API_BAD_JSON', `The answer claims to be ${encoding} but cannot be unpacked`, {
      status,
      cause: error,
      isNetwork: true,
    });
  }
}

/** True for `application/json` and types based on it, such as `application/problem+json`. */
export function isJson(contentType: string | undefined): boolean {
  return /^\s*(?:application|text)\/(?:[\w.+-]+\+)?json\b/i.test(contentType ?? '');
}

/** Parses JSON; undefined when the text is not JSON. */
export function parse(text: string): { readonly data: unknown } | undefined {
  try {
    return { data: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function decode(body: Buffer, contentType: string | undefined): string {
  const [, charset = 'utf-8'] = /charset\s*=\s*"?([\w.:-]+)/i.exec(contentType ?? '') ?? [];
  // The common case needs no decoder. A byte order mark is not part of the text.
  const text = /^utf-?8$/i.test(charset) ? body.toString('utf8') : decoderFor(charset).decode(body);
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

function decoderFor(charset: string): TextDecoder {
  try {
    return new TextDecoder(charset);
  } catch {
    return new TextDecoder();
  }
}
