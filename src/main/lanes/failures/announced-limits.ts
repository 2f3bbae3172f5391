/**
 * Reads what the headers of an answer say about limits.
 *
 * Supported: `Retry-After` and its variants in ms; the IETF fields `RateLimit` and `RateLimit-Policy`
 * (structured fields of the current drafts, the dictionary of draft 7); three headers per window
 * (`RateLimit-*`, `X-RateLimit-*`, `X-Rate-Limit-*`); the windows of OpenAI and Anthropic; `x-should-retry`;
 * and the recommended parallelism of Dataverse.
 *
 * Points in time are relative to the `Date` header of the same answer, so a wrong local clock does no harm.
 * Malformed headers are ignored. Invariants: no function throws, and no number is negative or infinite.
 */

import { MAX_LENGTH } from '../../../protocol/limit-headers.js';
import { httpDate, plainNumber, resetMs, retryAfterMs, secondsMs } from './header-time.js';
import { type BareItem, dictionaryField, listField } from './structured-field.js';

/** A window of time, or another quota, that a provider announced. */
export interface AnnouncedWindow {
  readonly name: string;
  /** `'requests'`, `'tokens'`, `'input-tokens'`, … */
  readonly unit: string;
  readonly limit?: number;
  readonly perMs?: number;
  readonly remaining?: number;
  /** Time from the answer until it is renewed. For a bucket: until it is full, later than the next unit. */
  readonly resetMs?: number;
}

/** What an answer said about limits. */
export interface Announced {
  /** The delay that the provider asked for; {@link announcedWaitMs} also considers the windows. */
  readonly retryAfterMs?: number;
  readonly shouldRetry?: boolean;
  /** Concurrent calls that the provider recommends. */
  readonly concurrencyHint?: number;
  readonly windows: readonly AnnouncedWindow[];
}

type HeaderFields = Readonly<Record<string, string>>;

const MS_NAMES = ['retry-after-ms', 'x-ms-retry-after-ms', 'x-amz-retry-after'];
const UNITS = ['requests', 'tokens', 'input-tokens', 'output-tokens'];
/** Only the first form found is read: providers that send two forms say the same in both. */
const THREE_HEADER_PREFIXES = ['x-ratelimit-', 'x-rate-limit-', 'ratelimit-'];

/** Reads the headers of an answer. */
export function readLimitHeaders(headers: HeaderFields, epochMs: number): Announced {
  const now = httpDate(field(headers, 'date'), epochMs) ?? epochMs;
  let wait: number | undefined;
  for (const name of MS_NAMES) wait ??= plainNumber(field(headers, name));
  wait ??= retryAfterMs(field(headers, 'retry-after'), now);
  const should = field(headers, 'x-should-retry')?.toLowerCase();
  const hint = plainNumber(field(headers, 'x-ms-dop-hint'));
  return {
    ...(wait !== undefined && { retryAfterMs: wait }),
    ...((should === 'true' || should === 'false') && { shouldRetry: should === 'true' }),
    ...(hint !== undefined && hint >= 1 && { concurrencyHint: Math.floor(hint) }),
    windows: [...standardWindows(headers), ...unitWindows(headers, now), ...threeHeaderWindow(headers, now)],
  };
}

/**
 * Returns how long to wait after a refusal: the delay that the provider asked for; without one, until every
 * used-up window is renewed; undefined if it announced neither.
 */
export function announcedWaitMs({ retryAfterMs: asked, windows }: Announced): number | undefined {
  if (asked !== undefined) return asked;
  const waits = windows.flatMap(({ remaining, resetMs: reset }) =>
    remaining === 0 && reset !== undefined ? [reset] : [],
  );
  return waits.length === 0 ? undefined : Math.max(...waits);
}

/** Reads `RateLimit` and `RateLimit-Policy`. A policy without a state is a window too: it has the limit. */
function standardWindows(headers: HeaderFields): AnnouncedWindow[] {
  const state = field(headers, 'ratelimit') ?? '';
  const policies = policiesOf(headers);
  const windows: AnnouncedWindow[] = [];
  for (const { item, parameters } of listField(state)) {
    const remaining = count(parameters.get('r'));
    if (typeof item !== 'string' || remaining === undefined) continue;
    const reset = optional('resetMs', seconds(parameters.get('t')));
    windows.push({ name: item, unit: 'requests', ...policies.get(item), remaining, ...reset });
    policies.delete(item);
  }
  if (windows.length === 0) windows.push(...dictionaryWindow(state, policies));
  for (const [name, policy] of policies)
    if (policy.limit !== undefined) windows.push({ name, unit: 'requests', ...policy });
  return windows;
}

