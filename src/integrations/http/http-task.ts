/**
 * The task that sends one request: for `runtime.run`, on the caller's own thread.
 *
 *   request → (redirects) → answer → data, or an HttpError that says whether another attempt makes sense
 *
 * Connections are kept alive and shared by all attempts; there are as many as concurrent attempts. `close`
 * ends them. An attempt ends when its signal aborts or its time is up, and its connection is closed.
 *
 * Redirects are followed for GET and HEAD only, because other requests may not be safe to send twice.
 * Credentials are never sent to another origin.
 */

import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { Agent } from 'undici';
import { HeddleError, limitHeadersOf, type TaskContext } from '../../main/index.js';
import { list, MAX_TIMER_MS, number, object, optional, text, withDefault } from '../../text/schema.js';
import { ACCEPTED_ENCODINGS, type HttpAnswer, isJson, parse, textOf } from './answer.js';
import { headerName } from './call-options.js';
import { checkOptions } from './checks.js';
import { HttpError, type HttpFailure } from './http-error.js';
import { isSecretName, Redactor, shownUrl } from './redact.js';
import { type HttpItem, REPEATABLE_METHODS } from './request.js';
import { type RawAnswer, send } from './send.js';

/** Options of {@link httpTask}. */
export interface HttpTaskOptions {
  /** Most connections to one origin: as many as concurrent tasks. @defaultValue 50 */
  readonly concurrency?: number | undefined;
  /** Longest time for one attempt, in ms. @defaultValue 30_000 */
  readonly timeoutMs?: number | undefined;
  /** Largest answer, in bytes. @defaultValue 32 MiB */
  readonly maxBodyBytes?: number | undefined;
  /** Name of a header that carries the id of the attempt. @defaultValue none */
  readonly correlationHeader?: string | undefined;
  /** Texts that must not appear anywhere, in addition to the values of headers with credentials. */
  readonly secrets?: readonly string[] | undefined;
}

/** A task function that sends requests. Close it when no run uses it. */
export interface HttpTask extends AsyncDisposable {
  (item: HttpItem, ctx: TaskContext): Promise<HttpAnswer>;
  close(): Promise<void>;
}

const OPTIONS = object(
  {
    concurrency: withDefault(50, number(1, 1_000_000)),
    timeoutMs: withDefault(30_000, number(1, MAX_TIMER_MS)),
    maxBodyBytes: withDefault(32 * 1024 * 1024, number(1, Number.MAX_SAFE_INTEGER)),
    correlationHeader: optional(headerName),
    secrets: withDefault([], list(text)),
  },
  'an object of options',
);
const MOST_REDIRECTS = 10;
/** System calls that make a connection: when one fails, nothing was sent. */
const CONNECTING: ReadonlySet<string | undefined> = new Set(['connect', 'getaddrinfo']);
/** Kept in errors beside the headers about limits. */
const KEPT_HEADERS = ['content-type', 'x-request-id'];

/** Makes a task that sends requests. */
export function httpTask(options: HttpTaskOptions = {}): HttpTask {
  const { concurrency, secrets, ...given } = checkOptions(OPTIONS, options);
  const redactor = new Redactor(secrets);
  let agent: Agent | undefined;
  let isClosed = false;
  const task = async (item: HttpItem, ctx: TaskContext): Promise<HttpAnswer> => {
    if (isClosed) throw new HeddleError('HEDDLE_CLOSED', 'The HTTP task is closed; make another one');
    agent ??= new Agent({
      connections: concurrency,
      pipelining: 1,
      // With a longer one, a server that names no timeout may close the connection just as a request is sent.
      keepAliveTimeout: 4000,
      // Only the time limit of the attempt applies.
      connect: { timeout: 0 },
    });
    const found = credentialsIn(item);
    const isKnown = found.every((each) => secrets.some((secret) => each.includes(secret)));
    return new Attempt(item, ctx, {
      ...given,
      agent,
      timeoutMs: item.timeoutMs ?? given.timeoutMs,
      redactor: isKnown ? redactor : new Redactor([...secrets, ...found]),
    }).run();
  };
  const close = async () => {
    isClosed = true;
    // Requests that are still open were given up, so they are not waited for.
    await agent?.destroy();
  };
  return Object.assign(task, { close, [Symbol.asyncDispose]: close });
}

