/** Settings: what the flags mean, checked as far as possible without reading inputs. */

import { realpathSync, type Stats, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunOptions, RuntimeOptions } from '../../../main/index.js';
import { systemReason, UsageError } from '../../shell/exit-codes.js';
import { type KeyFunction, parseKey } from '../../shell/keys.js';
import { placeOf, type SessionPlace } from '../sessions/place.js';
import type { RunFlags } from './run-flags.js';

/** The settings of a run. */
export interface Settings {
  /** Absolute path of the task module. */
  readonly module: string;
  /** The module as the user wrote it. */
  readonly moduleText: string;
  /** The module as progress shows it. */
  readonly label: string;
  readonly keyOf: KeyFunction | undefined;
  readonly threads: number;
  readonly runtime: RuntimeOptions;
  /** Without `key` and `total`, which depend on the inputs. */
  readonly run: RunOptions;
  readonly flags: RunFlags;
  /** Undefined for no session. */
  readonly session: SessionPlace | 'new' | undefined;
}

/**
 * @param session - the one to resume; otherwise the flags name it
 * @throws UsageError
 */
export function resolveSettings(moduleText: string, flags: RunFlags, session?: SessionPlace): Settings {
  const place = session ?? chooseSession(flags);
  const module = findModule(moduleText);
  refuseSameFiles(module, flags);
  const { threads = 'auto' } = flags;
  return {
    module,
    moduleText,
    label: basename(module),
    keyOf: flags.key === undefined ? undefined : parseKey(flags.key),
    threads: flags.inline === true ? 1 : threads === 'auto' ? availableParallelism() : threads,
    runtime: { threads, memoryLimitMb: flags.memoryLimit, taskOutput: 'stderr' },
    run: runOptions(flags),
    flags,
    session: place,
  };
}

/** Refuses flags that need a session with outcomes where there is none. */
function chooseSession({ session, shard, retryFailed, force }: RunFlags): Settings['session'] {
  if (typeof session === 'string') return placeOf(session, process.cwd());
  if (shard !== undefined && session !== false)
    throw new UsageError('shards need a session they share: add --session <name>');
  if (retryFailed === true)
    throw new UsageError('--retry-failed needs the session of the earlier run: add --session <name>');
  if (force === true) throw new UsageError('--force needs the session to continue: add --session <name>');
  return session === false ? undefined : 'new';
}

function runOptions(flags: RunFlags): RunOptions {
  return {
    concurrency: flags.concurrency === 'auto' ? undefined : flags.concurrency,
    order: flags.order,
    window: flags.window,
    chunk: flags.chunk,
    timeoutMs: flags.timeout,
    graceMs: flags.grace,
    deadlineMs: flags.deadline,
    failFast: flags.failFast,
    maxFailures: flags.maxFailures,
    retryFailed: flags.retryFailed,
    shard: flags.shard,
    cache: flags.cache,
    lane: laneOf(flags),
    retry: {
      attempts: flags.retries === undefined ? undefined : flags.retries + 1,
      backoffMs: flags.backoff,
    },
  };
}

/** The lane that limits starts. Without a breaker, because nothing is known of a provider. */
function laneOf({ rateLimit, burst }: RunFlags): RunOptions['lane'] {
  if (rateLimit === undefined) {
    if (burst !== undefined)
      throw new UsageError('--burst says how many starts of --rate-limit may come at once: add --rate-limit');
    return undefined;
  }
  if (burst !== undefined && burst > rateLimit.limit)
    throw new UsageError(`--burst ${burst} is more than the ${rateLimit.limit} starts of --rate-limit`);
  return { rate: { ...rateLimit, burst }, breaker: false };
}

function findModule(text: string): string {
  const path = pathOf(text);
  let stats: Stats;
  try {
    stats = statSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') {
      throw new UsageError(`the task module ${text} cannot be read: ${systemReason(error)}`);
    }
    const guess = ['.js', '.mjs', '.cjs', '.ts', '.mts'].find((extension) => isFile(path + extension));
    const advice = guess === undefined ? `it was looked for at ${path}` : `did you mean ${text}${guess}?`;
    throw new UsageError(`the task module ${text} does not exist; ${advice}`);
  }
  if (stats.isDirectory())
    throw new UsageError(`the task module ${text} is a folder; name a file, such as ${text}/task.js`);
  return path;
}

function pathOf(text: string): string {
  if (text.startsWith('file:')) {
    try {
      return fileURLToPath(text);
    } catch (error) {
      throw new UsageError(`the task module ${text} is not a usable file URL: ${(error as Error).message}`);
    }
  }
  if (/^[a-z][a-z\d+.-]+:\/\//i.test(text) || /^(?:data|node):/.test(text)) {
    throw new UsageError(`the task module must be a file on this machine, got ${text}`);
  }
  return resolve(text);
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Refuses to write a file that the same run reads or writes otherwise. */
function refuseSameFiles(module: string, { input = [], output, failedOut }: RunFlags): void {
  const taken = new Map([[real(module), 'the task module']]);
  for (const path of input) if (path !== '-') taken.set(real(path), `-i ${path}`);
  for (const [flag, path] of Object.entries({ '-o': output, '--failed-out': failedOut })) {
    if (path === undefined) continue;
    const place = real(path);
    const other = taken.get(place);
    if (other !== undefined && !isSpecial(place))
      throw new UsageError(`${flag} ${path} is the same file as ${other}; name another one`);
    taken.set(place, `${flag} ${path}`);
  }
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/** Devices and pipes, such as /dev/null, hold nothing to lose. */
function isSpecial(path: string): boolean {
  try {
    return !statSync(path).isFile();
  } catch {
    return false;
  }
}

/** How failed inputs are written. Refuses a name that would be read back in another format. */
export function failedFormat(path: string, areLines: boolean): 'jsonl' | 'lines' {
  const extension = extname(path).toLowerCase();
  if (extension === '.jsonl' || extension === '.ndjson') return 'jsonl';
  if (extension === '.json' || extension === '.csv') {
    throw new UsageError(`--failed-out ${path} is written as JSON lines; give it a name that ends in .jsonl`);
  }
  if (areLines) return 'lines';
  throw new UsageError(
    `--failed-out ${path} would be read back as lines, but inputs are not all lines of text; ` +
      'give it a name that ends in .jsonl',
  );
}