function policiesOf(headers: HeaderFields): Map<string, Partial<AnnouncedWindow>> {
  const policies = new Map<string, Partial<AnnouncedWindow>>();
  for (const { item, parameters } of listField(field(headers, 'ratelimit-policy') ?? '')) {
    // Older drafts have the limit in place of the name: `10;w=1, 50;w=60`.
    const isNamed = typeof item === 'string';
    const name = isNamed ? item : policies.size === 0 ? 'default' : `default ${policies.size + 1}`;
    const unit = parameters.get('qu');
    policies.set(name, {
      ...(typeof unit === 'string' && { unit }),
      ...optional('limit', count(isNamed ? parameters.get('q') : item)),
      ...optional('perMs', seconds(parameters.get('w'))),
    });
  }
  return policies;
}

/** Draft 7: `limit=100, remaining=50, reset=5`. */
function dictionaryWindow(state: string, policies: Map<string, Partial<AnnouncedWindow>>): AnnouncedWindow[] {
  const members = dictionaryField(state);
  const remaining = count(members.get('remaining')?.item);
  if (remaining === undefined) return [];
  const limit = count(members.get('limit')?.item);
  const [name, policy] = [...policies].find(([, each]) => each.limit === limit) ?? ['default', {}];
  policies.delete(name);
  const reset = optional('resetMs', seconds(members.get('reset')?.item));
  return [{ name, unit: 'requests', ...policy, ...optional('limit', limit), remaining, ...reset }];
}

/** `x-ratelimit-remaining-tokens` (OpenAI and its followers) and `anthropic-ratelimit-tokens-remaining`. */
function unitWindows(headers: HeaderFields, now: number): AnnouncedWindow[] {
  return UNITS.flatMap((unit) => [
    ...threeHeaders(headers, now, 'openai', unit, (what) => `x-ratelimit-${what}-${unit}`),
    ...threeHeaders(headers, now, 'anthropic', unit, (what) => `anthropic-ratelimit-${unit}-${what}`),
  ]);
}

function threeHeaderWindow(headers: HeaderFields, now: number): AnnouncedWindow[] {
  const name = field(headers, 'x-ratelimit-resource') ?? 'default';
  for (const prefix of THREE_HEADER_PREFIXES) {
    const windows = threeHeaders(headers, now, name, 'requests', (what) => `${prefix}${what}`);
    if (windows.length > 0) return windows;
  }
  return [];
}

function threeHeaders(
  headers: HeaderFields,
  now: number,
  name: string,
  unit: string,
  nameOf: (what: 'limit' | 'remaining' | 'reset' | 'reset-after') => string,
): AnnouncedWindow[] {
  // `100, 100;w=60`: an older draft has the policy after the limit.
  const limit = plainNumber(field(headers, nameOf('limit'))?.split(/[,;]/, 1)[0]?.trim());
  const remaining = plainNumber(field(headers, nameOf('remaining')));
  if (limit === undefined && remaining === undefined) return [];
  const after = secondsMs(field(headers, nameOf('reset-after')));
  const reset = after ?? resetMs(field(headers, nameOf('reset')), now);
  return [
    {
      name,
      unit,
      ...optional('limit', limit),
      ...optional('remaining', remaining),
      ...optional('resetMs', reset),
    },
  ];
}

function field(headers: HeaderFields, name: string): string | undefined {
  try {
    const value: unknown = headers[name];
    if (typeof value !== 'string' || value.length > MAX_LENGTH) return undefined;
    const text = value.trim();
    return text === '' ? undefined : text;
  } catch {
    return undefined;
  }
}

/** `Math.abs` turns `-0`, which a structured field may hold, into 0. */
function count(item: BareItem | undefined): number | undefined {
  return typeof item === 'number' && Number.isInteger(item) && item >= 0 ? Math.abs(item) : undefined;
}

function seconds(item: BareItem | undefined): number | undefined {
  return typeof item === 'number' && item >= 0 ? Math.abs(item) * 1000 : undefined;
}

function optional<N extends string>(name: N, value: number | undefined): { [K in N]?: number } {
  return (value === undefined ? {} : { [name]: value }) as { [K in N]?: number };
}