/** The values of headers with credentials. */
function credentialsIn({ headers = {} }: HttpItem): string[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    if (!isSecretName(name)) return [];
    const [, token] = /^\s*\w+\s+(\S+)$/.exec(value) ?? [];
    return token === undefined ? [value] : [value, token];
  });
}

interface AttemptLimits {
  readonly agent: Agent;
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
  readonly correlationHeader?: string | undefined;
  readonly redactor: Redactor;
}

class Attempt {
  readonly #item: HttpItem;
  readonly #ctx: TaskContext;
  readonly #limits: AttemptLimits;
  readonly #method: string;
  readonly #isRepeatable: boolean;
  readonly #id = randomUUID();

  constructor(item: HttpItem, ctx: TaskContext, limits: AttemptLimits) {
    this.#item = item;
    this.#ctx = ctx;
    this.#limits = limits;
    this.#method = (item.method ?? 'GET').toUpperCase();
    this.#isRepeatable =
      item.isRepeatable ?? (REPEATABLE_METHODS.has(this.#method) || item.idempotencyKey !== undefined);
  }

  async run(): Promise<HttpAnswer> {
    const { signal } = this.#ctx;
    const { timeoutMs, redactor } = this.#limits;
    const shown = { correlationId: this.#id, method: this.#method, url: shownUrl(this.#item.url, redactor) };
    this.#ctx.log('debug', 'request', { ...shown, attempt: this.#ctx.attempt });
    const startedAt = performance.now();
    const controller = new AbortController();
    const onAbort = () => controller.abort(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    const timer = setTimeout(() => controller.abort(this.#timeout()), timeoutMs);
    try {
      const answer = await this.#exchange(controller.signal);
      const durationMs = Math.round(performance.now() - startedAt);
      this.#ctx.log('debug', 'answer', { ...shown, status: answer.status, durationMs });
      return await this.#read(answer);
    } catch (error) {
      // The run ended the attempt and knows why.
      if (signal.aborted) throw signal.reason;
      if (error instanceof RangeError)
        throw this.#error('API_BAD_JSON', 'The answer is nested too deeply', { mayHaveHappened: true });
      const failure = error instanceof HttpError ? error : this.#networkError(error);
      this.#ctx.log('debug', 'failure', { ...shown, code: failure.code, message: failure.message });
      throw failure;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #exchange(signal: AbortSignal): Promise<RawAnswer> {
    const { agent, maxBodyBytes } = this.#limits;
    const { body, headers } = this.#message();
    let url = this.#url(this.#item.url);
    let sent = headers;
    for (let redirects = 0; ; redirects++) {
      const answer = await send(agent, {
        method: this.#method,
        url,
        headers: sent,
        body,
        signal,
        maxBodyBytes,
      });
      const { location } = answer.headers;
      const isRedirect = [301, 302, 303, 307, 308].includes(answer.status) && location !== undefined;
      if (!isRedirect || (this.#method !== 'GET' && this.#method !== 'HEAD')) return answer;
      if (redirects === MOST_REDIRECTS)
        throw this.#error('API_REQUEST_FAILED', `More than ${MOST_REDIRECTS} redirects`, {
          status: answer.status,
        });
      const next = this.#url(location, url);
      // A token belongs to its origin and must not follow a redirect to another.
      if (next.origin !== url.origin)
        sent = Object.fromEntries(Object.entries(sent).filter(([name]) => !isSecretName(name)));
      url = next;
    }
  }

  #url(text: string, base?: URL): URL {
    const url = URL.canParse(text, base?.href) ? new URL(text, base?.href) : undefined;
    if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
    if (base !== undefined)
      throw this.#error('API_REQUEST_FAILED', 'Redirected to a URL that is neither http nor https');
    throw this.#error('PARAM_INVALID', `Not an http or https URL: ${shownUrl(text, this.#limits.redactor)}`);
  }

  #message(): { readonly headers: Record<string, string>; readonly body: string | undefined } {
    const { headers = {}, body, idempotencyKey } = this.#item;
    const { correlationHeader } = this.#limits;
    const isText = typeof body === 'string';
    const all: Record<string, string> = {
      accept: '*/*',
      'accept-encoding': ACCEPTED_ENCODINGS,
      'user-agent': 'heddle',
      ...(body !== undefined && {
        'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json',
      }),
    };
    for (const [name, value] of Object.entries(headers)) all[name.toLowerCase()] = value;
    if (idempotencyKey !== undefined) all['idempotency-key'] = idempotencyKey;
    if (correlationHeader !== undefined) all[correlationHeader.toLowerCase()] = this.#id;
    return { headers: all, body: body === undefined || isText ? body : this.#json(body) };
  }

  #json(body: unknown): string {
    try {
      return JSON.stringify(body);
    } catch (cause) {
      throw this.#error('PARAM_INVALID', `The body cannot be written as JSON: ${(cause as Error).message}`);
    }
  }

  async #read(answer: RawAnswer): Promise<HttpAnswer> {
    const { status, headers } = answer;
    const { redactor, maxBodyBytes } = this.#limits;
    // The lane learns limits from every answer, also from one that cannot be read.
    this.#ctx.observe({ headers });
    const text = await textOf(answer, maxBodyBytes);
    const isOk = status >= 200 && status < 300;
    const parsed = isJson(headers['content-type']) ? parse(text) : undefined;
    const isBroken = parsed === undefined && isJson(headers['content-type']) && text.trim() !== '';
    if (isOk && isBroken)
      throw this.#error('API_BAD_JSON', `The answer (HTTP ${status}) claims to be JSON but is not`, {
        status,
        details: redactor.text(text),
        mayHaveHappened: true,
        isRepeatable: this.#isRepeatable,
      });
    const isEmpty = parsed === undefined && (status === 204 || isJson(headers['content-type'])) && !isBroken;
    const data = parsed === undefined ? (isEmpty ? null : redactor.text(text)) : redactor.value(parsed.data);
    // A cookie is a credential.
    if (isOk)
      return { status, headers: headersFor(redactor, headers, (name) => name !== 'set-cookie'), data };
    const reason = answer.statusText || (STATUS_CODES[status] ?? '');
    const limits = limitHeadersOf(headers);
    throw this.#error('API_REQUEST_FAILED', `HTTP ${status}: ${reason}`, {
      status,
      headers: headersFor(redactor, headers, (name) => name in limits || KEPT_HEADERS.includes(name)),
      details: data,
      // A request that was refused with 429 had no effect.
      mayHaveHappened: status >= 500 || status === 408,
      isRepeatable: status === 429 || this.#isRepeatable,
    });
  }

