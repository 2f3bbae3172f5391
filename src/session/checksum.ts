/** Checksums of everything that a session writes. */

import { crc32 } from 'node:zlib';

/** The CRC-32 of some pieces of text or bytes, one after the other, as eight hexadecimal digits. */
export function checksum(...pieces: readonly (string | Uint8Array)[]): string {
  const crc = pieces.reduce((value, piece) => crc32(piece, value), 0);
  return crc.toString(16).padStart(8, '0');
}
