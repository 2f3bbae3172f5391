/**
 * The names of the files of a session, and the shard of a batch that a run works on.
 *
 *   session.json                     manifest: a hint for people and tools, rebuildable (manifest.ts)
 *   e000001.epoch                    claim (claims.ts); never deleted, its number is never used again
 *   l-000001-1of1-<writer>.log       journal of one writer (journal.ts); `1of1` is its shard
 *   base-000004.log                  all that was recorded before epoch 4 (compaction.ts)
 *   state-000001.json                version of the document of `session.update` (document.ts)
 *   calls-1of1-<writer>.log          starts of calls through lanes (call-log.ts)
 *   live-<writer>.lock/              its writer is alive (lock.ts); always empty
 *   session.lock/                    the manifest or the document is being written; always empty
 *   .t-<writer>-<n>                  temporary
 *   quarantine/                      copies of damaged byte ranges
 *
 * <writer> is the process id in base 36 and 80 random bits, so no two writers have the same name.
 */

import { randomBytes } from 'node:crypto';

/**
 * The tasks of a batch that a run works on: those whose id falls to `index` (from 1) of `count`. The whole
 * batch is shard 1 of 1. Files and `SessionRun` call it `part`.
 */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** The whole batch. */
export const WHOLE: Shard = { index: 1, count: 1 };

/** True when two shards may have tasks in common. Shards of different counts always may. */
export function overlap(a: Shard, b: Shard): boolean {
  return a.count !== b.count || a.index === b.index;
}

/** The parts of a journal's name. */
export interface JournalName {
  readonly file: string;
  readonly epoch: number;
  readonly shard: Shard;
}

const CLAIM = /^e(\d{6,})\.epoch$/;
const JOURNAL = /^l-(\d{6,})-(\d+)of(\d+)-[0-9a-z]+-[0-9a-f]{20}\.log$/;
const CALLS = /^calls-(\d+)of(\d+)-[0-9a-z]+-[0-9a-f]{20}\.log$/;
const BASE = /^base-(\d{6,})\.log$/;
const STATE = /^state-(\d{6,})\.json$/;
const TEMP = /^\.t-([0-9a-z]+)-[0-9a-f]{20}-\d+$/;
const LIVE = /^live-([0-9a-z]+-[0-9a-f]{20})\.lock$/;

export const MANIFEST = 'session.json';
export const MANIFEST_LOCK = 'session.lock';
export const QUARANTINE = 'quarantine';

const pad = (n: number): string => String(n).padStart(6, '0');
let temps = 0;

/** Returns a name for a new writer. */
export function newWriter(): string {
  return `${process.pid.toString(36)}-${randomBytes(10).toString('hex')}`;
}

export const claimName = (epoch: number): string => `e${pad(epoch)}.epoch`;
export const baseName = (epoch: number): string => `base-${pad(epoch)}.log`;
export const stateName = (version: number): string => `state-${pad(version)}.json`;
export const liveName = (writer: string): string => `live-${writer}.lock`;
export const tempName = (writer: string): string => `.t-${writer}-${temps++}`;
export const journalName = (epoch: number, { index, count }: Shard, writer: string): string =>
  `l-${pad(epoch)}-${index}of${count}-${writer}.log`;

export const callsName = ({ index, count }: Shard, writer: string): string =>
  `calls-${index}of${count}-${writer}.log`;

/** The number in a name, if the name is of this kind. */
function numberIn(pattern: RegExp, file: string): number | undefined {
  const digits = pattern.exec(file)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export const claimEpoch = (file: string): number | undefined => numberIn(CLAIM, file);
export const baseEpoch = (file: string): number | undefined => numberIn(BASE, file);
export const stateVersion = (file: string): number | undefined => numberIn(STATE, file);
/** The process that left a temporary file. */
export function tempPid(file: string): number | undefined {
  const digits = TEMP.exec(file)?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 36);
}
/** The writer of a live lock. */
export const liveWriter = (file: string): string | undefined => LIVE.exec(file)?.[1];

/** True for a temporary file of write-file-atomic. */
export const isManifestTemp = (file: string): boolean => /^session\.json\.\d+$/.test(file);

/** True when a file of this name belongs to a session. */
export function isOurs(file: string): boolean {
  const isFixed = file === MANIFEST || file === MANIFEST_LOCK || file === QUARANTINE || isManifestTemp(file);
  return isFixed || [CLAIM, JOURNAL, CALLS, BASE, STATE, TEMP, LIVE].some((pattern) => pattern.test(file));
}

/** The shard whose calls a file holds, by its name. */
export function callsShard(file: string): Shard | undefined {
  const match = CALLS.exec(file);
  return match === null ? undefined : { index: Number(match[1]), count: Number(match[2]) };
}

/** Parses the name of a journal. */
export function parseJournalName(file: string): JournalName | undefined {
  const match = JOURNAL.exec(file);
  if (match === null) return undefined;
  return { file, epoch: Number(match[1]), shard: { index: Number(match[2]), count: Number(match[3]) } };
}
