/** Selects the headers of a response that describe limits, as plain data that can be sent between threads. */

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
/** Headers that are looked at: more than any response has, and an iterator may be endless. */
const MAX_FIELDS = 1000;

/**
 * The headers of a response that describe limits, as a plain object with names in lower case. Accepts
 * Headers, plain objects (names in any case, values that are strings or arrays of strings), Maps and arrays
 * of pairs. Returns an empty object for anything else.
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
    // A getter or iterator of the caller threw. Keep what was read before.
  }
  // The date is useful only together with another header.
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
    // Proxies on the way may repeat a header.
    if (before === text || text.length > MAX_LENGTH) continue;
    found[lower] = before === undefined ? text : `${before}, ${text}`;
  }
}
