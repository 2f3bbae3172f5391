/**
 * A real REST server on this machine, with what tests ask about it: who was there, when, how many at once,
 * and who went away early.
 *
 *   /users/<id>?delay=50    {"id":"<id>","name":"User <id>"}
 *   /echo                   what came: method, url, headers, body
 *   /status/<code>          that status, with {"error":…}
 *   /flaky/<id>?fail=2      503 so many times for that id, then 200
 *   /limited?for=1          429 with Retry-After once the limit of a window is reached (see limit)
 *   /hang/<id>              never answers
 *   /drop/<id>              closes the connection without an answer
 *   /text, /broken, /empty, /big?bytes=, /deep, /redirect?to=
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** One request, as the server saw it. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** On the server's clock, in ms. */
  readonly at: number;
  /** The client went away before it had its answer. */
  closedAt: number | undefined;
}

/** Decides on a request before anybody else; true when it has answered. */
export type Hook = (seen: Seen, response: ServerResponse) => boolean;

/** The server. */
export class RestServer implements AsyncDisposable {
  readonly seen: Seen[] = [];
  peak = 0;
  inFlight = 0;
  hook: Hook = () => false;
  readonly #tries = new Map<string, number>();
  readonly #sockets = new Set<Socket>();
  readonly #waiters = new Set<() => void>();
  #server: Server | undefined;
  #port = 0;

  static async start(hook?: Hook): Promise<RestServer> {
    const server = new RestServer();
    if (hook !== undefined) server.hook = hook;
    await server.listen();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Listens, on the same port as before if there was one. */
  async listen(): Promise<void> {
    const server = createServer((request, response) => void this.#serve(request, response));
    server.keepAliveTimeout = 30_000;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Ends at once, as a killed process does: every connection is cut. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.resetAndDestroy();
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** Waits until something is true of what the server has seen. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiters.add(resolve));
  }

  /** Most requests that came within any window. */
  mostWithin(windowMs: number): number {
    const times = this.seen.map(({ at }) => at);
    return Math.max(
      0,
      ...times.map((from) => times.filter((at) => at >= from && at < from + windowMs).length),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  #tell(): void {
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const at = performance.now();
    const parts: Buffer[] = [];
    this.inFlight++;
    this.peak = Math.max(this.peak, this.inFlight);
    const { method = '', url = '', headers } = request;
    for await (const part of request.on('error', () => {})) parts.push(part);
    const seen: Seen = { method, url, headers, body: String(Buffer.concat(parts)), at, closedAt: undefined };
    this.seen.push(seen);
    response.on('close', () => {
      this.inFlight--;
      if (!response.writableFinished) seen.closedAt = performance.now();
      this.#tell();
    });
    if (!this.hook(seen, response)) this.#answer(seen, response);
    this.#tell();
  }

  #answer(seen: Seen, response: ServerResponse): void {
    const url = new URL(seen.url, this.url);
    const [, kind = '', rest = ''] = /^\/(\w+)\/?(.*)$/.exec(url.pathname) ?? [];
    const id = decodeURIComponent(rest);
    const wait = Number(url.searchParams.get('delay') ?? 0);
    const send = (status: number, body: unknown, headers: Record<string, string> = {}) => {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const act = () =>
        response
          .writeHead(status, { 'content-type': 'application/json', ...headers })
          .end(status === 204 ? undefined : text);
      if (wait > 0) setTimeout(act, wait);
      else act();
    };
    switch (kind) {
      case 'users':
        return send(200, { id, name: `User ${id}` });
      case 'echo':
        return send(200, { ...seen, at: undefined });
      case 'status':
        return send(Number(id), { error: `status ${id}` });
      case 'flaky': {
        const tries = (this.#tries.get(id) ?? 0) + 1;
        this.#tries.set(id, tries);
        if (tries > Number(url.searchParams.get('fail') ?? 2)) return send(200, { id, tries });
        return send(503, { error: 'not yet' });
      }
      case 'hang':
        return undefined;
      case 'drop':
        return void response.socket?.resetAndDestroy();
      case 'text':
        return send(200, 'plain text', { 'content-type': 'text/plain' });
      case 'broken':
        return send(200, '{"cut":', {});
      case 'empty':
        return send(204, '');
      case 'big':
        return send(200, `"${'x'.repeat(Number(url.searchParams.get('bytes') ?? 0))}"`);
      case 'deep':
        return send(Number(id || 400), { a: { b: { c: { d: { e: { f: [1, { g: 'deep' }] } } } } } });
      case 'redirect':
        return void response.writeHead(302, { location: url.searchParams.get('to') ?? '/users/1' }).end();
      default:
        return send(404, { error: 'Not found', id });
    }
  }
}