  #timeout(): HttpError {
    return this.#error('API_TIMEOUT', `Request timeout after ${this.#limits.timeoutMs}ms`, {
      mayHaveHappened: true,
      isRepeatable: this.#isRepeatable,
      isNetwork: true,
    });
  }

  #networkError(error: unknown): HttpError {
    const { code, message, syscall } = rootOf(error);
    // For example, a header with a line break.
    if (code === 'UND_ERR_INVALID_ARG')
      return this.#error('PARAM_INVALID', `Not a valid request: ${message}`);
    const isSent = !CONNECTING.has(syscall);
    return this.#error('API_REQUEST_FAILED', `Network error: ${message || code || 'the connection failed'}`, {
      mayHaveHappened: isSent,
      isRepeatable: !isSent || this.#isRepeatable,
      isNetwork: true,
      ...(code !== undefined && { cause: this.#cause(message, { code, syscall }) }),
    });
  }

  #cause(message: string, signs: { readonly code: string; readonly syscall: string | undefined }): Error {
    return Object.assign(new Error(this.#limits.redactor.text(message)), { ...signs, stack: undefined });
  }

  #error(code: HttpError['code'], message: string, failure?: HttpFailure): HttpError {
    return new HttpError(code, this.#limits.redactor.text(message), failure);
  }
}

/** Some headers, without secrets. */
function headersFor(
  redactor: Redactor,
  headers: Readonly<Record<string, string>>,
  isKept: (name: string) => boolean,
): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => isKept(name));
  return Object.fromEntries(kept.map(([name, value]) => [name, redactor.text(value)]));
}

/** Several addresses that all refused are one aggregate; the first is enough. */
function rootOf(error: unknown): {
  code?: string | undefined;
  message: string;
  syscall?: string | undefined;
} {
  const { errors, cause } = error as { errors?: unknown; cause?: unknown };
  const first = Array.isArray(errors) ? errors[0] : cause instanceof Error ? cause : undefined;
  const { code, message, syscall } = (first ?? error) as NodeJS.ErrnoException;
  return { code: typeof code === 'string' ? code : undefined, message: String(message ?? error), syscall };
}
