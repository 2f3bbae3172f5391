/**
 * The parent's side of the child processes.
 *
 * Whatever a child does, a request ends: with its answer, with OutOfTime at the deadline, or with
 * BenchProblem when the process ends first. After OutOfTime the process is gone (SIGKILL: a task that blocks
 * handles no other signal).
 *
 * The output of tasks goes to standard error, because standard output carries the report.
 */

import { fork, type ChildProcess as Process, type StdioOptions, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { reviveError } from '../main/index.js';
import { BenchProblem, type ChildAnswer, type ChildRequest, type ChildValues } from './child-protocol.js';

/** The deadline of a request has passed. */
export class OutOfTime extends Error {
  override readonly name = 'OutOfTime';
}

const ENTRY = fileURLToPath(new URL('./child.js', import.meta.url));
/** Inputs in one message. */
const INPUTS_A_MESSAGE = 2000;

/** One child process. */
export class ChildProcess {
  readonly #name: string;
  readonly #process: Process;
  #pending: { resolve(answer: ChildAnswer): void; reject(error: Error): void } | undefined;
  #ending: Error | undefined;

  /** @param name - name of the variant, for messages */
  constructor(name: string, process: Process) {
    this.#name = name;
    this.#process = process;
    process.on('message', (answer: ChildAnswer) => this.#pending?.resolve(answer));
    process.on('exit', (code, signal) => this.#end(this.#ended(code, signal)));
    process.on('error', ({ message }) =>
      this.#end(new BenchProblem(`the process for "${name}" could not start: ${message}`)),
    );
  }

  /** @param deadline - by `performance.now()` */
  async ask<R extends ChildRequest>(request: R, deadline: number): Promise<ChildValues[R['type']]> {
    if (this.#ending !== undefined) throw this.#ending;
    const leftMs = Math.max(0, deadline - performance.now());
    const timer = setTimeout(() => {
      this.kill();
      this.#end(new OutOfTime(this.#name));
    }, leftMs);
    try {
      const answer = await new Promise<ChildAnswer>((resolve, reject) => {
        this.#pending = { resolve, reject };
        this.#process.send(request, (error) => {
          if (error != null) this.#end(this.#ended(this.#process.exitCode, this.#process.signalCode));
        });
      });
      if (answer.type === 'failed') throw reviveError(answer.error);
      if (answer.type === 'refused') throw new BenchProblem(answer.message);
      return answer.value as ChildValues[R['type']];
    } finally {
      clearTimeout(timer);
      this.#pending = undefined;
    }
  }

  /** Replaces the sample. */
  async give(inputs: readonly unknown[], deadline: number): Promise<void> {
    for (let at = 0; at === 0 || at < inputs.length; at += INPUTS_A_MESSAGE) {
      const part = inputs.slice(at, at + INPUTS_A_MESSAGE);
      await this.ask({ type: 'inputs', inputs: part, isFirst: at === 0 }, deadline);
    }
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  #end(error: Error): void {
    this.#ending ??= error;
    this.#pending?.reject(this.#ending);
  }

  #ended(code: number | null, signal: string | null): BenchProblem {
    const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
    const advice =
      signal === null
        ? 'a task that ends the process, or throws from a timer, cannot be compared: let its attempt throw'
        : 'it ran out of memory, crashed or was killed: see the lines above, and try a smaller --sample';
    return new BenchProblem(`the task ended the process it ran in (${this.#name}, ${how}); ${advice}`);
  }
}

/**
 * Kills the children of a parent that was killed itself. A child notices that its parent is gone, but not
 * while a task blocks it, and that may be forever. This shell reads process ids; when its input ends without
 * the word `end`, the parent has died.
 */
const GUARD = `trap '' INT TERM HUP
pids=
while read -r word; do
  [ "$word" = end ] && exit 0
  pids="$pids $word"
done
[ -n "$pids" ] && kill -9 $pids 2>/dev/null`;

/** All child processes of one comparison. */
export class ChildProcesses {
  readonly #output: 'stderr' | 'drop';
  readonly #children: ChildProcess[] = [];
  readonly #guard: Process | undefined;

  /** @param output - where the output of tasks goes */
  constructor(output: 'stderr' | 'drop') {
    this.#output = output;
    if (process.platform === 'win32') return;
    this.#guard = spawn('/bin/sh', ['-c', GUARD], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    // Without a shell everything else works.
    this.#guard.on('error', () => {});
    this.#guard.stdin?.on('error', () => {});
    this.#guard.unref();
  }

  /** @param name - name of the variant, for messages */
  start(name: string): ChildProcess {
    const stream = this.#output === 'drop' ? 'ignore' : process.stderr;
    const stdio: StdioOptions = ['ignore', stream, stream, 'ipc'];
    const forked = fork(ENTRY, [], { serialization: 'advanced', stdio });
    if (forked.pid !== undefined) this.#guard?.stdin?.write(`${forked.pid}\n`);
    const child = new ChildProcess(name, forked);
    this.#children.push(child);
    return child;
  }

  kill(): void {
    for (const child of this.#children) child.kill();
    this.#guard?.stdin?.end('end\n');
  }
}
