/** The version of the format of a session. */

import { HeddleError } from '../protocol/errors.js';

/** Sessions with a higher format are refused. */
export const FORMAT = 1;

/** The error for a session that a newer release wrote. */
export function newerFormat(format: number): HeddleError {
  return new HeddleError(
    'HEDDLE_SESSION_FORMAT',
    `The session has format ${format}; this heddle knows format ${FORMAT}. ` +
      'Use the release that wrote it, or a newer one',
  );
}
