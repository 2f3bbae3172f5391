/**
 * How a request can fail, and the answer that is returned for it.
 *
 *   API_REQUEST_FAILED   a status other than 2xx (`HTTP 404: Not Found`), or no answer (`Network error: …`)
 *   API_TIMEOUT          no complete answer in time
 *   API_BAD_JSON         the answer claims to be JSON and is not
 *   API_TOO_LARGE        the answer is larger than allowed
 *   GRAPHQL_ERROR        the answer has `errors`
 *   PARAM_INVALID        the parameters do not make a request; nothing was sent
 *   CANCELLED            the batch was stopped before there was an answer
 *
 * Errors of tasks travel as plain data with limits on depth and length. A body within these limits is the
 * field `details`; a larger one is sent as pieces of JSON (`detailsJson`), so that it arrives whole.
 * `detailsOf` reads both.
 */

import type { Outcome } from '../../main/index.js';

/** Codes of failed requests. */
export type HttpErrorCode =
  | 'API_REQUEST_FAILED'
  | 'API_TIMEOUT'
  | 'API_BAD_JSON'
  | 'API_TOO_LARGE'
  | 'GRAPHQL_ERROR'
  | 'PARAM_INVALID';

/** What is known of a failure. */
export interface HttpFailure {
  readonly status?: number;
  /** Those about limits, and `content-type` and `x-request-id`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly details?: unknown;
  /** The request may have had an effect. */
  readonly mayHaveHappened?: boolean;
  /** Another attempt is harmless. */
  readonly isRepeatable?: boolean;
  /** There was no answer: the connection failed, or the time was up. */
  readonly isNetwork?: boolean;
  readonly cause?: unknown;
}

/** A request that failed. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly code: HttpErrorCode;
  declare readonly status?: number;
  declare readonly headers?: Readonly<Record<string, string>>;
  declare readonly details?: unknown;
  declare readonly detailsJson?: readonly string[];
  declare readonly mayHaveHappened?: boolean;
  declare readonly isRepeatable?: boolean;
  declare readonly isNetwork?: boolean;

  constructor(code: HttpErrorCode, message: string, failure: HttpFailure = {}) {
    const { cause, details, ...fields } = failure;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    Object.assign(this, fields);
    if (details !== undefined) Object.assign(this, packed(details));
    // A stack would only show where heddle read the answer, and each task may have one.
    Object.defineProperty(this, 'stack', { value: undefined, writable: true, configurable: true });
  }
}

/** The answer to one request. */
export type ApiResponse<Data = unknown> =
  | { readonly success: true; readonly data: Data }
  | { readonly success: false; readonly error: ApiError };

/** Why there is no data. */
export interface ApiError {
  readonly code: string;
  readonly message: string;
  readonly details?: unknown;
}

/** The answer to every request that was stopped. */
export const CANCELLED: ApiResponse<never> = Object.freeze({
  success: false,
  error: Object.freeze({ code: 'CANCELLED', message: 'Operation cancelled' }),
});

/** An outcome as an answer. */
export function responseOf<Data>(outcome: Outcome<Data>): ApiResponse<Data> {
  if (outcome.status === 'succeeded') return { success: true, data: outcome.value };
  if (outcome.status !== 'failed') return CANCELLED;
  const { message, code } = outcome.error as Error & { code?: unknown };
  const details = detailsOf(outcome.error);
  return {
    success: false,
    error: {
      code: typeof code === 'string' ? code : 'UNKNOWN_ERROR',
      message,
      ...(details !== undefined && { details }),
    },
  };
}

/** The body that came with a failure. */
export function detailsOf(error: Error): unknown {
  const { details, detailsJson } = error as { details?: unknown; detailsJson?: unknown };
  if (!Array.isArray(detailsJson)) return details;
  try {
    return JSON.parse(detailsJson.join(''));
  } catch {
    return detailsJson.join('');
  }
}

/** The limits of serializeError. */
const MOST_CHARS = 64_000;
const MOST_ENTRIES = 100;
const MOST_DEPTH = 3;
const CUT_NOTE = ' [cut]';

function packed(details: unknown): { details: unknown } | { detailsJson: readonly string[] } {
  if (fits(details, 1)) return { details };
  const json = jsonOf(details);
  const most = MOST_CHARS * (MOST_ENTRIES - 1);
  // More than six million characters are cut.
  const text = json.length <= most ? json : JSON.stringify(json.slice(0, most / 2) + CUT_NOTE).slice(0, most);
  const pieces: string[] = [];
  for (let at = 0; at < text.length; at += MOST_CHARS) pieces.push(text.slice(at, at + MOST_CHARS));
  return { detailsJson: pieces };
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch {
    return '"[nested too deeply]"';
  }
}

function fits(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return value.length <= MOST_CHARS;
  if (typeof value !== 'object' || value === null) return true;
  const entries = Object.entries(value);
  return (
    depth <= MOST_DEPTH &&
    entries.length <= MOST_ENTRIES &&
    entries.every(([name, each]) => name !== '__proto__' && fits(each, depth + 1))
  );
}
