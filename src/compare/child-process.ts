/**
 * The parent's side of one child process: start, ask, end.
 *
 * Whatever the child does, asking comes to an end: with the answer, with OutOfTime at the deadline, with BenchProblem when the process
 * ends instead of answering. After anything but an answer the process is gone (SIGKILL: a task that blocks would hear nothing else).
 *
 * What tasks print goes to this process's standard error, for standard output carries the table; with `drop` nobody sees it.
 */

import { fork, type ChildProcess as Process } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { reviveError } from '../main/index.js';
import { BenchProblem, OutOfTime } from './problems.js';
import type { Answer, AnswerTo, ChildSpec, Request } from './protocol.js';

const ENTRY = fileURLToPath(new URL('./child.js', import.meta.url));
/** Inputs in one message. */
const PART = 2000;

/** One child process. */
export class ChildProcess {
  readonly #name: string;
  readonly #process: Process;
  #pending: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;
  #ending: Error | undefined;

  private constructor(name: string, process: Process) {
    this.#name = name;
    this.#process = process;
    process.on('message', (answer: Answer) => this.#settle(answer));
    process.on('exit', (code, signal) => this.#end(this.#endedWords(code, signal)));
    process.on('error', (error) => this.#end(`the process for "${name}" could not start: ${error.message}`));
  }

  /** @param name - of the variant, for messages */
  static start(name: string, output: 'stderr' | 'drop'): ChildProcess {
    const stream = output === 'drop' ? 'ignore' : process.stderr;
    return new ChildProcess(
      name,
      fork(ENTRY, [], { serialization: 'advanced', stdio: ['ignore', stream, stream, 'ipc'] }),
    );
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** @param deadline - by `performance.now()` */
  ask<R extends Request>(request: R, deadline: number): Promise<AnswerTo<R>> {
    return new Promise((resolve, reject) => {
      if (this.#ending !== undefined) return reject(this.#ending);
      const timer = setTimeout(
        () => {
          this.kill();
          this.#pending = undefined;
          reject(new OutOfTime(this.#name));
        },
        Math.max(0, deadline - performance.now()),
      );
      this.#pending = {
        resolve: (answer) => {
          clearTimeout(timer);
          if (answer.type === 'problem') reject(reviveError(answer.error));
          else if (answer.type === 'refused') reject(new BenchProblem(answer.message));
          else resolve(answer as AnswerTo<R>);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.#process.send(request, (error) => {
        if (error != null) this.#end(this.#endedWords(this.#process.exitCode, this.#process.signalCode));
      });
    });
  }

  open(spec: ChildSpec, deadline: number): Promise<AnswerTo<{ type: 'open'; spec: ChildSpec }>> {
    return this.ask({ type: 'open', spec }, deadline);
  }

  /** Gives the sample. */
  async give(inputs: readonly unknown[], deadline: number): Promise<void> {
    for (let at = 0; at === 0 || at < inputs.length; at += PART)
      await this.ask({ type: 'inputs', inputs: inputs.slice(at, at + PART), isFirst: at === 0 }, deadline);
  }

  /** Ends it at once. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }

  #settle(answer: Answer): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.resolve(answer);
  }

  #end(message: string): void {
    this.#ending ??= new BenchProblem(message);
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.reject(this.#ending);
  }

  #endedWords(code: number | null, signal: string | null): string {
    const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
    const mend =
      signal === null
        ? 'a task that ends the process, or throws from a timer, cannot be compared: let it throw within its attempt instead'
        : 'it ran out of memory, crashed or was killed: see the lines above, and try a smaller --sample';
    return `the task ended the process it ran in (${this.#name}, ${how}); ${mend}`;
  }
}
