/** Errors of a child as plain data. The library is loaded only when there is one. */

import type { SerializedError } from '../main/index.js';

/** What `serializeError` of the library makes of whatever was thrown. */
export async function serializeError(thrown: unknown): Promise<SerializedError> {
  const library = await import('../main/index.js');
  return library.serializeError(thrown);
}
