/** Lives of the real command: what one printed before it ended or was killed, and whether that agrees with what others printed. */

import { type ChildProcess, spawn } from 'node:child_process';
import { expect } from 'vitest';
import { BIN, jsonLines, type Line } from '../fixtures/cli/run-cli.js';

/** How a life ended. */
export interface Life {
  /** Null when it was killed. */
  readonly code: number | null;
  /** The complete lines that it printed. */
  readonly lines: Line[];
  readonly stderr: string;
}

/** Starts `heddle run` with arguments. */
export function start(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): { readonly child: ChildProcess; readonly ended: Promise<Life> } {
  const child = spawn(process.execPath, [BIN, 'run', ...args, '--quiet'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let text = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (data: string) => {
    text += data;
  });
  child.stderr.setEncoding('utf8').on('data', (data: string) => {
    stderr += data;
  });
  const ended = new Promise<Life>((resolve) => {
    child.on('close', (code) => {
      resolve({ code, lines: jsonLines(text.slice(0, text.lastIndexOf('\n') + 1)), stderr });
    });
  });
  return { child, ended };
}

/** Runs a life to its end, or for so long. */
export async function live(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  killAfterMs?: number,
): Promise<Life> {
  const { child, ended } = start(args, env);
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  const life = await ended;
  clearTimeout(timer);
  return life;
}

/** The environment in which the n-th operation on the session's files goes wrong: test/fixtures/session/fault.mjs. */
export function fault(folder: string, at: number, how: string, log?: string): NodeJS.ProcessEnv {
  const module = new URL('../fixtures/session/fault.mjs', import.meta.url).href;
  return { NODE_OPTIONS: `--import ${module}`, HEDDLE_FAULT: JSON.stringify({ folder, at, how, log }) };
}

/** All of an outcome that must never change. */
export function told({ index, key, status, value, error, attempts, startedAt, durationMs }: Line): string {
  return JSON.stringify([index, key, status, value, error?.message, attempts, startedAt, durationMs]);
}

/** Everything that was printed, by index; two different lines for one task are an error. */
export function remember(seen: Map<number, string>, lines: readonly Line[]): void {
  for (const line of lines) {
    const before = seen.get(line.index);
    if (before !== undefined) expect(told(line)).toBe(before);
    seen.set(line.index, told(line));
  }
}
