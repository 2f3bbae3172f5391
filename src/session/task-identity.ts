/**
 * Which task function outcomes come from: a name, and a hash that changes when its text does.
 *
 * A module is read once, when its run starts. Its version goes along with every chunk, and a thread that
 * holds other text refuses the chunk. So the hash is of the text that is executed.
 */

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { textVersion } from '../protocol/text-version.js';
import type { TaskFingerprint } from './manifest.js';

/** The text of a task module as it is now. What it imports is not part of it. */
export interface ModuleText {
  readonly version: string;
  identity(): TaskFingerprint;
}

/** @param module - URL of the module; its query and fragment are part of its identity */
export function readModule(module: string): ModuleText {
  const { search, hash } = new URL(module);
  const suffix = search + hash;
  try {
    const path = fileURLToPath(module);
    const bytes = fs.readFileSync(path);
    const text = suffix === '' ? bytes : Buffer.concat([bytes, Buffer.from(suffix)]);
    return {
      version: textVersion(bytes),
      identity: () => ({ name: path + suffix, hash: sha256(text) }),
    };
  } catch {
    // Loading it reports what is wrong.
    return { version: '', identity: () => ({ name: module, hash: '' }) };
  }
}

/** Of a function of the caller: its name and its text. */
export function functionIdentity(task: (...args: never[]) => unknown): TaskFingerprint {
  return { name: `function ${task.name || '(anonymous)'}`, hash: sha256(String(task)) };
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
