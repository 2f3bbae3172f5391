/** The provider of test/fixtures/lanes/server.mjs, as tests hold it. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

export interface ServerSettings {
  readonly limit?: number;
  readonly perMs?: number;
  readonly budget?: number;
  readonly budgetPerMs?: number;
  readonly latencyMs?: number;
  readonly headers?: 'none' | 'ietf' | 'x';
  readonly retryAfter?: string;
  readonly broken?: boolean;
}

export interface ServerStats {
  readonly total: number;
  readonly refused: number;
  readonly peak: number;
  readonly accounts: Readonly<Record<string, number>>;
  readonly tasks: Readonly<Record<string, number>>;
}

/** A provider with limits. */
export class LimitedServer {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(settings: ServerSettings): Promise<LimitedServer> {
    const script = new URL('../fixtures/lanes/server.mjs', import.meta.url);
    const child = fork(script, [JSON.stringify(settings)]);
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return new LimitedServer(child, port);
  }

  async stats(): Promise<ServerStats> {
    return ((await this.#ask('stats')) as { stats: ServerStats }).stats;
  }

  /** When calls came, in ms of the server's clock. */
  async times(): Promise<readonly number[]> {
    return ((await this.#ask('times')) as { times: number[] }).times;
  }

  async set(settings: ServerSettings): Promise<void> {
    await this.#ask({ set: settings });
  }

  async die(): Promise<void> {
    await this.#ask('die');
  }

  async revive(): Promise<void> {
    await this.#ask('revive');
  }

  async stop(): Promise<void> {
    const over = once(this.#child, 'exit');
    this.#child.disconnect();
    await over;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #ask(question: string | object): Promise<unknown> {
    const answer = once(this.#child, 'message');
    this.#child.send(question);
    return (await answer)[0];
  }
}

/** The most calls in any window. */
export function fullestWindow(times: readonly number[], perMs: number): number {
  let most = 0;
  let first = 0;
  for (let last = 0; last < times.length; last++) {
    while ((times[first] as number) <= (times[last] as number) - perMs) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
