/**
 * Who owns a session: one process, named so that others can find out whether it still exists.
 *
 * A process id alone is not enough: ids are used again, containers have their own, machines restart. So an owner is host,
 * boot, process id namespace, id and start time; only when all that can be compared says so is it called dead.
 */

import fs from 'node:fs';
import { hostname } from 'node:os';

/** A process as it describes itself in a claim. */
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
    pidNamespace: readLink('/proc/self/ns/pid'),
    pid: process.pid,
    pidStart: lookAt(process.pid)?.start,
  };
}

/** What can be said of an owner from here. */
export function livenessOf(owner: Owner): 'alive' | 'dead' | 'unknown' {
  const here = thisProcess();
  if (owner.host !== here.host) return 'unknown';
  if (owner.bootId !== here.bootId) return 'dead';
  if (owner.pidNamespace !== here.pidNamespace) return 'unknown';
  if (!exists(owner.pid)) return 'dead';
  const now = lookAt(owner.pid);
  if (now === undefined || owner.pidStart === undefined) return 'alive';
  return now.isZombie || now.start !== owner.pidStart ? 'dead' : 'alive';
}

/** True when a process of this machine with that id exists. */
export function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Fields 3 and 22 of /proc/<pid>/stat, counted behind the name, which may hold spaces. */
function lookAt(pid: number): { readonly isZombie: boolean; readonly start: string | undefined } | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { isZombie: fields[0] === 'Z', start: fields[19] };
}

function readText(path: string): string | undefined {
  try {
    return fs.readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function readLink(path: string): string | undefined {
  try {
    return fs.readlinkSync(path);
  } catch {
    return undefined;
  }
}
