/**
 * The version of a task module: a fingerprint of its text.
 *
 * The coordinator and each thread compute it from the file; comparing the two shows whether a thread runs the
 * text that the run was started with. Two 32-bit FNV-1a sums with different seeds: far cheaper to load than
 * node:crypto, and meant against stale modules, not against an attacker.
 */

const PRIME = 16_777_619;

export function textVersion(bytes: Uint8Array): string {
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  for (const byte of bytes) {
    low = Math.imul(low ^ byte, PRIME);
    high = Math.imul(high ^ byte, PRIME) + 1;
  }
  return `${bytes.length}-${hex(low)}${hex(high)}`;
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
