/**
 * Task module: the fingerprint of a file.
 *
 *   input   a path
 *   value   { path, bytes, sha256, gzipRatio }
 *
 * A task module is a plain module with a default export and needs no import from heddle. This one reads
 * synchronously on purpose: a thread has nothing else to do meanwhile, and synchronous tasks cost the least.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

/** @param {string} path */
export default function fingerprint(path) {
  const content = readFileSync(path);
  return {
    path,
    bytes: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
    gzipRatio: content.length === 0 ? 1 : round(gzipSync(content).length / content.length),
  };
}

/** @param {number} ratio */
function round(ratio) {
  return Math.round(ratio * 1000) / 1000;
}
