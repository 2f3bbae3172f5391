/**
 * The owner of a session: a process, described so that others can find out whether it still exists.
 *
 * A process id alone is not enough: ids are used again, containers have their own, machines restart. So the
 * owner is described by host, boot, process id namespace, id and start time. It counts as dead only when
 * these prove it.
 */

import fs from 'node:fs';
import { hostname } from 'node:os';

/** A process, as described in its claim. */
export interface Owner {
  readonly host: string;
  readonly bootId: string | undefined;
  readonly pidNamespace: string | undefined;
  readonly pid: number;
  /** When the process started, in clock ticks since boot. */
  readonly pidStart: string | undefined;
}

/** This process. */
export function thisProcess(): Owner {
  return {
    host: hostname(),
    bootId: readText('/proc/sys/kernel/random/boot_id'),
    pidNamespace: ifReadable(() => fs.readlinkSync('/proc/self/ns/pid')),
    pid: process.pid,
    pidStart: readStat(process.pid)?.start,
  };
}

/** Whether an owner still runs, as far as this process can find out. */
export function livenessOf(owner: Owner): 'alive' | 'dead' | 'unknown' {
  const here = thisProcess();
  if (owner.host !== here.host) return 'unknown';
  if (owner.bootId !== here.bootId) return 'dead';
  if (owner.pidNamespace !== here.pidNamespace) return 'unknown';
  if (!exists(owner.pid)) return 'dead';
  const now = readStat(owner.pid);
  if (now === undefined || owner.pidStart === undefined) return 'alive';
  return now.isZombie || now.start !== owner.pidStart ? 'dead' : 'alive';
}

/** True when this machine has a process with this id. */
export function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Reads fields 3 and 22 of /proc/<pid>/stat, counted after the name, which may contain spaces. */
function readStat(
  pid: number,
): { readonly isZombie: boolean; readonly start: string | undefined } | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { isZombie: fields[0] === 'Z', start: fields[19] };
}

function readText(path: string): string | undefined {
  return ifReadable(() => fs.readFileSync(path, 'utf8').trim());
}

function ifReadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
