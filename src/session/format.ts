/** The version of everything that is written into a session. */

import { HeddleError } from '../protocol/errors.js';

/** A session with a newer one is refused. */
export const FORMAT = 1;

/** The error for a session that a later release wrote. */
export function newerFormat(format: number): HeddleError {
  return new HeddleError(
    'HEDDLE_SESSION_FORMAT',
    `The session has format ${format}; this heddle knows format ${FORMAT}. Use the release that wrote it, or a newer one`,
  );
}
