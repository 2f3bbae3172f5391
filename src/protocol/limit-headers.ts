/** Which headers of an answer say something about limits, as plain data that can be sent between threads. */

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
/** Longer ones say nothing. */
export const MAX_LENGTH = 4096;
/** Headers looked at: more than any answer has, fewer than an endless iterator. */
const MAX_FIELDS = 1000;

/**
 * The part of a response's headers that says something about limits, as a plain object with names in lower case. Takes Headers, plain
 * objects (any case; texts or arrays of texts), Maps and arrays of pairs; of anything else there is nothing to tell.
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
    // A getter or an iterator of somebody else's threw: what was read before it counts.
  }
  // The date says something beside another header only.
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
    // A proxy that repeats a header has not said anything else.
    if (before === text || text.length > MAX_LENGTH) continue;
    found[lower] = before === undefined ? text : `${before}, ${text}`;
  }
}
