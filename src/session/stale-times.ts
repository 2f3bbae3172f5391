/** When a lock counts as abandoned. In a file of its own, so that checking options loads nothing else. */

/** A lock that was not touched for this long belongs to a process that has ended or is paused. */
export const STALE_MS = 10_000;
/** The least that proper-lockfile accepts. */
export const MIN_STALE_MS = 2_000;
