/**
 * From the bytes of an answer to data.
 *
 * JSON becomes what it says, anything else the text that it is. What says that it is JSON and is not is a failure: a cut-off answer must
 * not pass for data. Compressed answers are unpacked up to the same limit as plain ones.
 */

import { promisify, TextDecoder } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { HttpError } from './http-error.js';
import type { RawAnswer } from './send.js';

const UNPACKERS: Readonly<
  Record<string, (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>>
> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
};

/** What `Accept-Encoding` says. */
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
        `The answer unpacks to more than the ${maxBodyBytes} bytes that are allowed; ask for less, or raise maxBodyBytes`,
        { status },
      );
    throw new HttpError('API_BAD_JSON', `The answer says that it is ${encoding} and cannot be unpacked`, {
      status,
      cause: error,
      isNetwork: true,
    });
  }
}

/** True for `application/json` and what builds on it, such as `application/problem+json`. */
export function isJson(contentType: string | undefined): boolean {
  return /^\s*(?:application|text)\/(?:[\w.+-]+\+)?json\b/i.test(contentType ?? '');
}

/** A text as JSON; undefined when it is none. */
export function parse(text: string): { readonly data: unknown } | undefined {
  try {
    return { data: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function decode(body: Buffer, contentType: string | undefined): string {
  const [, charset = 'utf-8'] = /charset\s*=\s*"?([\w.:-]+)/i.exec(contentType ?? '') ?? [];
  // The common case, without a decoder for each answer. A byte order mark is no part of the text.
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
