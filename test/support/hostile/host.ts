/** Plays plans in a process of its own, because a fault may end or block the process that it happens in. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Plan, Played } from './plan.js';

const SCRIPT = fileURLToPath(new URL('../../fixtures/hostile/host.mjs', import.meta.url));
/** A plan reports by itself what hangs; a host that does not even report is blocked. */
const BLOCKED_MS = 30_000;

/** A process for plans, started when needed and replaced when a plan has ended or blocked it. */
export class HostileHost implements AsyncDisposable {
  #child: ChildProcess | undefined;
  #stderr = '';

  /**
   * Plays one plan.
   *
   * @throws when the host ended or is blocked
   */
  async play(plan: Plan): Promise<Played> {
    const child = this.#child ?? this.#start();
    const blockedMs = Math.min(BLOCKED_MS, 3 * (plan.boundMs ?? BLOCKED_MS));
    const end = new AbortController();
    try {
      const played = once(child, 'message', { signal: end.signal });
      const exited = once(child, 'close', { signal: end.signal });
      const blocked = once(AbortSignal.timeout(blockedMs), 'abort', { signal: end.signal });
      for (const each of [played, exited, blocked]) each.catch(() => {});
      child.send(plan);
      const [first] = await Promise.race([
        played.then(([message]) => [message as Played]),
        exited.then(([code, signal]) => [new Error(`The host ended (${code ?? signal}): ${this.#stderr}`)]),
        blocked.then(() => [new Error(`The host is blocked: ${this.#stderr}`)]),
      ]);
      if (first instanceof Error) throw first;
      // What hangs may disturb the next plan.
      if ((first as Played).hung.length > 0) await this.#stop();
      return first as Played;
    } catch (error) {
      await this.#stop();
      throw error;
    } finally {
      end.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }

  #start(): ChildProcess {
    const child = fork(SCRIPT, {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
    });
    this.#stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-2000);
    });
    child.on('error', () => {});
    this.#child = child;
    return child;
  }

  async #stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  }
}
