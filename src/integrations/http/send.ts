/**
 * One exchange over the wire: a request out, a whole answer in.
 *
 * It uses the dispatcher rather than `undici.request`, which hides the reason phrase and makes a stream for
 * each answer, although only the whole is needed. Whatever ends an exchange early (its signal, an answer that
 * is too large) closes its connection, so that the server stops working on it.
 */

import type { Dispatcher } from 'undici';
import { HttpError } from './http-error.js';

/** What to send. */
export interface Exchange {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly signal: AbortSignal;
  readonly maxBodyBytes: number;
}

/** What came back. */
export interface RawAnswer {
  readonly status: number;
  readonly statusText: string;
  /** Names in lower case; repeated headers are joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Sends a request. Rejects with the signal's reason, an HttpError, or what the network said. */
export function send(dispatcher: Dispatcher, exchange: Exchange): Promise<RawAnswer> {
  const { method, url, headers, body, signal } = exchange;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const handler = new Receiver(exchange, resolve, reject);
    try {
      dispatcher.dispatch(
        {
          origin: url.origin,
          path: `${url.pathname}${url.search}`,
          method: method as Dispatcher.HttpMethod,
          headers: { ...headers },
          body: body ?? null,
          // The time limit of the attempt covers everything.
          headersTimeout: 0,
          bodyTimeout: 0,
        },
        handler,
      );
    } catch (error) {
      handler.onError(error as Error);
    }
  });
}

class Receiver implements Dispatcher.DispatchHandlers {
  readonly #exchange: Exchange;
  readonly #resolve: (answer: RawAnswer) => void;
  readonly #reject: (error: unknown) => void;
  readonly #onAbort = () => this.#end(this.#exchange.signal.reason);
  readonly #parts: Buffer[] = [];
  #bytes = 0;
  #head: Omit<RawAnswer, 'body'> | undefined;
  #abort: ((error?: Error) => void) | undefined;
  #isOver = false;

  constructor(exchange: Exchange, resolve: (answer: RawAnswer) => void, reject: (error: unknown) => void) {
    this.#exchange = exchange;
    this.#resolve = resolve;
    this.#reject = reject;
    exchange.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort;
    // The time was up while the request waited for a connection.
    if (this.#isOver) abort();
  }

  onHeaders(status: number, rawHeaders: Buffer[], _resume: () => void, statusText: string): boolean {
    // 100 to 199 are not the final answer.
    if (status < 200) return true;
    const headers = headersFrom(rawHeaders);
    this.#head = { status, statusText, headers };
    if (Number(headers['content-length']) > this.#exchange.maxBodyBytes && this.#exchange.method !== 'HEAD')
      this.#end(this.#tooLarge());
    return true;
  }

  onData(part: Buffer): boolean {
    if (this.#isOver) return true;
    this.#bytes += part.length;
    if (this.#bytes > this.#exchange.maxBodyBytes) this.#end(this.#tooLarge());
    else this.#parts.push(part);
    return true;
  }

  onComplete(): void {
    if (this.#isOver || this.#head === undefined) return;
    this.#settle();
    const [first] = this.#parts;
    const body = this.#parts.length === 1 && first !== undefined ? first : Buffer.concat(this.#parts);
    this.#resolve({ ...this.#head, body });
  }

  onError(error: Error): void {
    if (this.#isOver) return;
    this.#settle();
    this.#reject(error);
  }

  #end(reason: unknown): void {
    if (this.#isOver) return;
    this.#settle();
    this.#reject(reason);
    this.#abort?.();
  }

  #settle(): void {
    this.#isOver = true;
    this.#exchange.signal.removeEventListener('abort', this.#onAbort);
  }

  #tooLarge(): HttpError {
    const { maxBodyBytes } = this.#exchange;
    return new HttpError(
      'API_TOO_LARGE',
      `The answer is larger than the ${maxBodyBytes} bytes allowed; request less, or raise maxBodyBytes`,
      { status: this.#head?.status ?? 0 },
    );
  }
}

function headersFrom(raw: readonly Buffer[]): Record<string, string> {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = String(raw[i]).toLowerCase();
    const value = (raw[i + 1] as Buffer).toString('latin1');
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return Object.fromEntries(headers);
}
