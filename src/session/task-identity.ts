/** Which task function outcomes come from: a name, and a hash that changes when its text does. */

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TaskFingerprint } from './manifest.js';

/** Of a task module. What it imports is not part of the hash. */
export function moduleIdentity(module: string): TaskFingerprint {
  if (!module.startsWith('file:')) return { name: module, hash: sha256(module) };
  const path = fileURLToPath(module);
  try {
    return { name: path, hash: sha256(fs.readFileSync(path)) };
  } catch {
    // Loading it tells what is wrong.
    return { name: path, hash: '' };
  }
}

/** Of a function of the caller: its name and its text. */
export function functionIdentity(task: (...args: never[]) => unknown): TaskFingerprint {
  return { name: `function ${task.name || '(anonymous)'}`, hash: sha256(String(task)) };
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
