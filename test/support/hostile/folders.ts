/** Folders for sessions and modules of a test file, removed when its process ends. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let root: string | undefined;
let count = 0;

/** A path at which there is nothing yet. */
export function freshPath(name = 'session'): string {
  if (root === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'heddle-hostile-'));
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
    root = made;
  }
  return join(root, `${name}-${++count}`);
}

/** Writes a module at a path and returns the path. */
export function writeModule(path: string, text: string): string {
  writeFileSync(path, text);
  return path;
}
