/**
 * The command that a session records, so that `heddle resume` needs nothing but the session's name:
 *
 *   { v: 1, cwd, module, args, flags }
 *
 * `cwd` is the folder where the command was started, `module` an absolute path, `args` the inputs that were
 * arguments; `flags` are the parsed flags of `heddle run` by name, without those that belong to one command
 * line only. Paths in them are relative to `cwd`. Shards share the session but not the files that they write,
 * so a shard records neither `-o` nor `--failed-out`.
 *
 * A session is a folder that may come from anywhere, so what is read from it is checked before it is used.
 */

import { resolve } from 'node:path';
import { Option } from 'commander';
import { SessionProblem } from '../../shell/exit-codes.js';
import { OWN_FLAGS, RUN_FLAGS, type RunFlags } from './run-flags.js';

/** A command that can be run again. */
export interface RecordedCommand {
  readonly v: 1;
  readonly cwd: string;
  readonly module: string;
  readonly args: readonly string[];
  readonly flags: Readonly<Record<string, unknown>>;
}

const FILES_OF_A_SHARD = new Set(['output', 'failedOut']);

/** What to record of a command. */
export function recordCommand(
  module: string,
  args: readonly string[],
  flags: RunFlags,
  cwd: string,
): RecordedCommand {
  const kept = Object.entries(flags).filter(
    ([name, value]) =>
      value !== undefined &&
      !OWN_FLAGS.has(name) &&
      !(flags.shard !== undefined && FILES_OF_A_SHARD.has(name)),
  );
  return { v: 1, cwd, module, args, flags: Object.fromEntries(kept) };
}

/**
 * Reads the command that a session records.
 *
 * @throws SessionProblem when no command is recorded
 */
export function readCommand(value: unknown, session: string): RecordedCommand {
  const { v, cwd, module, args, flags } = (value ?? {}) as Partial<Record<keyof RecordedCommand, unknown>>;
  if (value === undefined || value === null) {
    throw new SessionProblem(
      `the session ${session} was made by a program, not by heddle run, so it has no command to run again; ` +
        'resume it from that program',
      7,
    );
  }
  const isKnown =
    v === 1 &&
    typeof cwd === 'string' &&
    typeof module === 'string' &&
    isTexts(args) &&
    typeof flags === 'object' &&
    flags !== null;
  if (!isKnown) {
    throw new SessionProblem(
      `the session ${session} records a command that this release does not understand; ` +
        `continue it with heddle run <task-module> --session ${session}`,
      7,
    );
  }
  return { v, cwd, module, args, flags: usable(flags as Record<string, unknown>) };
}

/** Flags that this release has, with values of the kind that their parser returns. */
function usable(flags: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const known = new Map(RUN_FLAGS.map(({ spec }) => [new Option(spec).attributeName(), spec]));
  const isUsable = ([name, value]: readonly [string, unknown]) => {
    const spec = known.get(name);
    if (spec === undefined || OWN_FLAGS.has(name)) return false;
    if (!spec.includes('<')) return value === true;
    if (name === 'input' || name === 'glob') return isTexts(value);
    if (name === 'rateLimit') return isRate(value);
    return typeof value === 'string' || typeof value === 'number';
  };
  return Object.fromEntries(Object.entries(flags).filter(isUsable));
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function isRate(value: unknown): boolean {
  const { limit, perMs } = (value ?? {}) as { limit?: unknown; perMs?: unknown };
  return Number.isInteger(limit) && Number(limit) >= 1 && typeof perMs === 'number' && perMs >= 1;
}

const PATHS = ['output', 'failedOut', 'cache'] as const;

/**
 * The flags of a resumed run: the recorded ones, replaced by those given now.
 *
 * @param cwd - the folder that paths given now are relative to
 */
export function mergeFlags(recorded: RecordedCommand, given: RunFlags, cwd: string): RunFlags {
  const now: Record<string, unknown> = { ...given };
  for (const name of PATHS) if (given[name] !== undefined) now[name] = resolve(cwd, given[name]);
  const before = { ...recorded.flags };
  // The two exclude each other.
  if (given.failFast === true) delete before['maxFailures'];
  if (given.maxFailures !== undefined) delete before['failFast'];
  return { ...before, ...now } as unknown as RunFlags;
}
