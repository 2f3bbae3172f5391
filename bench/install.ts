/**
 * Installs the rivals: the versions of bench/package.json in bench/node_modules, and SQLite's native
 * part built.
 *
 * Nothing here ends the run. What cannot be installed is reported, and the cases that need it are skipped
 * (`missingRival`). It uses `npm install` because `npm ci` would remove what was built before.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const BENCH = fileURLToPath(new URL('../../bench/', import.meta.url));

/** Installs and builds what is missing. */
export function installRivals(): void {
  const wrong = wrongRivals();
  if (wrong.length > 0) {
    console.error(`bench/node_modules lacks ${wrong.join(', ')}: npm install --prefix bench`);
    const { output } = npm('install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error');
    const still = wrongRivals();
    if (still.length > 0)
      console.error(`${tailOf(output)}\nnot installed: ${still.join(', ')}; their cases are skipped`);
  }
  if (wrongRivals().includes('better-sqlite3') || isSqliteBuilt()) return;
  console.error('better-sqlite3 has no binary for this Node.js: building it with node-gyp, about 90 s');
  const { status, output } = npm(
    'exec',
    '-c',
    'cd node_modules/better-sqlite3 && node-gyp rebuild --release',
  );
  if (status === 0 && isSqliteBuilt()) return;
  console.error(`${tailOf(output)}\nnot built: better-sqlite3; its cases are skipped`);
}

/** Rivals that are missing or of another version than the pinned one. */
function wrongRivals(): string[] {
  const pinned = manifest('')?.dependencies ?? {};
  return Object.keys(pinned).filter((name) => manifest(`node_modules/${name}/`)?.version !== pinned[name]);
}

/** The part of a package.json that is used here. */
interface Manifest {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

function manifest(folder: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(`${BENCH}${folder}package.json`, 'utf8'));
  } catch {
    // Missing counts as another version: install it.
    return undefined;
  }
}

/** Loads it to find out: a binary built for another version of Node.js exists but does not load. */
function isSqliteBuilt(): boolean {
  const program = "new (require('better-sqlite3'))(':memory:')";
  return spawnSync(process.execPath, ['-e', program], { cwd: BENCH }).status === 0;
}

/** Enough of what a tool printed to see why it failed. */
function tailOf(output: string): string {
  const lines = output.trim().split('\n').slice(-5);
  return lines.map((line) => `  ${line}`).join('\n');
}

/** Runs npm in bench/. Its output is shown only if it fails. */
function npm(...args: readonly string[]): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr, error } = spawnSync('npm', [...args], {
    cwd: BENCH,
    encoding: 'utf8',
    shell: process.platform === 'win32',
    maxBuffer: 64 * 2 ** 20,
  });
  return { status, output: `${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}` };
}
