/**
 * The headers of an answer that say something about limits, as plain data that can be sent between threads.
 */

const NAMES: ReadonlySet<string> = new Set([
  'date',
  'retry-after',
  'retry-after-ms',
  'x-ms-retry-after-ms',
  'x-amz-retry-after',
  'x-should-retry',
  'x-ms-dop-hint',
  'ratelimit',
  'ratelimit-policy',
]);
const PREFIXES = ['ratelimit-', 'x-ratelimit-', 'x-rate-limit-', 'anthropic-ratelimit-'];
/** Longer values are ignored. */
export const MAX_LENGTH = 4096;
/** Number of headers that are read: more than any answer has, but an iterator may be endless. */
const MAX_FIELDS = 1000;

/**
 * Returns the headers of a response that say something about limits, by their names in lower case:
 * `Retry-After` and its variants, `RateLimit-*`, `X-RateLimit-*`, and those of AI providers and Dataverse.
 * `Date` is included beside them, because delays are relative to it. Other headers, such as credentials and
 * cookies, are left out.
 *
 * Attach them to an error as `headers` to let a lane see what the provider asked for, as `ctx.observe` does
 * for a response. Never throws.
 *
 * @param headers - Headers, a Map, an array of pairs, or an object with strings or arrays of strings; of any
 *   other value the result is empty
 */
export function limitHeadersOf(headers: unknown): Record<string, string> {
  const found: Record<string, string> = {};
  try {
    let count = 0;
    for (const entry of entriesOf(headers)) {
      if (++count > MAX_FIELDS) break;
      if (Array.isArray(entry)) collect(found, entry[0], entry[1]);
    }
  } catch {
    // A getter or an iterator threw. The headers before it count.
  }
  // A date alone says nothing about limits.
  return Object.keys(found).some((name) => name !== 'date') ? found : {};
}

function entriesOf(headers: unknown): Iterable<unknown> {
  if (typeof headers !== 'object' || headers === null) return [];
  return Symbol.iterator in headers ? (headers as Iterable<unknown>) : Object.entries(headers);
}

function collect(found: Record<string, string>, name: unknown, value: unknown): void {
  if (typeof name !== 'string') return;
  const lower = name.toLowerCase();
  if (!NAMES.has(lower) && !PREFIXES.some((prefix) => lower.startsWith(prefix))) return;
  for (const each of Array.isArray(value) ? value : [value]) {
    if (typeof each !== 'string' && typeof each !== 'number') continue;
    const text = String(each).trim();
    const before = found[lower];
    // A proxy may repeat a header.
    if (before === text || text.length > MAX_LENGTH) continue;
    found[lower] = before === undefined ? text : `${before}, ${text}`;
  }
}
