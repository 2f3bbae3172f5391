/** Times that sessions go by. Apart from where they are used, so that checking options loads nothing. */

/** A lock that was not touched for so long has lost its process, or its process has stopped. */
export const STALE_MS = 10_000;
/** proper-lockfile takes no less. */
export const MIN_STALE_MS = 2_000;
