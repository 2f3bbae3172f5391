/**
 * Answers as text, piece by piece, so that a batch of any length is never held.
 *
 *   json     [ answers ], indented by 2; byte for byte what `JSON.stringify(answers, null, 2)` gives
 *   ndjson   {"index":0,"success":true,"data":…}, one a line
 *   pretty   for people
 *
 * A writer returns text to be written unchanged.
 */

import type { ApiResponse } from './http-error.js';

/** How answers are written. */
export type OutputFormat = 'json' | 'ndjson' | 'pretty';

/** Turns answers into lines. */
export interface OutputWriter {
  /** Text of one answer. */
  add(index: number, response: ApiResponse): string;
  /** Text after the last answer. */
  end(): string;
}

/**
 * Makes a writer.
 *
 * @param total - number of items, where it is known
 */
export function outputWriter(format: OutputFormat, total: number | undefined): OutputWriter {
  switch (format) {
    case 'json':
      return new JsonWriter();
    case 'ndjson':
      return {
        add: (index, response) => `${safely((it) => JSON.stringify({ index, ...it }), response)}\n`,
        end: () => '',
      };
    case 'pretty':
      return new PrettyWriter(total);
    default:
      return format satisfies never;
  }
}

/** One answer alone: the data, or the error. */
export function singleText(response: ApiResponse): string {
  return response.success
    ? safely(() => JSON.stringify(response.data ?? null, null, 2), response)
    : safely(() => JSON.stringify({ error: response.error }, null, 2), response);
}

class JsonWriter implements OutputWriter {
  #isEmpty = true;

  /** JSON texts do not contain line feeds, so indenting lines indents the value. */
  add(_index: number, response: ApiResponse): string {
    const text = safely((it) => JSON.stringify(it, null, 2), response).replaceAll('\n', '\n  ');
    const before = this.#isEmpty ? '[\n' : ',\n';
    this.#isEmpty = false;
    return `${before}  ${text}`;
  }

  end(): string {
    return this.#isEmpty ? '[]\n' : '\n]\n';
  }
}

class PrettyWriter implements OutputWriter {
  readonly #total: string;
  #succeeded = 0;
  #failed = 0;

  constructor(total: number | undefined) {
    this.#total = total === undefined ? '' : `/${total}`;
  }

  add(index: number, response: ApiResponse): string {
    if (response.success) this.#succeeded++;
    else this.#failed++;
    return `=== Request ${index + 1}${this.#total} ===\n${safely(prettyText, response)}\n\n`;
  }

  end(): string {
    return `Summary: ${this.#succeeded} succeeded, ${this.#failed} failed\n`;
  }
}

function prettyText(response: ApiResponse): string {
  if (response.success) {
    const { data } = response;
    return `✓ Success\n${typeof data === 'string' ? data : JSON.stringify(data ?? null, null, 2)}`;
  }
  const { code, message, details } = response.error;
  const more =
    details === undefined || details === null || details === ''
      ? ''
      : `\nDetails: ${JSON.stringify(details, null, 2)}`;
  return `✗ [${code}] ${message}${more}`;
}

/** An answer that is nested too deeply to be written does not end the batch. */
function safely(write: (response: ApiResponse) => string, response: ApiResponse): string {
  try {
    return write(response);
  } catch (cause) {
    const [reason] = String((cause as Error).message).split('\n', 1);
    const message = `The answer cannot be written as JSON: ${reason}`;
    return write({ success: false, error: { code: 'UNKNOWN_ERROR', message } });
  }
}
