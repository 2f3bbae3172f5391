/**
 * Processes that record into a session and print what is acknowledged (test/session/fixtures/recorder.js).
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const RECORDER = fileURLToPath(new URL('../session/fixtures/recorder.js', import.meta.url));

const running = new Set<ChildProcess>();

/** Ends the processes that a failed test has left. */
export function endProcesses(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** A process that records. */
export class RecorderProcess {
  /** Keys that were acknowledged, in order. */
  readonly acknowledged: string[] = [];
  /** How many outcomes it found; undefined before it has opened the session. */
  found: number | undefined;
  /** The code it ended with, `ok`, or undefined. */
  end: string | undefined;
  stderr = '';
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
  #text = '';

  constructor(folder: string, name: string, options: object = {}) {
    const args = [RECORDER, folder, name, JSON.stringify(options)];
    this.child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout?.setEncoding('utf8').on('data', (data: string) => this.#read(data));
    this.child.stderr?.setEncoding('utf8').on('data', (data: string) => {
      this.stderr += data;
    });
    running.add(this.child);
    this.exited = new Promise((resolve) =>
      this.child.once('close', () => {
        running.delete(this.child);
        resolve();
      }),
    );
  }

  /** Resolves when `count` outcomes were acknowledged, or the process has ended. */
  async reached(count: number): Promise<void> {
    let hasEnded = false;
    void this.exited.then(() => {
      hasEnded = true;
    });
    while (this.acknowledged.length < count && !hasEnded && this.end === undefined)
      await new Promise((resolve) => setTimeout(resolve, 5));
  }

  #read(data: string): void {
    const lines = (this.#text + data).split('\n');
    this.#text = lines.pop() as string;
    for (const line of lines) {
      const [word, ...rest] = line.split(' ');
      if (word === 'open') this.found = Number(rest[0]);
      if (word === 'ack') this.acknowledged.push(rest.join(' '));
      if (word === 'end') this.end = rest.join(' ');
    }
  }
}
