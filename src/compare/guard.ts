/**
 * Ends the children of a parent that was killed with SIGKILL.
 *
 * A child notices by itself that its parent is gone, but not while a task blocks it, which may be for ever. So a shell waits beside them: it is
 * told their process ids and reads on; when its input ends without the word `end`, the parent has died, and it kills what is left.
 * It sleeps in a read all the while. Where there is no such shell (Windows), children are left to notice by themselves.
 */

import { type ChildProcess, spawn } from 'node:child_process';

const SCRIPT = `trap '' INT TERM HUP
pids=
while read -r word; do
  [ "$word" = end ] && exit 0
  pids="$pids $word"
done
[ -n "$pids" ] && kill -9 $pids 2>/dev/null`;

/** Watches over child processes. */
export class Guard {
  readonly #shell: ChildProcess | undefined;

  constructor() {
    if (process.platform === 'win32') return;
    this.#shell = spawn('/bin/sh', ['-c', SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    // Without it everything works but the one thing that it is for.
    this.#shell.on('error', () => {});
    this.#shell.stdin?.on('error', () => {});
    this.#shell.unref();
  }

  watch(pid: number | undefined): void {
    if (pid !== undefined) this.#shell?.stdin?.write(`${pid}\n`);
  }

  /** All children have ended, or were told to. */
  end(): void {
    this.#shell?.stdin?.end('end\n');
  }
}
