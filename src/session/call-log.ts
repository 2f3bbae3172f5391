/**
 * Starts of calls through lanes. The process that continues a session counts the calls of its predecessor, so
 * that limits hold across a kill -9.
 *
 * Each process has one file, with one line for each call, written after the call is granted and before it
 * starts:
 *
 *   ["<lane>",<account or null>,<ms since 1970>,[<units of each budget>]]
 *
 * Lines are not synced. They must survive the process but not the machine, which takes longer to restart than
 * most windows last. A torn line is ignored. A process that opens the log takes over the recent lines of all
 * files whose shards overlap with its own, and removes those files. Its claim ensures that their processes
 * have stopped writing.
 */

import { basename, join } from 'node:path';
import { disk, readSmall, removeIfThere, writeAll } from './disk.js';
import { callsName, callsShard, newWriter, overlap, type Shard } from './names.js';

/** A call that was granted. */
export interface LoggedCall {
  readonly lane: string;
  readonly account: string | undefined;
  /** Ms since 1970. */
  readonly at: number;
  readonly costs: readonly number[];
}

type CallLine = readonly [lane: string, account: string | null, at: number, costs: readonly number[]];

/**
 * A file larger than this, and than twice its recent lines when it was made, is replaced by its recent lines.
 */
const MAX_BYTES = 4 * 1024 * 1024;

/** Records the starts of calls. */
export class CallLog {
  /** Calls of earlier processes, the oldest first. */
  readonly earlier: readonly LoggedCall[];
  readonly #folder: string;
  readonly #shard: Shard;
  readonly #keepMs: number;
  readonly #explain: (error: unknown) => unknown;
  #path: string;
  #fd: number;
  #size = 0;
  /** Size of the file when it was made. */
  #renewedSize = 0;

  /**
   * @param keepMs - how long a call matters
   * @param explain - turns an error of the file system into the one to throw
   */
  constructor(
    folder: string,
    shard: Shard,
    keepMs: number,
    explain: (error: unknown) => unknown = (error) => error,
  ) {
    this.#folder = folder;
    this.#shard = shard;
    this.#keepMs = keepMs;
    this.#explain = explain;
    const files = disk.list(folder).filter((file) => {
      const other = callsShard(file);
      return other !== undefined && overlap(shard, other);
    });
    this.earlier = this.#recent(files);
    [this.#path, this.#fd] = this.#create(this.earlier);
    for (const file of files) removeIfThere(join(folder, file));
  }

  /** Records a call that starts now. */
  add(call: LoggedCall): void {
    try {
      this.#write(this.#fd, [call]);
      if (this.#size > Math.max(MAX_BYTES, 2 * this.#renewedSize)) this.#renew();
    } catch (error) {
      throw this.#explain(error);
    }
  }

  close(): void {
    disk.close(this.#fd);
  }

  #renew(): void {
    const [path, fd] = [this.#path, this.#fd];
    const recent = this.#recent([basename(path)]);
    [this.#path, this.#fd] = this.#create(recent);
    disk.close(fd);
    removeIfThere(path);
  }

  #create(calls: readonly LoggedCall[]): [path: string, fd: number] {
    const path = join(this.#folder, callsName(this.#shard, newWriter()));
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

  #recent(files: readonly string[]): LoggedCall[] {
    const since = Date.now() - this.#keepMs;
    // A process that died while it took over lines left them twice. They count twice, which is the safe side.
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
