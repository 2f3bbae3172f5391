/**
 * Starts of calls through lanes, so that the process that continues a session knows of those that its predecessor made: a limit
 * holds across a kill -9 as well.
 *
 * One file for each process, one line for each call, written when the call is let through and before it starts:
 *
 *   ["<lane>",<account or null>,<ms since 1970>,[<units of each budget>]]
 *
 * Lines are handed to the operating system and not synced: they must survive the process, not the machine, which takes longer to come
 * back than most windows last. A torn line is ignored. Whoever opens the log takes over the lines that are young enough, from all files of parts that
 * overlap with its own (their processes are gone: the claim says so), and removes those files.
 */

import { basename, join } from 'node:path';
import { disk, readSmall, removeIfThere, writeAll } from './disk.js';
import { callsName, callsShard, newWriter, overlap, type Shard } from './names.js';

/** A call that was let through. */
export interface LoggedCall {
  readonly lane: string;
  readonly account: string | undefined;
  /** Ms since the epoch. */
  readonly at: number;
  readonly costs: readonly number[];
}

type CallLine = readonly [lane: string, account: string | null, at: number, costs: readonly number[]];

/** A file that has grown to this size, and to twice what was young, is replaced by one with the young lines only. */
const MAX_BYTES = 4 * 1024 * 1024;

/** Keeps the starts of calls. */
export class CallLog {
  /** Calls of earlier processes, ascending. */
  readonly earlier: readonly LoggedCall[];
  readonly #folder: string;
  readonly #part: Shard;
  readonly #keepMs: number;
  readonly #explained: (error: unknown) => unknown;
  #path: string;
  #fd: number;
  #size = 0;
  /** What of it was young when it was made. */
  #renewedSize = 0;

  /**
   * @param keepMs - how far back calls matter
   * @param explained - what a failure to write means
   */
  constructor(
    folder: string,
    part: Shard,
    keepMs: number,
    explained: (error: unknown) => unknown = (error) => error,
  ) {
    this.#folder = folder;
    this.#part = part;
    this.#keepMs = keepMs;
    this.#explained = explained;
    const files = disk.list(folder).filter((file) => {
      const other = callsShard(file);
      return other !== undefined && overlap(part, other);
    });
    this.earlier = this.#young(files);
    [this.#path, this.#fd] = this.#create(this.earlier);
    for (const file of files) removeIfThere(join(folder, file));
  }

  /** Notes that a call starts now. */
  add(call: LoggedCall): void {
    try {
      this.#write(this.#fd, [call]);
      if (this.#size > Math.max(MAX_BYTES, 2 * this.#renewedSize)) this.#renew();
    } catch (error) {
      throw this.#explained(error);
    }
  }

  close(): void {
    disk.close(this.#fd);
  }

  #renew(): void {
    const [path, fd] = [this.#path, this.#fd];
    const young = this.#young([basename(path)]);
    [this.#path, this.#fd] = this.#create(young);
    disk.close(fd);
    removeIfThere(path);
  }

  #create(calls: readonly LoggedCall[]): [path: string, fd: number] {
    const path = join(this.#folder, callsName(this.#part, newWriter()));
    const fd = disk.create(path);
    this.#size = 0;
    this.#write(fd, calls);
    this.#renewedSize = this.#size;
    return [path, fd];
  }

  #write(fd: number, calls: readonly LoggedCall[]): void {
    if (calls.length === 0) return;
    const lines = calls.map(({ lane, account = null, at, costs }) =>
      JSON.stringify([lane, account, at, costs] satisfies CallLine),
    );
    const bytes = Buffer.from(`${lines.join('\n')}\n`);
    writeAll(fd, bytes, this.#size);
    this.#size += bytes.length;
  }

  #young(files: readonly string[]): LoggedCall[] {
    const since = Date.now() - this.#keepMs;
    // A process that died while it took lines over leaves them twice: they then count twice, which is on the safe side.
    const calls = files.flatMap((file) =>
      (readSmall(join(this.#folder, file)) ?? '').toString().split('\n').map(parse),
    );
    return calls
      .filter((call) => call !== undefined)
      .filter(({ at }) => at >= since)
      .sort((a, b) => a.at - b.at);
  }
}

function parse(line: string): LoggedCall | undefined {
  try {
    const [lane, account, at, costs] = JSON.parse(line) as CallLine;
    if (typeof lane !== 'string' || typeof at !== 'number' || !Array.isArray(costs)) return undefined;
    return { lane, account: account ?? undefined, at, costs };
  } catch {
    return undefined;
  }
}
